//! How many spans a second: a token bucket for each reason to make one, so that a storm of one kind leaves room
//! for the others.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::record::Dropped;
use mapwarden_contract::Nanos;

/// Spans a second for each reason, and the burst. Raised, an incident leaves more examples and costs the service
/// and the receiver more; every event is counted either way.
const SPANS_PER_SECOND: u64 = 50;

/// How long a bucket takes to get room for a span.
const NANOS_PER_SPAN: u64 = 1_000_000_000 / SPANS_PER_SECOND;

/// Why a span is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The request was chosen when it began.
    Sampled,
    /// The request failed.
    Failed,
    /// The request missed its latency objective.
    Slow,
    /// The call to a dependency failed, or belongs to a chosen request.
    Dependency,
    /// The map operation was slow or failed.
    MapOp,
}

/// One bucket for each [`Why`].
#[derive(Debug)]
pub(crate) struct Limits {
    sampled: TokenBucket,
    failed: TokenBucket,
    slow: TokenBucket,
    dependency: TokenBucket,
    map_op: TokenBucket,
}

impl Limits {
    /// Full buckets.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            sampled: TokenBucket::full(now),
            failed: TokenBucket::full(now),
            slow: TokenBucket::full(now),
            dependency: TokenBucket::full(now),
            map_op: TokenBucket::full(now),
        }
    }

    /// Whether one more span may be made for this reason; a refusal is counted.
    pub(crate) fn allow(&self, why: Why, now: Instant) -> bool {
        let bucket = match why {
            Why::Sampled => &self.sampled,
            Why::Failed => &self.failed,
            Why::Slow => &self.slow,
            Why::Dependency => &self.dependency,
            Why::MapOp => &self.map_op,
        };
        let allowed = bucket.take(now);
        if !allowed {
            Dropped::SpanLimit.add(1);
        }
        allowed
    }
}

/// A bucket as the time at which it is full again: one number, so that threads that meet here neither wait nor lose
/// a span (the generic cell rate algorithm, ITU-T I.371).
#[derive(Debug)]
struct TokenBucket {
    since: Instant,
    /// In nanoseconds after `since`.
    full_at: AtomicU64,
}

impl TokenBucket {
    fn full(now: Instant) -> Self {
        Self { since: now, full_at: AtomicU64::new(0) }
    }

    /// Writes only what it allows: a storm only reads.
    fn take(&self, now: Instant) -> bool {
        let now = Nanos::from(now.saturating_duration_since(self.since)).get();
        // Relaxed: nothing else hangs on the number.
        let taken = self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
            let full_at = full_at.max(now) + NANOS_PER_SPAN;
            (full_at - now <= SPANS_PER_SECOND * NANOS_PER_SPAN).then_some(full_at)
        });
        taken.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::time::Duration;

    use super::*;

    #[test]
    fn threads_that_meet_at_a_bucket_lose_nothing() {
        for _ in 0..1_000 {
            let start = Instant::now();
            let bucket = TokenBucket::full(start);
            let both = Barrier::new(2);
            let take = || {
                both.wait();
                (0..25).filter(|_| bucket.take(start)).count()
            };
            let taken = std::thread::scope(|scope| {
                let threads = [scope.spawn(take), scope.spawn(take)];
                threads.map(|thread| thread.join().unwrap())
            });
            assert_eq!(taken, [25, 25]);
            assert!(!bucket.take(start), "it is empty now");
        }
    }

    #[test]
    fn a_storm_gets_the_burst_and_then_the_rate_and_leaves_other_kinds_alone() {
        let start = Instant::now();
        let limits = Limits::new(start);
        let allowed = |why, now| (0..200).filter(|_| limits.allow(why, now)).count();
        let before = Dropped::SpanLimit.count();
        assert_eq!(allowed(Why::Failed, start), 50);
        assert!(Dropped::SpanLimit.count().saturating_sub(before).get() >= 150);
        assert_eq!(allowed(Why::Failed, start + Duration::from_millis(100)), 5);
        assert_eq!(allowed(Why::Slow, start), 50);
        assert_eq!(allowed(Why::Failed, start + Duration::from_secs(60)), 50, "no saving up");
    }
}
