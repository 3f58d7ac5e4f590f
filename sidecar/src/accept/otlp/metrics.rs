//! Comes in: OTLP metrics of one resource. Goes out: a [`Point`] for every valid data point, and the reason
//! for every refused one. Never counts anything itself.

use std::sync::Arc;

use mapwarden_contract::UnixNanos;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogramDataPoint, HistogramDataPoint, Metric, NumberDataPoint, ScopeMetrics, Sum,
};

use super::attributes::Words;
use super::points;
use super::tally::{ItemRejection, Reason, Tally};
use mapwarden_engine::observation::{Histogram, Observation, Point, PointValue, Temporality};

/// OTLP's `DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK`.
const NO_RECORDED_VALUE: u32 = 1;

/// Returns how many data points there are; a metric without data counts as one, so that it is counted if it is refused.
pub(super) fn count(scopes: &[ScopeMetrics]) -> u64 {
    let metrics = scopes.iter().flat_map(|scope| &scope.metrics);
    metrics.fold(0, |sum, metric| sum.saturating_add(count_points(metric)))
}

fn count_points(metric: &Metric) -> u64 {
    let points = match &metric.data {
        None => 1,
        Some(Data::Gauge(gauge)) => gauge.data_points.len(),
        Some(Data::Sum(sum)) => sum.data_points.len(),
        Some(Data::Histogram(histogram)) => histogram.data_points.len(),
        Some(Data::ExponentialHistogram(histogram)) => histogram.data_points.len(),
        Some(Data::Summary(summary)) => summary.data_points.len(),
    };
    u64::try_from(points).unwrap_or(u64::MAX)
}

/// Reads all metrics of one resource, which have `points` data points.
pub(super) fn observe(
    scopes: Vec<ScopeMetrics>,
    points: u64,
    words: &mut Words,
    tally: &mut Tally,
) -> Vec<Observation> {
    let points = usize::try_from(points).unwrap_or_default();
    let mut reader = MetricReader { words, tally, observations: Vec::with_capacity(points) };
    for metric in scopes.into_iter().flat_map(|scope| scope.metrics) {
        reader.metric(metric);
    }
    reader.observations
}

/// The fields that all kinds of points have.
struct Head {
    attributes: Vec<KeyValue>,
    start: u64,
    time: u64,
    flags: u32,
}

impl Head {
    const fn new(attributes: Vec<KeyValue>, start: u64, time: u64, flags: u32) -> Self {
        Self { attributes, start, time, flags }
    }

    fn check(&self) -> Result<(), ItemRejection> {
        if self.time == 0 {
            return Err((Reason::NoTime, "time_unix_nano is 0".to_owned()));
        }
        if self.start > self.time {
            let detail = format!("starts at {} and ends before, at {}", self.start, self.time);
            return Err((Reason::Inconsistent, detail));
        }
        Ok(())
    }

    /// Whether the point only reports that there was nothing to record.
    fn is_empty(&self) -> bool {
        self.flags & NO_RECORDED_VALUE != 0
    }
}

struct MetricReader<'a> {
    words: &'a mut Words,
    tally: &'a mut Tally,
    observations: Vec<Observation>,
}

