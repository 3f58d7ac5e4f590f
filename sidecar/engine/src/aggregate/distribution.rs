//! Distributions of times over the last minutes and the last hour, in the buckets of the contract. Comes in: histograms of
//! any OTLP kind. Goes out: quantiles. Never keeps a single time.

use std::collections::VecDeque;

use mapwarden_contract::{BUCKETS, Count, Nanos, Ratio, UnixNanos, bucket_bounds, bucket_of};

use super::slots::Until;
use crate::observation::{Buckets, Histogram};

/// Times by bucket of [`bucket_bounds`], without the empty buckets, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeDistribution {
    buckets: Vec<(u16, u64)>,
}

impl TimeDistribution {
    /// Adds one time.
    pub fn record(&mut self, time: Nanos) {
        self.add(bucket_of(time), 1);
    }

    fn add(&mut self, bucket: usize, count: u64) {
        let bucket = u16::try_from(bucket.min(BUCKETS - 1)).unwrap_or(u16::MAX);
        if count == 0 {
            return;
        }
        match self.buckets.binary_search_by_key(&bucket, |entry| entry.0) {
            Ok(at) => {
                if let Some(entry) = self.buckets.get_mut(at) {
                    entry.1 = entry.1.saturating_add(count);
                }
            }
            Err(at) => self.buckets.insert(at, (bucket, count)),
        }
    }

    /// Adds every time of another distribution.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.buckets {
            self.add(usize::from(*bucket), *count);
        }
    }

    /// What `self` has more than `earlier`, bucket by bucket; none if any bucket has less, which is a reset.
    fn minus(&self, earlier: &Self) -> Option<Self> {
        let mut increase = Self::default();
        for (bucket, before) in &earlier.buckets {
            let now = self.buckets.iter().find(|entry| entry.0 == *bucket).map_or(0, |entry| entry.1);
            increase.add(usize::from(*bucket), now.checked_sub(*before)?);
        }
        for (bucket, count) in &self.buckets {
            if !earlier.buckets.iter().any(|entry| entry.0 == *bucket) {
                increase.add(usize::from(*bucket), *count);
            }
        }
        Some(increase)
    }

    /// How many times there are.
    pub fn count(&self) -> Count {
        self.buckets.iter().map(|entry| Count::new(entry.1)).sum()
    }

    /// The time below which this share of all lies, interpolated in its bucket on a logarithmic scale: within
    /// 4.5 % for telemetry of the SDK, else as exact as the sender's buckets. None where there is no time.
    pub fn quantile(&self, share: Ratio) -> Option<Nanos> {
        let rank = share.get() * self.count().as_f64();
        let mut below = 0.0;
        for (bucket, count) in &self.buckets {
            let count = Count::new(*count).as_f64();
            if below + count >= rank {
                let (lower, upper) = bucket_bounds(usize::from(*bucket));
                let part = ((rank - below) / count).clamp(0.0, 1.0);
                return Some(nanos(lower * (upper / lower).powf(part)));
            }
            below += count;
        }
        None
    }

    /// Takes a histogram of any OTLP kind; none where its unit is not a time. Buckets of other bounds go where
    /// their geometric middle lies.
    pub fn of(histogram: &Histogram) -> Option<Self> {
        let to_nanos = histogram.to_nanos?;
        let mut distribution = Self::default();
        match &histogram.buckets {
            Buckets::Explicit { bounds, counts } => {
                for (index, count) in counts.iter().enumerate() {
                    let upper = bounds.get(index).or(bounds.last()).copied().unwrap_or(0.0);
                    let lower =
                        index.checked_sub(1).and_then(|below| bounds.get(below)).copied().unwrap_or(0.0);
                    let middle = if lower > 0.0 { (lower * upper).sqrt() } else { upper / 2.0 };
                    distribution.add(bucket_of(nanos(middle * to_nanos)), *count);
                }
            }
            Buckets::Exponential { scale, offset, counts, zero } => {
                distribution.add(0, *zero);
                let step = (-f64::from(*scale)).exp2();
                for (index, count) in (*offset..).zip(counts) {
                    let middle = ((f64::from(index) + 0.5) * step).exp2();
                    distribution.add(bucket_of(nanos(middle * to_nanos)), *count);
                }
            }
        }
        Some(distribution)
    }
}

/// A float in nanoseconds as a time; negative and NaN are zero.
#[expect(
    clippy::as_conversions,
    reason = "a cast from float saturates, which is what is wanted at both ends"
)]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as above")]
fn nanos(value: f64) -> Nanos {
    Nanos::new(value as u64)
}

