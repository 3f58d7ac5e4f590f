//! The sidecar's time. Comes in: the time of each batch and step. Goes out: whether the clock was set back. Never reads a
//! clock.

use jiff::Timestamp;
use mapwarden_contract::{Nanos, UnixNanos};

/// By how much the clock must have gone back to count as set back: batches overtake each other by less.
const CLOCK_STEP: Nanos = Nanos::from_secs(5);

/// Since when the sidecar watches, and the latest time at which something arrived.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    watching_since: UnixNanos,
    latest: UnixNanos,
}

impl Clock {
    pub(super) const fn new(watching_since: UnixNanos) -> Self {
        Self { watching_since, latest: watching_since }
    }

    /// Since when the sidecar watches: series that began earlier count from their first point on.
    pub(super) const fn watching_since(&self) -> UnixNanos {
        self.watching_since
    }

    /// Moves to the time at which something arrived; true if the clock was set back.
    pub(super) fn advance(&mut self, received: UnixNanos) -> bool {
        let is_set_back = received + CLOCK_STEP < self.latest;
        if is_set_back {
            self.watching_since = self.watching_since.min(received);
            self.latest = received;
        }
        self.latest = self.latest.max(received);
        is_set_back
    }
}

/// Returns a time for people and JSON; times outside of every calendar are 1970.
pub fn timestamp(time: UnixNanos) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(time.get())).unwrap_or(Timestamp::UNIX_EPOCH)
}
