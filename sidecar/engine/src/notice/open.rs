//! One open notice: what it goes on counting, and its numbers, taken anew each time. Never decides whether it goes on.

use std::hash::Hasher as _;

use mapwarden_contract::{Nanos, UnixNanos, UserSketch};
use siphasher::sip128::{Hasher128 as _, SipHasher24};
use ulid::Ulid;

use super::engine::Case;
use super::evidence::{self, Crowd, Fault};
use super::onset::Onset;
use super::{Known, MapEvidence, Notice, State, Trigger, TriggerKind, patterns};
use crate::aggregate::objective::{About, ObjectiveState, SliKind};
use crate::aggregate::traffic::Audience;
use crate::aggregate::users::UserRing;
use crate::aggregate::{SPANS, WindowView, timestamp};
use crate::budget::Tier;

/// After which age an open notice is told again; then each five minutes.
const UPDATES: [Nanos; 4] =
    [Nanos::from_secs(10), Nanos::from_secs(30), Nanos::from_secs(60), Nanos::from_secs(180)];

/// Why a notice is opened.
pub(super) struct Cause {
    /// The tier by which it goes on.
    pub(super) tier: Tier,
    pub(super) trigger: Trigger,
}

/// An open notice and what it goes on counting.
pub(super) struct Open {
    pub(super) notice: Notice,
    pub(super) tier: Tier,
    pub(super) onset: Onset,
    pub(super) floor: UnixNanos,
    pub(super) users_since: UnixNanos,
    pub(super) users: Crowd,
    pub(super) tenants: Crowd,
    pub(super) burning_at: UnixNanos,
    pub(super) opened_at: UnixNanos,
    pub(super) told: usize,
}

impl Open {
    /// Takes every number anew, up to the last moment at which the fault went on.
    pub(super) fn refresh(&mut self, case: Case<'_>) {
        let Case { objective, budget, view, id: _ } = case;
        let until = self.burning_at;
        let audience = audience(objective, view);
        let failed = match objective.definition.about {
            About::Metric(_) => audience.map(|audience| &audience.failed),
            About::Scope(_) | About::Map(_) | About::Derived(_) => Some(&objective.affected),
        };
        let since = self.users_since;
        let collect = |ring: Option<&UserRing>, sketch: &mut UserSketch| {
            ring.into_iter().for_each(|ring| ring.collect(since, until, sketch));
        };
        collect(failed, &mut self.users.affected);
        collect(audience.map(|audience| &audience.active), &mut self.users.active);
        collect(Some(&objective.affected_tenants), &mut self.tenants.affected);
        collect(audience.map(|audience| &audience.tenants), &mut self.tenants.active);
        let fault = Fault {
            view,
            objective,
            budget,
            onset: self.onset,
            until,
            floor: self.floor,
            users_since: self.users_since,
            users: &self.users,
            tenants: &self.tenants,
        };
        let traffic = evidence::region_traffic(&fault);
        let notice = &mut self.notice;
        notice.severity = self.tier.severity();
        notice.onset = timestamp(self.onset.at);
        notice.onset_uncertainty = self.onset.uncertainty;
        notice.updated = timestamp(view.now);
        notice.budget = fault.cost();
        notice.slis = evidence::slis(&fault);
        notice.recent_changes = evidence::recent_changes(&fault);
        notice.impact = evidence::impact(&fault);
        notice.spent_by = evidence::spent_by(&fault);
        notice.dependencies = evidence::dependencies(&fault);
        let before = std::mem::replace(&mut notice.map, evidence::map(&fault));
        keep_oldest_write(before, &mut notice.map);
        // After a restart the traces that were told are all that there is until new ones come.
        let examples = evidence::examples(&fault);
        if !examples.is_empty() {
            notice.examples = examples;
        }
        notice.coverage = fault.coverage();
        notice.hypotheses = patterns::hypotheses(notice, &traffic);
        notice.summary = summary(notice, objective);
    }

    /// Leaves out the updates that were due until now: after a restart they are not all told at once.
    pub(super) fn skip_to(&mut self, now: UnixNanos) {
        while self.is_due(now) {
            self.told += 1;
        }
    }

    pub(super) fn is_due(&self, now: UnixNanos) -> bool {
        let age = now.since(self.opened_at);
        let next = UPDATES.get(self.told).copied().unwrap_or_else(|| {
            let later = u64::try_from(self.told - UPDATES.len()).unwrap_or(0);
            Nanos::from_secs(300 * (later + 1))
        });
        age >= next
    }
}

/// The users that the objective's events belong to.
fn audience<'a>(objective: &ObjectiveState, view: &WindowView<'a>) -> Option<&'a Audience> {
    let scope: &str = match &objective.definition.about {
        About::Scope(scope) => scope,
        About::Metric(_) => SPANS,
        About::Map(_) | About::Derived(_) => return None,
    };
    view.audience(&objective.definition.service, scope)
}

