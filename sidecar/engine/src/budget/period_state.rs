//! The period of a budget at one moment.

use mapwarden_contract::{Count, Nanos, Ratio, UnixNanos};

use crate::aggregate::slot::Counts;

/// The period of a budget at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PeriodState {
    /// When it began: for a rolling period, one length ago.
    pub start: UnixNanos,
    /// When the next one begins, with a budget of its own; none for a rolling period.
    pub next: Option<UnixNanos>,
    /// How long it is; one of the calendar in round numbers, see [`Terms::length`](crate::aggregate::terms::Terms::length).
    pub length: Nanos,
    /// Good events.
    pub good: Count,
    /// Bad events.
    pub bad: Count,
    /// Share of it, since the objective became known and up to now, for which telemetry arrived.
    pub coverage: Option<Ratio>,
    /// How much of it telemetry accounts for.
    pub covered: Nanos,
}

impl PeriodState {
    /// All events.
    pub fn total(&self) -> Count {
        self.good + self.bad
    }

    /// The events of the period.
    pub(crate) const fn counts(&self) -> Counts {
        Counts { good: self.good, bad: self.bad, covered: self.covered }
    }
}