impl MetricReader<'_> {
    fn metric(&mut self, metric: Metric) {
        let items = count_points(&metric);
        if metric.name.is_empty() {
            return self.tally.reject(Reason::NoName, items, || "a metric has no name".to_owned());
        }
        let (name, to_nanos) = (self.words.word(&metric.name), points::to_nanos(&metric.unit));
        match metric.data {
            None => self.tally.reject(Reason::NoData, items, || format!("metric `{name}` has no data")),
            Some(Data::Gauge(gauge)) => {
                for point in gauge.data_points {
                    self.number(&name, point, |value| Ok(PointValue::Gauge(value)));
                }
            }
            Some(Data::Sum(sum)) => self.sum(&name, sum),
            Some(Data::Histogram(histogram)) => {
                let read = |mut point: HistogramDataPoint| {
                    let attributes = std::mem::take(&mut point.attributes);
                    let head =
                        Head::new(attributes, point.start_time_unix_nano, point.time_unix_nano, point.flags);
                    (head, points::explicit(point, to_nanos))
                };
                self.histograms(&name, histogram.aggregation_temporality, histogram.data_points, read);
            }
            Some(Data::ExponentialHistogram(histogram)) => {
                let read = |mut point: ExponentialHistogramDataPoint| {
                    let attributes = std::mem::take(&mut point.attributes);
                    let head =
                        Head::new(attributes, point.start_time_unix_nano, point.time_unix_nano, point.flags);
                    (head, points::exponential(point, to_nanos))
                };
                self.histograms(&name, histogram.aggregation_temporality, histogram.data_points, read);
            }
            Some(Data::Summary(_)) => self.tally.reject(Reason::Summary, items, || {
                format!("metric `{name}` is a summary: accepted are sums, gauges and histograms")
            }),
        }
    }

    fn sum(&mut self, name: &Arc<str>, sum: Sum) {
        let relative = temporality(sum.aggregation_temporality);
        for point in sum.data_points {
            self.number(name, point, |value| match (relative.clone()?, sum.is_monotonic) {
                (temporality, true) if value >= 0.0 => Ok(PointValue::Sum { temporality, value }),
                (_, true) => Err((Reason::Negative, format!("monotonic sum is {value}"))),
                (Temporality::Cumulative, false) => Ok(PointValue::Gauge(value)),
                (Temporality::Delta, false) => {
                    let detail = "non-monotonic sum has delta temporality: accepted is cumulative";
                    Err((Reason::Temporality, detail.to_owned()))
                }
            });
        }
    }

    /// Reads the points of a histogram of either kind.
    fn histograms<P>(
        &mut self,
        name: &Arc<str>,
        code: i32,
        points: Vec<P>,
        read: impl Fn(P) -> (Head, Result<Histogram, ItemRejection>),
    ) {
        let temporality = temporality(code);
        for point in points {
            let (head, histogram) = read(point);
            self.take(name, head, || {
                Ok(PointValue::Histogram {
                    temporality: temporality.clone()?,
                    histogram: Box::new(histogram?),
                })
            });
        }
    }

    fn number(
        &mut self,
        name: &Arc<str>,
        point: NumberDataPoint,
        make: impl FnOnce(f64) -> Result<PointValue, ItemRejection>,
    ) {
        let head = Head::new(point.attributes, point.start_time_unix_nano, point.time_unix_nano, point.flags);
        self.take(name, head, || points::number(point.value).and_then(make));
    }

    fn take(
        &mut self,
        name: &Arc<str>,
        head: Head,
        value: impl FnOnce() -> Result<PointValue, ItemRejection>,
    ) {
        if head.is_empty() {
            return self.tally.accept(1);
        }
        match head.check().and_then(|()| value()) {
            Ok(value) => {
                self.observations.push(Observation::Point(Point {
                    metric: Arc::clone(name),
                    attributes: self.words.attributes(&head.attributes),
                    start: UnixNanos::new(head.start),
                    time: UnixNanos::new(head.time),
                    value,
                }));
                self.tally.accept(1);
            }
            Err((reason, detail)) => self.tally.reject(reason, 1, || format!("metric `{name}`: {detail}")),
        }
    }
}

/// Reads the `AggregationTemporality` of OTLP.
fn temporality(code: i32) -> Result<Temporality, ItemRejection> {
    match code {
        1 => Ok(Temporality::Delta),
        2 => Ok(Temporality::Cumulative),
        _ => {
            let detail = format!("aggregation temporality {code}: accepted are 1 (delta) and 2 (cumulative)");
            Err((Reason::Temporality, detail))
        }
    }
}
