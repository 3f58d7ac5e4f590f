//! Times of operations in the buckets of the contract. Comes in: a time and its weight. Goes out: a
//! [`Distribution`]. Shared by all threads: only timed operations come here, a few thousand a second and thread.

use std::sync::{Mutex, PoisonError};

use super::sync::{AtomicU64, Relaxed};
use super::{Distribution, Exemplar};
use crate::contract::{BUCKETS, Nanos, bucket_of};

/// 304 counts, a sum and an example, 2,512 bytes.
#[derive(Debug)]
pub(super) struct Histogram {
    counts: [AtomicU64; BUCKETS],
    sum: AtomicU64,
    exemplar: Mutex<Option<Exemplar>>,
}

impl Histogram {
    pub(super) fn new() -> Self {
        Self {
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
            sum: AtomicU64::new(0),
            exemplar: Mutex::new(None),
        }
    }

    /// Keeps an example, instead of the one before. Never waits.
    pub(super) fn exemplify(&self, exemplar: Exemplar) {
        if let Ok(mut kept) = self.exemplar.try_lock() {
            *kept = Some(exemplar);
        }
    }

    /// Adds `weight` operations that took `time`. Two atomic adds, relaxed: each number only has to be exact and
    /// to grow, no other memory is published by it.
    pub(super) fn add(&self, time: Nanos, weight: u64) {
        if let Some(count) = self.counts.get(bucket_of(time)) {
            count.fetch_add(weight, Relaxed);
        }
        self.sum.fetch_add(time.get().saturating_mul(weight), Relaxed);
    }

    /// What was added so far. Beside writers the sum may run ahead of the counts by the operations just ending.
    pub(super) fn snapshot(&self) -> Distribution {
        let mut counts = Box::new([0; BUCKETS]);
        for (into, from) in counts.iter_mut().zip(&self.counts) {
            *into = from.load(Relaxed);
        }
        let exemplar = *self.exemplar.lock().unwrap_or_else(PoisonError::into_inner);
        Distribution { counts, sum: Nanos::new(self.sum.load(Relaxed)), exemplar }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_land_in_the_bucket_of_their_time() {
        let histogram = Histogram::new();
        histogram.add(Nanos::new(1000), 3);
        histogram.add(Nanos::new(1000), 1);
        histogram.add(Nanos::new(u64::MAX / 2), 0);
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.counts[bucket_of(Nanos::new(1000))], 4);
        assert_eq!(snapshot.counts.iter().sum::<u64>(), 4);
        assert_eq!(snapshot.sum, Nanos::new(4000));
    }
}

#[cfg(all(test, mapwarden_loom))]
mod loom_tests {
    use std::sync::Arc;

    use loom::thread;

    use super::*;

    #[test]
    fn loom_no_weight_is_lost_between_threads_and_none_is_taken_back() {
        const TIME: Nanos = Nanos::new(1000);
        loom::model(|| {
            let histogram = Arc::new(Histogram::new());
            let adders: Vec<_> = [1, 64]
                .map(|weight| {
                    let histogram = Arc::clone(&histogram);
                    thread::spawn(move || histogram.add(TIME, weight))
                })
                .into();
            let numbers =
                || [&histogram.counts[bucket_of(TIME)], &histogram.sum].map(|number| number.load(Relaxed));
            let (first, second) = (numbers(), numbers());
            assert!(first.iter().zip(second).all(|(first, second)| *first <= second));
            adders.into_iter().for_each(|adder| adder.join().unwrap());
            assert_eq!(numbers(), [65, 65_000]);
        });
    }
}
