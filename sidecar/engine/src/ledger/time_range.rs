//! A range of time.

use mapwarden_contract::UnixNanos;

/// A range of time that excludes its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeRange {
    /// The first moment.
    pub from: UnixNanos,
    /// The moment after the last one.
    pub to: UnixNanos,
}

impl TimeRange {
    pub(super) fn overlaps(self, other: Self) -> bool {
        self.from < other.to && other.from < self.to
    }

    /// Whether it holds a moment, its end included, because a period ends now.
    pub(super) fn holds(self, at: UnixNanos) -> bool {
        self.from <= at && at <= self.to
    }
}
