//! The null hypothesis of the sequential test: that there is no fault.

use mapwarden_contract::{Nanos, Ratio, UnixNanos};

use crate::aggregate::slot::Level;

/// What the sequential test takes for no fault.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct NullHypothesis {
    /// The error ratio up to which there is no fault.
    pub(super) limit: Ratio,
    /// The time between the senders' points.
    pub(super) interval: Nanos,
    /// How long evidence is gathered at most: what takes longer is left to the tiers.
    pub(super) memory: Nanos,
    /// How many bad events within that time make the tier fire: more are a fault, and no usual run.
    pub(super) fault: f64,
}

impl NullHypothesis {
    /// Returns how long evidence is gathered at most, in seconds.
    pub(super) const fn memory_seconds(&self) -> u64 {
        second_of(UnixNanos::new(self.memory.get()))
    }
}

/// Returns the second that a time lies in.
pub(super) const fn second_of(time: UnixNanos) -> u64 {
    time.get() / Level::Second.width().get()
}
