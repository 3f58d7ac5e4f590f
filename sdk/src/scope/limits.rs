//! How many spans a second: a token bucket for each reason to make one, so that a storm of one kind leaves room
//! for the others.

use std::sync::{Mutex, TryLockError};
use std::time::Instant;

use crate::record::Dropped;

/// Spans a second for each reason, and the burst. Raised, an incident leaves more examples and costs the service
/// and the receiver more; every event is counted either way.
const SPANS_PER_SECOND: f64 = 50.0;

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

#[derive(Debug)]
struct TokenBucket {
    level: Mutex<(f64, Instant)>,
}

impl TokenBucket {
    fn full(now: Instant) -> Self {
        Self { level: Mutex::new((SPANS_PER_SECOND, now)) }
    }

    /// Never waits: where threads meet here there is a storm, and one span less of it.
    fn take(&self, now: Instant) -> bool {
        let mut level = match self.level.try_lock() {
            Ok(level) => level,
            Err(TryLockError::Poisoned(level)) => level.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        let (tokens, filled) = *level;
        let tokens = tokens + now.saturating_duration_since(filled).as_secs_f64() * SPANS_PER_SECOND;
        let tokens = tokens.min(SPANS_PER_SECOND);
        let allowed = tokens >= 1.0;
        *level = (if allowed { tokens - 1.0 } else { tokens }, now.max(filled));
        allowed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bucket_in_use_is_not_waited_for() {
        let start = Instant::now();
        let bucket = TokenBucket::full(start);
        let in_use = bucket.level.lock().unwrap();
        assert!(!bucket.take(start));
        drop(in_use);
        assert!(bucket.take(start));
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
