//! Times of operations, requests and calls in the buckets of the contract. Comes in: a time and its weight. Goes out: a
//! [`Distribution`]. Shared by all threads: only timed operations come here, a few thousand a second per thread.

use std::sync::{Mutex, PoisonError, TryLockError};

use super::sync::{AtomicU64, Relaxed};
use super::{Distribution, Exemplar};
use mapwarden_contract::{BUCKETS, Nanos, bucket_of};

/// 304 counts, a sum and an exemplar: 2,512 bytes.
#[derive(Debug)]
pub(crate) struct TimeHistogram {
    counts: [AtomicU64; BUCKETS],
    sum: AtomicU64,
    exemplar: Mutex<Option<Exemplar>>,
}

impl TimeHistogram {
    pub(crate) fn new() -> Self {
        Self {
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
            sum: AtomicU64::new(0),
            exemplar: Mutex::new(None),
        }
    }

    /// Replaces the exemplar with this event, which has a span. Never waits: while another thread writes or reads the
    /// exemplar, it stays as it is.
    pub(crate) fn keep(&self, event: Exemplar) {
        match self.exemplar.try_lock() {
            Ok(mut exemplar) => *exemplar = Some(event),
            Err(TryLockError::Poisoned(exemplar)) => *exemplar.into_inner() = Some(event),
            Err(TryLockError::WouldBlock) => {}
        }
    }

    /// Adds `weight` events that took `time`. Two atomic adds, relaxed: each number only has to be exact and to grow,
    /// and publishes no other memory.
    pub(crate) fn add(&self, time: Nanos, weight: u64) {
        if let Some(count) = self.counts.get(bucket_of(time)) {
            count.fetch_add(weight, Relaxed);
        }
        self.sum.fetch_add(time.get().saturating_mul(weight), Relaxed);
    }

    /// Returns everything that was added so far. Beside writers the sum may be ahead of the counts by the operations
    /// that are just ending.
    pub(crate) fn snapshot(&self) -> Distribution {
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
    use mapwarden_contract::UnixNanos;

    #[test]
    fn weights_land_in_the_bucket_of_their_time() {
        let histogram = TimeHistogram::new();
        histogram.add(Nanos::new(1000), 3);
        histogram.add(Nanos::new(1000), 1);
        histogram.add(Nanos::new(u64::MAX / 2), 0);
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.counts[bucket_of(Nanos::new(1000))], 4);
        assert_eq!(snapshot.counts.iter().sum::<u64>(), 4);
        assert_eq!(snapshot.sum, Nanos::new(4000));
    }

    #[test]
    fn keeping_an_exemplar_does_not_wait_for_a_reader() {
        let exemplar =
            |at| Exemplar { at: UnixNanos::new(at), duration: Nanos::new(1), trace: [1; 16], span: [2; 8] };
        let times = TimeHistogram::new();
        times.keep(exemplar(1));
        let being_read = times.exemplar.lock().unwrap();
        times.keep(exemplar(2));
        drop(being_read);
        assert_eq!(times.snapshot().exemplar, Some(exemplar(1)));
        times.keep(exemplar(3));
        assert_eq!(times.snapshot().exemplar, Some(exemplar(3)));
    }
}

#[cfg(all(test, mapwarden_loom))]
mod loom_tests {
    use std::sync::Arc;

    use loom::thread;

    use super::*;

    #[test]
    fn loom_no_weight_is_lost_and_no_number_goes_back() {
        const TIME: Nanos = Nanos::new(1000);
        loom::model(|| {
            let histogram = Arc::new(TimeHistogram::new());
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
