//! Notices of missing telemetry. Comes in: until when each objective is measured. Goes out: notices, opened and resolved.
//! Never counts silence as good or bad, and never changes the notice of a fault.

use std::collections::BTreeMap;

use mapwarden_contract::{Nanos, UnixNanos};
use mapwarden_objective::Severity;

use super::content::{Notice, Transition};
use super::evaluated::EvaluatedObjective;
use super::known::Known;
use super::open_notice::{OpeningCause, blank};
use super::trigger::Trigger;
use crate::aggregate::objective::ObjectiveState;
use crate::aggregate::slot::Counts;
use crate::aggregate::terms::EnabledAlerts;
use crate::aggregate::timestamp;
use crate::budget::Tier;

/// How long telemetry may be missing before a notice opens. Raised, a sender that is gone is noticed later; lowered, each
/// restart of a service opens a notice.
const SILENT: Nanos = Nanos::from_secs(300);

/// How many of a sender's own intervals may be missed, where those are long.
const MISSED: u64 = 3;

/// When a silent objective is considered gone, and its notice ends: its series are forgotten then, too. Raised, the notice
/// of a service that was taken out of use stays open for longer.
const GONE: Nanos = Nanos::from_secs(86_400);

/// The open notices of missing telemetry, and since when telemetry is watched.
#[derive(Default)]
pub(super) struct NoDataNotices {
    open: BTreeMap<String, Notice>,
    watching_since: Option<UnixNanos>,
}

impl NoDataNotices {
    /// Opens or resolves the notice of one objective.
    pub(super) fn step(&mut self, evaluated: EvaluatedObjective<'_>) -> Option<(Transition, Notice)> {
        let EvaluatedObjective { id, objective, view, budget } = evaluated;
        let watching_since = *self.watching_since.get_or_insert(view.now);
        let last = objective.covered_until;
        let silence = view.now.since(last.max(watching_since));
        let is_gone = view.now.since(last) >= GONE;
        let Some(mut notice) = self.open.remove(id) else {
            let is_missing = silence >= patience(objective) && !is_gone && !budget.is_planned;
            let was_measured = objective.totals != Counts::default();
            let notice = (is_missing && was_measured).then(|| begin(evaluated)).flatten()?;
            self.open.insert(id.to_owned(), notice.clone());
            return Some((Transition::Opened, notice));
        };
        let reason = match (last > onset_of(&notice), is_gone) {
            (true, _) => "; telemetry is back",
            (false, true) => "; considered gone after a day",
            (false, false) => {
                self.open.insert(id.to_owned(), notice);
                return None;
            }
        };
        notice.resolve(timestamp(view.now), reason);
        notice.updated = timestamp(view.now);
        Some((Transition::Resolved, notice))
    }

    /// Removes and returns the notices of objectives that no longer exist.
    pub(super) fn take_orphans(&mut self, is_known: impl Fn(&String) -> bool) -> Vec<Notice> {
        self.open.extract_if(.., |id, _| !is_known(id)).map(|(_, notice)| notice).collect()
    }

    /// Puts back an open notice from the store.
    pub(super) fn restore(&mut self, notice: Notice) {
        self.open.insert(notice.slo.clone(), notice);
    }

    /// Returns the open notices.
    pub(super) fn all(&self) -> impl Iterator<Item = &Notice> {
        self.open.values()
    }
}

/// How long an objective's telemetry may be missing.
fn patience(objective: &ObjectiveState) -> Nanos {
    SILENT.max(Nanos::new(objective.interval().get().saturating_mul(MISSED)))
}

/// The moment at which telemetry ended, to the nanosecond, from the notice.
fn onset_of(notice: &Notice) -> UnixNanos {
    UnixNanos::new(u64::try_from(notice.onset.as_nanosecond()).unwrap_or(0))
}

/// Opens a notice; none where the objective has neither pages nor tickets.
fn begin(evaluated: EvaluatedObjective<'_>) -> Option<Notice> {
    let EvaluatedObjective { id, objective, view, budget } = evaluated;
    let severity = match objective.terms().alerts {
        EnabledAlerts::Both | EnabledAlerts::Tickets => Severity::Ticket,
        EnabledAlerts::Pages => Severity::Page,
        EnabledAlerts::Neither => return None,
    };
    let cause = OpeningCause { tier: Tier::SLOW_TICKET, trigger: Trigger::no_data(patience(objective)) };
    let mut notice = blank(id, objective, &cause, view.now);
    notice.severity = severity;
    notice.onset = timestamp(objective.covered_until);
    notice.onset_uncertainty = objective.interval();
    notice.impact.since = notice.onset;
    notice.impact.basis = "nothing was measured".to_owned();
    if let Some(remaining) = budget.remaining {
        notice.budget.remaining = Known::Value(remaining);
    }
    notice.budget.known_for = view.now.since(objective.since);
    notice.summary = format!(
        "no data: {} is not measured since {}; its budget and its alerts stay as they were",
        objective.definition.sli.name(),
        notice.onset.strftime("%H:%M:%SZ")
    );
    Some(notice)
}
