//! The limit of spans a second. What comes in: the reason for a span. What goes out: whether it may be made. A token bucket
//! for each reason, so that a storm of one kind leaves room for the others. Never waits.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::record::Dropped;
use mapwarden_contract::Nanos;

/// Spans a second for each reason, and the burst. Raised, an incident leaves more examples and costs the service
/// and the receiver more; every event is counted either way.
const SPANS_PER_SECOND: u64 = 50;

/// The time after which a bucket has room for one more span.
const NANOS_PER_SPAN: u64 = 1_000_000_000 / SPANS_PER_SECOND;

/// SpanReason a span is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpanReason {
    /// The request was sampled at its start.
    Sampled,
    /// The request failed.
    Failed,
    /// The request missed its latency objective.
    Slow,
    /// The call to a dependency failed, or belongs to a sampled request.
    Dependency,
    /// The map operation was slow or failed.
    MapOp,
}

/// One bucket for each [`SpanReason`].
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

    /// Returns whether one more span may be made for this reason, and counts a refusal.
    pub(crate) fn allow(&self, reason: SpanReason, now: Instant) -> bool {
        let bucket = match reason {
            SpanReason::Sampled => &self.sampled,
            SpanReason::Failed => &self.failed,
            SpanReason::Slow => &self.slow,
            SpanReason::Dependency => &self.dependency,
            SpanReason::MapOp => &self.map_op,
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
    fn concurrent_threads_take_the_whole_burst() {
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
    fn a_storm_leaves_other_reasons_their_burst() {
        let start = Instant::now();
        let limits = Limits::new(start);
        let allowed = |reason, now| (0..200).filter(|_| limits.allow(reason, now)).count();
        let before = Dropped::SpanLimit.count();
        assert_eq!(allowed(SpanReason::Failed, start), 50);
        assert!(Dropped::SpanLimit.count().saturating_sub(before).get() >= 150);
        assert_eq!(allowed(SpanReason::Failed, start + Duration::from_millis(100)), 5);
        assert_eq!(allowed(SpanReason::Slow, start), 50);
        assert_eq!(allowed(SpanReason::Failed, start + Duration::from_secs(60)), 50, "no saving up");
    }
}