/// Distributions by slot: 5 s for six minutes and one minute for an hour and ten minutes.
#[derive(Clone, Debug, Default)]
pub struct DistributionRing {
    fine: VecDeque<(u64, TimeDistribution)>,
    coarse: VecDeque<(u64, TimeDistribution)>,
}

const FINE: (u64, usize) = (5_000_000_000, 72);
const COARSE: (u64, usize) = (60_000_000_000, 70);

impl DistributionRing {
    /// Adds times that ended at `time`.
    pub fn add(&mut self, time: UnixNanos, times: &TimeDistribution) {
        for ((width, slots), ring) in [(FINE, &mut self.fine), (COARSE, &mut self.coarse)] {
            let slot = time.get() / width;
            let at = ring.partition_point(|entry| entry.0 < slot);
            match ring.get_mut(at).filter(|entry| entry.0 == slot) {
                Some(entry) => entry.1.merge(times),
                None => ring.insert(at, (slot, times.clone())),
            }
            while ring.len() > slots {
                ring.pop_front();
            }
        }
    }

    /// All times in the slots from the one that holds `from` on: slots of 5 s for an interval that begins within
    /// the last six minutes, else of a minute.
    pub fn between(&self, from: UnixNanos, until: Until, now: UnixNanos) -> TimeDistribution {
        let is_recent = now.since(from) < Nanos::from_secs(350);
        let ((width, _), ring) = if is_recent { (FINE, &self.fine) } else { (COARSE, &self.coarse) };
        let mut sum = TimeDistribution::default();
        if let Some(last) = until.last_slot(Nanos::new(width)) {
            let slots = from.get() / width..=last;
            ring.iter().filter(|entry| slots.contains(&entry.0)).for_each(|entry| sum.merge(&entry.1));
        }
        sum
    }

    /// Forgets the slots that start after `now`.
    pub fn forget_after(&mut self, now: UnixNanos) {
        for ((width, _), ring) in [(FINE, &mut self.fine), (COARSE, &mut self.coarse)] {
            ring.retain(|entry| entry.0 <= now.get() / width);
        }
    }

    /// All times of the last `span`.
    pub fn last(&self, span: Nanos, now: UnixNanos) -> TimeDistribution {
        self.between(now.before(span), Until::Through(now), now)
    }
}

/// A cumulative distribution turned into what each point adds.
#[derive(Clone, Debug, Default)]
pub struct DistributionMark {
    last: TimeDistribution,
}

impl DistributionMark {
    /// What `now` adds; all of it after a reset.
    pub fn increase(&mut self, now: TimeDistribution, is_reset: bool) -> TimeDistribution {
        let increase = if is_reset { None } else { now.minus(&self.last) };
        let increase = increase.unwrap_or_else(|| now.clone());
        self.last = now;
        increase
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(value: f64) -> Ratio {
        Ratio::new(value).unwrap()
    }

    #[test]
    fn quantiles_lie_within_the_stated_error() {
        let mut distribution = TimeDistribution::default();
        for millis in 1..=1000 {
            distribution.record(Nanos::from_millis(millis));
        }
        for (share, truth) in [(0.5, 0.5), (0.95, 0.95), (0.99, 0.99)] {
            let got = distribution.quantile(ratio(share)).unwrap().as_secs_f64();
            assert!((got / truth - 1.0).abs() < 0.045, "{share}: {got}");
        }
        assert_eq!(TimeDistribution::default().quantile(ratio(0.5)), None);
    }

    #[test]
    fn what_the_sdk_sends_comes_back_bucket_by_bucket() {
        let histogram = Histogram {
            count: Count::new(6),
            sum: None,
            to_nanos: Some(1.0),
            buckets: Buckets::Exponential { scale: 3, offset: 159, counts: vec![1, 0, 2, 3], zero: 0 },
            exemplars: Vec::new(),
        };
        let got = TimeDistribution::of(&histogram).unwrap();
        assert_eq!(got.buckets, vec![(160, 1), (162, 2), (163, 3)]);
    }

    #[test]
    fn a_cumulative_distribution_is_counted_once() {
        let mut mark = DistributionMark::default();
        let mut times = TimeDistribution::default();
        times.record(Nanos::from_millis(3));
        assert_eq!(mark.increase(times.clone(), false).count(), Count::new(1));
        times.record(Nanos::from_millis(90));
        assert_eq!(mark.increase(times.clone(), false).count(), Count::new(1));
        assert_eq!(mark.increase(times.clone(), false).count(), Count::ZERO);
        let mut fresh = TimeDistribution::default();
        fresh.record(Nanos::from_millis(90));
        assert_eq!(mark.increase(fresh, true).count(), Count::new(1));
    }
}
