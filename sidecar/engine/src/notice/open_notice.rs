//! One open notice: what it continues to count, and its evidence, measured again each second. Comes in: an objective at one
//! moment. Goes out: the notice. Never decides whether it stays open.

use std::hash::Hasher as _;

use mapwarden_contract::{Nanos, UnixNanos, UserSketch};
use siphasher::sip128::{Hasher128 as _, SipHasher24};
use ulid::Ulid;

use super::content::{Notice, NoticeState};
use super::evaluated::EvaluatedObjective;
use super::evidence::{self, FaultCost, Impact, ImpactSketches, MapEvidence, ObservedFault};
use super::known::Known;
use super::onset::Onset;
use super::patterns;
use super::summary::summary;
use super::trigger::{Trigger, TriggerKind};
use crate::aggregate::objective::{About, ObjectiveState};
use crate::aggregate::traffic::Audience;
use crate::aggregate::users::UserRing;
use crate::aggregate::{SPANS, WindowView, timestamp};
use crate::budget::Tier;

/// The ages at which an open notice is sent again; then every five minutes.
const UPDATES: [Nanos; 4] =
    [Nanos::from_secs(10), Nanos::from_secs(30), Nanos::from_secs(60), Nanos::from_secs(180)];

/// Why a notice is opened.
pub(super) struct OpeningCause {
    /// The tier that keeps it open.
    pub(super) tier: Tier,
    pub(super) trigger: Trigger,
}

/// An open notice and what it continues to count.
pub(super) struct OpenNotice {
    pub(super) notice: Notice,
    pub(super) tier: Tier,
    pub(super) onset: Onset,
    pub(super) floor: UnixNanos,
    pub(super) users_since: UnixNanos,
    pub(super) users: ImpactSketches,
    pub(super) tenants: ImpactSketches,
    pub(super) burning_at: UnixNanos,
    pub(super) opened_at: UnixNanos,
    pub(super) updates_sent: usize,
}

impl OpenNotice {
    /// Measures the evidence again, up to the last moment at which the fault burned.
    pub(super) fn refresh(&mut self, evaluated: EvaluatedObjective<'_>) {
        let EvaluatedObjective { objective, budget, view, id: _ } = evaluated;
        self.collect_users(objective, view);
        let fault = ObservedFault {
            view,
            objective,
            budget,
            onset: self.onset,
            until: self.burning_at,
            floor: self.floor,
            users_since: self.users_since,
            users: &self.users,
            tenants: &self.tenants,
        };
        let traffic = evidence::region_traffic(&fault);
        // Destructured, so that a new field cannot be forgotten. What identifies the notice stays as it is.
        let Notice {
            id: _,
            slo: _,
            service: _,
            team: _,
            state: _,
            severity,
            summary: _,
            onset,
            onset_uncertainty,
            opened: _,
            updated,
            resolved: _,
            trigger: _,
            budget,
            slis,
            recent_changes,
            impact,
            spent_by,
            dependencies,
            map,
            examples,
            hypotheses: _,
            coverage,
        } = &mut self.notice;
        *severity = self.tier.severity();
        *onset = timestamp(self.onset.at);
        *onset_uncertainty = self.onset.uncertainty;
        *updated = timestamp(view.now);
        *budget = evidence::cost(&fault);
        *slis = evidence::slis(&fault);
        *recent_changes = evidence::recent_changes(&fault);
        *impact = evidence::impact(&fault);
        *spent_by = evidence::spent_by(&fault);
        *dependencies = evidence::dependencies(&fault);
        let before = std::mem::replace(map, evidence::map(&fault));
        keep_oldest_write(before, map);
        // After a restart the traces of the stored notice are the only ones until new ones arrive.
        let found = evidence::examples(&fault);
        if !found.is_empty() {
            *examples = found;
        }
        *coverage = fault.coverage();
        // These are made from the other fields.
        self.notice.hypotheses = patterns::hypotheses(&self.notice, &traffic);
        self.notice.summary = summary(&self.notice, objective);
    }

