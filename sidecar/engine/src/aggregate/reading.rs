//! A point as numbers. Comes in: a point with its sender and its time of arrival. Goes out: its [`Reading`] in whole
//! events, its times, its exemplars; and [`PointEffect`], what it adds once its series is known. Never knows what the
//! numbers count towards.

use mapwarden_contract::{Nanos, UnixNanos};

use super::distribution::TimeDistribution;
use super::ignored::Ignored;
use super::series::{Increase, Reading};
use crate::observation::{Buckets, Histogram, Point, PointValue, Resource, Temporality, TracedEvent};

/// A point, with the sender and the times that it is read by.
#[derive(Clone, Copy)]
pub(super) struct ReceivedPoint<'a> {
    /// The sender.
    pub(super) resource: &'a Resource,
    /// The point.
    pub(super) point: &'a Point,
    /// When it arrived.
    pub(super) received: UnixNanos,
    /// Since when the sidecar watches.
    pub(super) watching_since: UnixNanos,
}

/// What a point adds to everything that its series counts towards.
pub(super) enum PointEffect<'a> {
    /// It replaces a last value.
    Gauge(PointGauge),
    /// It adds events.
    Increase(PointIncrease<'a>),
}

/// A last value.
#[derive(Clone, Copy)]
pub(super) struct PointGauge {
    /// Its time by the sender's clock.
    pub(super) time: UnixNanos,
    /// When it arrived.
    pub(super) received: UnixNanos,
    /// The value in whole units; zero where it is negative.
    pub(super) value: u64,
}

/// What a point adds to its series.
pub(super) struct PointIncrease<'a> {
    /// By how much its series increased, in the sidecar's time.
    pub(super) increase: Increase,
    /// The end of the time that it accounts for, in the sidecar's time.
    pub(super) time: UnixNanos,
    /// The times that it adds, for a histogram.
    pub(super) times: Option<TimeDistribution>,
    /// Single events of it that have traces.
    pub(super) exemplars: &'a [TracedEvent],
}

impl<'a> ReceivedPoint<'a> {
    /// Returns the point as a reading of whole events; none for a gauge.
    ///
    /// # Errors
    /// The threshold is not a bound of the point's histogram.
    pub(super) fn reading(&self, threshold: Option<Nanos>) -> Result<Option<Reading>, Ignored> {
        let Point { start, time, value, .. } = self.point;
        let time = if *time == UnixNanos::EPOCH { self.received } else { *time };
        let reading = |temporality, value, part| Reading { temporality, start: *start, time, value, part };
        match value {
            PointValue::Gauge(_) => Ok(None),
            PointValue::Sum { temporality, value } => Ok(Some(reading(*temporality, whole(*value), 0))),
            PointValue::Histogram { temporality, histogram } => {
                let part = match threshold {
                    Some(threshold) => good_up_to(histogram, threshold).ok_or(Ignored::ThresholdOffBound)?,
                    None => 0,
                };
                Ok(Some(reading(*temporality, histogram.count.get(), part)))
            }
        }
    }

    /// Returns the last value of a gauge; none for every other point.
    pub(super) fn gauge(&self) -> Option<PointGauge> {
        let PointValue::Gauge(value) = self.point.value else { return None };
        Some(PointGauge { time: self.point.time, received: self.received, value: whole(value) })
    }

    /// Returns the times of a histogram; none for other points.
    pub(super) fn times(&self) -> Option<TimeDistribution> {
        self.histogram().and_then(TimeDistribution::of)
    }

    /// Returns the single events of a histogram that have traces.
    pub(super) fn exemplars(&self) -> &'a [TracedEvent] {
        self.histogram().map_or(&[], |histogram| &histogram.exemplars)
    }

    fn histogram(&self) -> Option<&'a Histogram> {
        match &self.point.value {
            PointValue::Histogram {
                histogram,
                temporality: Temporality::Cumulative | Temporality::Delta,
            } => Some(histogram),
            PointValue::Sum { .. } | PointValue::Gauge(_) => None,
        }
    }
}

/// Returns how many values of a histogram are at most the threshold; none where no bound lies there, within a millionth,
/// because a count between bounds would be invented.
fn good_up_to(histogram: &Histogram, threshold: Nanos) -> Option<u64> {
    let threshold = threshold.as_secs_f64() * 1e9 / histogram.to_nanos?;
    let is_there = |bound: f64| (bound / threshold - 1.0).abs() < 1e-6;
    match &histogram.buckets {
        Buckets::Explicit { bounds, counts } => {
            let at = bounds.iter().position(|bound| is_there(*bound))?;
            Some(counts.iter().take(at + 1).sum())
        }
        Buckets::Exponential { scale, offset, counts, zero } => {
            let step = (-f64::from(*scale)).exp2();
            let index = (threshold.log2() / step).round();
            is_there((index * step).exp2()).then(|| {
                let good = (*offset..).zip(counts).take_while(|(bucket, _)| f64::from(*bucket) < index);
                zero + good.map(|(_, count)| count).sum::<u64>()
            })
        }
    }
}

/// Returns a sum as whole events; negative values and NaN are zero.
#[expect(clippy::as_conversions, reason = "a cast from float saturates; sums of events are whole below 2^53")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as above")]
pub(super) fn whole(value: f64) -> u64 {
    value as u64
}
