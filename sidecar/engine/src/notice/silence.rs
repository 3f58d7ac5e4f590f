//! Objectives whose telemetry has ended. Comes in: until when each is measured. Goes out: notices that say so, opened and
//! resolved. Never takes silence for good or bad, and never touches the notice of a fault.

use std::collections::BTreeMap;

use mapwarden_contract::{Nanos, UnixNanos};

use super::engine::Case;
use super::open::{Cause, blank};
use super::{Event, Known, Notice, State, trigger};
use crate::aggregate::objective::ObjectiveState;
use crate::aggregate::slot::Counts;
use crate::aggregate::terms::EnabledAlerts;
use crate::aggregate::timestamp;
use crate::budget::Tier;
use mapwarden_objective::Severity;

/// After how long without telemetry somebody is told. Raised, a sender that is gone is missed longer; lowered, each
/// restart of a service is told.
const SILENT: Nanos = Nanos::from_secs(300);

/// How many of a sender's own intervals may be missed, where those are long.
const MISSED: u64 = 3;

/// When what is silent is taken for gone, and its notice ends: its series are forgotten then, too. Raised, the notice
/// of a service that was taken out of use stays open for longer.
const GONE: Nanos = Nanos::from_secs(86_400);

/// The open notices of objectives whose telemetry has ended, and since when it is watched at all.
#[derive(Default)]
pub(super) struct Silences {
    open: BTreeMap<String, Notice>,
    watching_since: Option<UnixNanos>,
}

impl Silences {
    /// What has happened to the telemetry of one objective.
    pub(super) fn look(&mut self, case: Case<'_>) -> Option<(Event, Notice)> {
        let Case { id, objective, view, budget } = case;
        let watching_since = *self.watching_since.get_or_insert(view.now);
        let last = objective.covered_until;
        let silence = view.now.since(last.max(watching_since));
        let is_gone = view.now.since(last) >= GONE;
        let Some(mut notice) = self.open.remove(id) else {
            let is_told = silence >= patience(objective) && !is_gone && !budget.is_planned;
            let is_measured = objective.totals != Counts::default();
            let notice = (is_told && is_measured).then(|| begin(case)).flatten()?;
            self.open.insert(id.to_owned(), notice.clone());
            return Some((Event::Opened, notice));
        };
        let ending = match (last > onset_of(&notice), is_gone) {
            (true, _) => "; telemetry is back",
            (false, true) => "; taken for gone after a day",
            (false, false) => {
                self.open.insert(id.to_owned(), notice);
                return None;
            }
        };
        notice.state = State::Resolved;
        notice.resolved = Some(timestamp(view.now));
        notice.updated = timestamp(view.now);
        notice.summary.push_str(ending);
        Some((Event::Resolved, notice))
    }

    /// Takes out the notices of objectives that are no more.
    pub(super) fn orphans(&mut self, is_known: impl Fn(&String) -> bool) -> Vec<Notice> {
        self.open.extract_if(.., |id, _| !is_known(id)).map(|(_, notice)| notice).collect()
    }

    /// Puts back an open one that the store kept.
    pub(super) fn restore(&mut self, notice: Notice) {
        self.open.insert(notice.slo.clone(), notice);
    }

    /// The open ones.
    pub(super) fn all(&self) -> impl Iterator<Item = &Notice> {
        self.open.values()
    }
}

/// How long an objective may be silent.
fn patience(objective: &ObjectiveState) -> Nanos {
    SILENT.max(Nanos::new(objective.interval().get().saturating_mul(MISSED)))
}

/// The moment at which telemetry had ended, to the nanosecond, as the notice has it.
fn onset_of(notice: &Notice) -> UnixNanos {
    UnixNanos::new(u64::try_from(notice.onset.as_nanosecond()).unwrap_or(0))
}

/// The notice; none where nobody is to be told.
fn begin(case: Case<'_>) -> Option<Notice> {
    let Case { id, objective, view, budget } = case;
    let severity = match objective.terms().alerts {
        EnabledAlerts::Both | EnabledAlerts::Tickets => Severity::Ticket,
        EnabledAlerts::Pages => Severity::Page,
        EnabledAlerts::Neither => return None,
    };
    let cause = Cause { tier: Tier::SLOW_TICKET, trigger: trigger::ended(patience(objective)) };
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