    /// Adds the users and tenants of the fault so far.
    fn collect_users(&mut self, objective: &ObjectiveState, view: &WindowView<'_>) {
        let audience = audience(objective, view);
        let failed = match objective.definition.about {
            About::Metric(_) => audience.map(|audience| &audience.failed),
            About::Scope(_) | About::Map(_) | About::Derived(_) => Some(&objective.affected),
        };
        let (since, until) = (self.users_since, self.burning_at);
        let collect = |ring: Option<&UserRing>, sketch: &mut UserSketch| {
            ring.into_iter().for_each(|ring| ring.collect(since, until, sketch));
        };
        collect(failed, &mut self.users.affected);
        collect(audience.map(|audience| &audience.active), &mut self.users.active);
        collect(Some(&objective.affected_tenants), &mut self.tenants.affected);
        collect(audience.map(|audience| &audience.tenants), &mut self.tenants.active);
    }

    /// Leaves out the updates that were due until now: after a restart they are not all sent at once.
    pub(super) fn skip_to(&mut self, now: UnixNanos) {
        while self.is_due(now) {
            self.updates_sent += 1;
        }
    }

    /// Whether the next update is due.
    pub(super) fn is_due(&self, now: UnixNanos) -> bool {
        let age = now.since(self.opened_at);
        let next = UPDATES.get(self.updates_sent).copied().unwrap_or_else(|| {
            let later = u64::try_from(self.updates_sent - UPDATES.len()).unwrap_or(0);
            Nanos::from_secs(300 * (later + 1))
        });
        age >= next
    }
}

/// The users of the objective's requests.
fn audience<'a>(objective: &ObjectiveState, view: &WindowView<'a>) -> Option<&'a Audience> {
    let scope: &str = match &objective.definition.about {
        About::Scope(scope) => scope,
        About::Metric(_) => SPANS,
        About::Map(_) | About::Derived(_) => return None,
    };
    view.audience(&objective.definition.service, scope)
}

/// Returns a notice with no evidence yet. Its id is a ULID of the time, its random part made from the objective.
pub(super) fn blank(id: &str, objective: &ObjectiveState, cause: &OpeningCause, now: UnixNanos) -> Notice {
    let mut hasher = SipHasher24::new();
    hasher.write(id.as_bytes());
    hasher.write_u64(now.get());
    // An objective may have a notice of a fault and one of missing telemetry of the same moment.
    hasher.write(cause.trigger.why.as_bytes());
    let definition = &objective.definition;
    let unmeasured = || match cause.trigger.kind {
        TriggerKind::Tier | TriggerKind::Sequential => "not measured yet".to_owned(),
        TriggerKind::NoData => "nothing is measured".to_owned(),
    };
    Notice {
        id: Ulid::from_parts(now.get() / 1_000_000, hasher.finish128().as_u128()).to_string(),
        slo: id.to_owned(),
        service: definition.service.to_string(),
        team: Known::or_missing(
            definition.team.as_ref().map(ToString::to_string),
            "the service sends no team",
        ),
        state: NoticeState::Open,
        severity: cause.tier.severity(),
        summary: String::new(),
        onset: timestamp(now),
        onset_uncertainty: Nanos::ZERO,
        opened: timestamp(now),
        updated: timestamp(now),
        resolved: None,
        trigger: Some(cause.trigger.clone()),
        budget: FaultCost {
            target: definition.target,
            remaining: Known::missing(unmeasured()),
            spent_by_this: Known::missing(unmeasured()),
            exhausted_in: Known::missing(unmeasured()),
            known_for: Nanos::ZERO,
        },
        slis: Vec::new(),
        recent_changes: Known::missing(unmeasured()),
        impact: Impact {
            affected_users: Known::missing(unmeasured()),
            interval: Known::missing(unmeasured()),
            share_of_active: Known::missing(unmeasured()),
            affected_tenants: Known::missing(unmeasured()),
            tenants_interval: None,
            share_of_active_tenants: None,
            regions: Known::missing(unmeasured()),
            latency: Known::missing(unmeasured()),
            since: timestamp(now),
            until: timestamp(now),
            basis: String::new(),
        },
        spent_by: Known::missing(unmeasured()),
        dependencies: Known::missing(unmeasured()),
        map: Known::missing(unmeasured()),
        examples: Vec::new(),
        hypotheses: Vec::new(),
        coverage: Known::missing(unmeasured()),
    }
}

/// Keeps the longest time without a write: once the map is written again, the age of the write is not about the fault.
fn keep_oldest_write(before: Known<MapEvidence>, now: &mut Known<MapEvidence>) {
    if let (Known::Value(before), Known::Value(now)) = (before, now)
        && before.name == now.name
    {
        now.without_write = now.without_write.max(before.without_write);
    }
}
