//! What is left out, and why. Comes in: reasons. Goes out: how many points or events each reason took. Never stops the
//! rest of a batch.

use std::collections::BTreeMap;

/// Why a point adds nothing. A closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ignored {
    /// It arrived before, or is older than the last point: a retry, or a late arrival that a newer cumulative point has
    /// overtaken.
    Duplicate,
    /// The sidecar holds as many series as it may.
    TooManySeries,
    /// SLI events of an objective that was never declared.
    UnknownObjective,
    /// A metric of the SDK without the attributes or the kind that it has by contract.
    Malformed,
    /// A latency objective's threshold is not a bound of the histogram.
    ThresholdOffBound,
    /// It lies more than five minutes ahead of the sidecar's clock.
    FromTheFuture,
    /// Bad events for which no total arrived within two minutes: they were counted bad and beside the total.
    BadAboveTotal,
    /// A hot key of a map that has as many as it may, all of them reported within 30 seconds.
    TooManyHotKeys,
    /// Events of a time slice, of an objective that counts those, that came more than ten seconds after its end.
    AfterSlice,
}

impl Ignored {
    /// Every reason.
    pub const ALL: [Self; 9] = [
        Self::Duplicate,
        Self::TooManySeries,
        Self::UnknownObjective,
        Self::Malformed,
        Self::ThresholdOffBound,
        Self::FromTheFuture,
        Self::BadAboveTotal,
        Self::TooManyHotKeys,
        Self::AfterSlice,
    ];

    /// The label's value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::TooManySeries => "too_many_series",
            Self::UnknownObjective => "unknown_objective",
            Self::Malformed => "malformed",
            Self::ThresholdOffBound => "threshold_off_bound",
            Self::FromTheFuture => "from_the_future",
            Self::BadAboveTotal => "bad_above_total",
            Self::TooManyHotKeys => "too_many_hot_keys",
            Self::AfterSlice => "after_slice",
        }
    }
}

/// How many points or events were left out, by reason.
#[derive(Clone, Debug)]
pub(super) struct IgnoredCounts(BTreeMap<Ignored, u64>);

impl IgnoredCounts {
    /// Every reason at zero.
    pub(super) fn new() -> Self {
        Self(Ignored::ALL.map(|reason| (reason, 0)).into())
    }

    pub(super) fn add(&mut self, reason: Ignored, points: u64) {
        if points > 0 {
            *self.0.entry(reason).or_default() += points;
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Ignored, u64)> {
        self.0.iter().map(|(reason, count)| (*reason, *count))
    }
}