/// A notice with no evidence yet. Its id is a ULID of the time, its random part made from the objective.
pub(super) fn blank(id: &str, objective: &ObjectiveState, cause: &Cause, now: UnixNanos) -> Notice {
    let mut hasher = SipHasher24::new();
    hasher.write(id.as_bytes());
    hasher.write_u64(now.get());
    // An objective may have a notice of a fault and one of missing telemetry of the same moment.
    hasher.write(cause.trigger.why.as_bytes());
    let definition = &objective.definition;
    let untaken = || match cause.trigger.kind {
        TriggerKind::Tier | TriggerKind::Sequential => "not taken yet".to_owned(),
        TriggerKind::NoData => "nothing is measured".to_owned(),
    };
    Notice {
        id: Ulid::from_parts(now.get() / 1_000_000, hasher.finish128().as_u128()).to_string(),
        slo: id.to_owned(),
        service: definition.service.to_string(),
        team: definition
            .team
            .as_ref()
            .map_or_else(|| Known::missing("not told by the service"), |team| Known::Value(team.to_string())),
        state: State::Open,
        severity: cause.tier.severity(),
        summary: String::new(),
        onset: timestamp(now),
        onset_uncertainty: Nanos::ZERO,
        opened: timestamp(now),
        updated: timestamp(now),
        resolved: None,
        trigger: Some(cause.trigger.clone()),
        budget: super::Budget {
            target: definition.target,
            remaining: Known::missing(untaken()),
            spent_by_this: Known::missing(untaken()),
            exhausted_in: Known::missing(untaken()),
            known_for: Nanos::ZERO,
        },
        slis: Vec::new(),
        recent_changes: Known::missing(untaken()),
        impact: super::Impact {
            affected_users: Known::missing(untaken()),
            interval: Known::missing(untaken()),
            share_of_active: Known::missing(untaken()),
            affected_tenants: Known::missing(untaken()),
            tenants_interval: None,
            share_of_active_tenants: None,
            regions: Known::missing(untaken()),
            latency: Known::missing(untaken()),
            since: timestamp(now),
            until: timestamp(now),
            basis: String::new(),
        },
        spent_by: Known::missing(untaken()),
        dependencies: Known::missing(untaken()),
        map: Known::missing(untaken()),
        examples: Vec::new(),
        hypotheses: Vec::new(),
        coverage: Known::missing(untaken()),
    }
}

/// Keeps how old a map's last write became: once it is written again, its age says nothing about the fault.
fn keep_oldest_write(before: Known<MapEvidence>, now: &mut Known<MapEvidence>) {
    if let (Known::Value(before), Known::Value(now)) = (before, now)
        && before.name == now.name
    {
        now.without_write = now.without_write.max(before.without_write);
    }
}

/// One line for a pager: what, how bad, for whom, and the likeliest reason.
fn summary(notice: &Notice, objective: &ObjectiveState) -> String {
    let percent = |value: f64| format!("{:.2}%", value * 100.0);
    let sli = notice.slis.first();
    let moved = sli.and_then(|sli| match (sli.baseline.value(), sli.current.value()) {
        (Some(before), Some(now)) => Some(format!("{} {} -> {}", sli.name, percent(*before), percent(*now))),
        (None, Some(now)) => Some(format!("{} {}", sli.name, percent(*now))),
        (_, None) => None,
    });
    let mut line = moved.unwrap_or_else(|| objective.definition.sli.name().to_owned());
    let target = percent(objective.definition.target.get()).replace(".00%", "%");
    match objective.definition.sli {
        SliKind::Freshness { threshold } => {
            line.push_str(&format!(" (target {target}, last write at most {} ago)", seconds(threshold)));
        }
        SliKind::Availability | SliKind::Latency { .. } | SliKind::HitRatio => {
            line.push_str(&format!(" (target {target})"));
        }
    }
    line.push_str(&staleness(notice, objective).unwrap_or_default());
    if let Some(users) = notice.impact.affected_users.value() {
        let regions = notice.impact.regions.value().and_then(|regions| {
            regions
                .iter()
                .max_by(|a, b| a.1.get().total_cmp(&b.1.get()))
                .map(|(name, share)| format!(", {:.0}% {name}", share.get() * 100.0))
        });
        let tenants = notice.impact.affected_tenants.value();
        let tenants = tenants.map(|tenants| format!(" of {tenants} tenants"));
        line.push_str(&format!(
            ", {users} users{}{}",
            tenants.unwrap_or_default(),
            regions.unwrap_or_default()
        ));
    }
    if let Some(change) = patterns::suspect(notice) {
        line.push_str(&format!(", suspect {}", patterns::name_of(change)));
    }
    line
}

/// Which map was not written, and for how long; none where the objective is about something else.
fn staleness(notice: &Notice, objective: &ObjectiveState) -> Option<String> {
    let (SliKind::Freshness { .. }, Known::Value(map)) = (objective.definition.sli, &notice.map) else {
        return None;
    };
    Some(format!(", {} not written for {}", map.name, seconds(map.without_write?)))
}

fn seconds(span: Nanos) -> String {
    format!("{:.0} s", span.as_secs_f64())
}
