//! Counts, times and objectives as cumulative OTLP metrics: what comes in are a snapshot's points and what the shipper
//! says about itself, what goes out is one request. Never adds a metric that is not declared.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, exemplar,
};
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::{instrumentation, integer, signed, text};
use crate::record::points::{self, Attribute, AttributeValue};
use crate::record::{self, Distribution, Snapshot};
use mapwarden_contract::names::{self, MetricKind, published, wire};
use mapwarden_contract::{Count, Nanos, SCALE, UnixNanos};

/// The counts of the shipper itself.
#[derive(Clone, Debug)]
pub(crate) struct Totals {
    /// Batches made, this one included.
    pub(crate) batches: Count,
    /// The time since the receiver last confirmed every count.
    pub(crate) unconfirmed: Nanos,
}

/// A snapshot as one request; its sketches of users travel as logs.
pub(crate) fn metrics(
    resource: &Resource,
    snapshot: &Snapshot,
    totals: &Totals,
    start: UnixNanos,
    now: UnixNanos,
) -> ExportMetricsServiceRequest {
    let Totals { batches, unconfirmed } = totals;
    let mut points = MetricPoints::new(start, now);
    points::each(snapshot, &mut |metric, attributes, value| points.add(metric, attributes, value));
    points.add(&wire::BATCHES, &[], points::EmittedValue::Whole(*batches));
    points.add(&wire::UNCONFIRMED, &[], points::EmittedValue::Whole(Count::new(unconfirmed.get())));
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(resource.clone()),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(instrumentation()),
                metrics: points.into_metrics(),
                schema_url: String::new(),
            }],
            schema_url: String::new(),
        }],
    }
}

/// The points of each metric, by its name.
#[derive(Debug)]
struct MetricPoints {
    start: UnixNanos,
    now: UnixNanos,
    numbers: BTreeMap<&'static str, Vec<NumberDataPoint>>,
    times: BTreeMap<&'static str, Vec<ExponentialHistogramDataPoint>>,
}

impl MetricPoints {
    const fn new(start: UnixNanos, now: UnixNanos) -> Self {
        Self { start, now, numbers: BTreeMap::new(), times: BTreeMap::new() }
    }

    fn add(&mut self, metric: &names::Metric, attributes: &[Attribute<'_>], value: points::EmittedValue<'_>) {
        let attributes = attributes.iter().map(|(name, value)| encoded(name, *value)).collect();
        let (start, number) = match value {
            points::EmittedValue::Times(times) => {
                let point = self.distribution(attributes, times);
                return self.times.entry(metric.name).or_default().push(point);
            }
            points::EmittedValue::Whole(count) => (self.start, Value::AsInt(signed(count.get()))),
            points::EmittedValue::Since(since, count) => (since, Value::AsInt(signed(count.get()))),
            points::EmittedValue::Share(share) => (self.start, Value::AsDouble(share.get())),
        };
        self.numbers.entry(metric.name).or_default().push(NumberDataPoint {
            attributes,
            start_time_unix_nano: start.get(),
            time_unix_nano: self.now.get(),
            exemplars: Vec::new(),
            flags: 0,
            value: Some(number),
        });
    }

    fn distribution(
        &self,
        attributes: Vec<KeyValue>,
        distribution: &Distribution,
    ) -> ExponentialHistogramDataPoint {
        let Distribution { counts, sum, exemplar } = distribution;
        ExponentialHistogramDataPoint {
            attributes,
            start_time_unix_nano: self.start.get(),
            time_unix_nano: self.now.get(),
            // The sum of the buckets by construction, as the OTLP specification demands.
            count: counts.iter().fold(0, |total, count| total.saturating_add(*count)),
            sum: Some(nanoseconds(*sum)),
            scale: SCALE,
            positive: Some(trimmed(&counts[..])),
            exemplars: exemplar.iter().map(otlp_exemplar).collect(),
            ..ExponentialHistogramDataPoint::default()
        }
    }

    /// Every metric that has a point, as it is declared. That every point fits its metric's kind is tested below.
    fn into_metrics(mut self) -> Vec<Metric> {
        let sent = published::ALL.iter().map(|published| &published.wire).filter_map(|metric| {
            let data = match metric.kind {
                MetricKind::Counter => sum(self.numbers.remove(metric.name)?),
                MetricKind::Gauge => Data::Gauge(Gauge { data_points: self.numbers.remove(metric.name)? }),
                MetricKind::Histogram => histogram(self.times.remove(metric.name)?),
            };
            Some(described(metric, data))
        });
        sent.collect()
    }
}

fn encoded(name: &str, value: AttributeValue<'_>) -> KeyValue {
    match value {
        AttributeValue::Text(value) => text(name, value),
        AttributeValue::Whole(value) => integer(name, value.get()),
    }
}

fn otlp_exemplar(exemplar: &record::Exemplar) -> Exemplar {
    let record::Exemplar { at, duration, trace, span } = exemplar;
    Exemplar {
        filtered_attributes: Vec::new(),
        time_unix_nano: at.get(),
        value: Some(exemplar::Value::AsDouble(nanoseconds(*duration))),
        span_id: span.to_vec(),
        trace_id: trace.to_vec(),
    }
}

/// Bucket `b` of the contract is OTLP's index `b - 1`; zeros at both ends are left out.
fn trimmed(counts: &[u64]) -> Buckets {
    let first = counts.iter().position(|count| *count > 0).unwrap_or(counts.len());
    let last = counts.iter().rposition(|count| *count > 0).map_or(first, |last| last + 1);
    let bucket_counts = counts.get(first..last).unwrap_or_default().to_vec();
    let offset = if bucket_counts.is_empty() { 0 } else { i32::try_from(first).unwrap_or(i32::MAX) - 1 };
    Buckets { offset, bucket_counts }
}

fn nanoseconds(time: Nanos) -> f64 {
    Count::new(time.get()).as_f64()
}

fn sum(data_points: Vec<NumberDataPoint>) -> Data {
    Data::Sum(Sum {
        data_points,
        aggregation_temporality: AggregationTemporality::Cumulative.into(),
        is_monotonic: true,
    })
}

fn histogram(data_points: Vec<ExponentialHistogramDataPoint>) -> Data {
    Data::ExponentialHistogram(ExponentialHistogram {
        data_points,
        aggregation_temporality: AggregationTemporality::Cumulative.into(),
    })
}

fn described(metric: &names::Metric, data: Data) -> Metric {
    Metric {
        name: metric.name.to_owned(),
        description: metric.help.to_owned(),
        unit: metric.unit.to_owned(),
        metadata: Vec::new(),
        data: Some(data),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::record::{
        DependencySnapshot, HotKey, MapSnapshot, ObjectiveSnapshot, RegionSnapshot, Sampled, ScopeSnapshot,
    };
    use mapwarden_contract::names::attribute;
    use mapwarden_contract::{BUCKETS, Objective, Op, Outcome, bucket_of};

    #[test]
    fn trimming_keeps_the_index_of_every_count() {
        let mut counts = [0; BUCKETS];
        assert_eq!(trimmed(&counts), Buckets { offset: 0, bucket_counts: Vec::new() });
        counts[0] = 7;
        assert_eq!(trimmed(&counts), Buckets { offset: -1, bucket_counts: vec![7] });
        counts[3] = 1;
        assert_eq!(trimmed(&counts), Buckets { offset: -1, bucket_counts: vec![7, 0, 0, 1] });
        // 2 ns lie in (2^(7/8), 2^(8/8]], which is OTLP's index 7 at scale 3.
        let mut two = [0; BUCKETS];
        two[bucket_of(Nanos::new(2))] = 1;
        assert_eq!(trimmed(&two), Buckets { offset: 7, bucket_counts: vec![1] });
    }

    proptest::proptest! {
        #[test]
        fn trimming_loses_no_count(sparse in proptest::collection::btree_map(0..BUCKETS, 1..9_u64, 0..6)) {
            let mut counts = [0; BUCKETS];
            sparse.iter().for_each(|(bucket, count)| counts[*bucket] = *count);
            let Buckets { offset, bucket_counts } = trimmed(&counts);
            let mut back = [0; BUCKETS];
            for (place, count) in bucket_counts.iter().enumerate() {
                back[usize::try_from(offset + 1).unwrap() + place] = *count;
            }
            proptest::prop_assert_eq!(back, counts);
            proptest::prop_assert!(bucket_counts.first() != Some(&0) && bucket_counts.last() != Some(&0));
        }
    }

    /// One of every kind of point.
    fn everything() -> Snapshot {
        let name = Arc::<str>::from;
        let count = Count::new;
        let times = |bucket: usize| {
            let mut counts = Box::new([0; BUCKETS]);
            counts[bucket] = 3;
            let at = UnixNanos::new(5);
            let exemplar = record::Exemplar { at, duration: Nanos::new(7), trace: [1; 16], span: [2; 8] };
            Distribution { counts, sum: Nanos::new(21), exemplar: Some(exemplar) }
        };
        let kept = |name: &str, objective, region: &str| ObjectiveSnapshot {
            name: Arc::from(name),
            objective,
            events: vec![(Arc::from(region), count(8), count(2))],
        };
        let latency = Objective::latency(Duration::from_millis(250), 0.99).unwrap();
        let map = MapSnapshot {
            name: name("sessions"),
            operations: vec![(Op::Get, Outcome::Hit, count(3)), (Op::Get, Outcome::Miss, Count::ZERO)],
            durations: vec![(Op::Get, times(9))],
            entries: count(4),
            max_entries: Some(count(5)),
            retries: count(6),
            failures: vec![(Op::Get, "timeout", count(7))],
            last_write: Some(UnixNanos::new(8)),
            guard_held: Nanos::new(9),
            sampled: Sampled {
                operations: count(10),
                hot_keys: vec![HotKey { key: name("ann"), since: UnixNanos::new(11), operations: count(12) }],
                scopes: vec![(name(""), count(13)), (name("checkout"), count(14))],
            },
            objectives: vec![kept("sessions-hit_ratio", Objective::hit_ratio(0.9).unwrap(), "")],
        };
        let region = name("eu");
        let (ok, failed, cancelled) = (count(15), count(16), count(17));
        let scope = ScopeSnapshot {
            name: name("checkout"),
            regions: vec![RegionSnapshot { region, ok, failed, cancelled, duration: times(0) }],
            objectives: vec![kept("checkout-latency", latency, "eu")],
        };
        let call = DependencySnapshot { name: name("payments"), ok, failed, duration: times(BUCKETS - 1) };
        Snapshot { maps: vec![map], scopes: vec![scope], dependencies: vec![call], users: Vec::new() }
    }

    /// Everything, of a process that started at 1, at 20.
    fn sent() -> Vec<Metric> {
        let totals = Totals { batches: Count::new(18), unconfirmed: Nanos::new(19) };
        let (start, now) = (UnixNanos::new(1), UnixNanos::new(20));
        let request = metrics(&Resource::default(), &everything(), &totals, start, now);
        let scopes = request.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
        scopes.flat_map(|scope| scope.metrics).collect()
    }

    #[test]
    fn every_metric_that_is_sent_is_declared_with_its_kind() {
        let sent: Vec<_> = sent()
            .into_iter()
            .map(|metric| {
                let kind = match metric.data {
                    Some(Data::Sum(_)) => MetricKind::Counter,
                    Some(Data::Gauge(_)) => MetricKind::Gauge,
                    _ => MetricKind::Histogram,
                };
                (metric.name, kind)
            })
            .collect();
        let declared = published::ALL.iter().map(|published| published.wire);
        let declared: Vec<_> = declared.map(|metric| (metric.name.to_owned(), metric.kind)).collect();
        assert_eq!(sent, declared);
    }

    #[test]
    fn only_hot_keys_start_after_the_process() {
        for metric in sent() {
            let starts: Vec<_> = match metric.data.unwrap() {
                Data::Sum(Sum { data_points, .. }) | Data::Gauge(Gauge { data_points }) => {
                    data_points.iter().map(|point| point.start_time_unix_nano).collect()
                }
                Data::ExponentialHistogram(ExponentialHistogram { data_points, .. }) => {
                    data_points.iter().map(|point| point.start_time_unix_nano).collect()
                }
                other @ (Data::Histogram(_) | Data::Summary(_)) => panic!("{other:?}"),
            };
            let expected = if metric.name == wire::MAP_HOT_KEY_OPERATIONS.name { 11 } else { 1 };
            assert!(starts.iter().all(|start| *start == expected), "{}: {starts:?}", metric.name);
        }
    }

    #[test]
    fn thresholds_are_integers_and_names_are_strings() {
        let objectives = sent().into_iter().find(|metric| metric.name == wire::OBJECTIVE.name).unwrap();
        let Some(Data::Gauge(Gauge { data_points })) = objectives.data else { panic!("a gauge") };
        let latency = data_points.into_iter().find(|point| point.attributes.len() == 4).unwrap();
        let expected = [
            text(attribute::SLO, "checkout-latency"),
            text(attribute::SLI, "latency"),
            text(attribute::SCOPE, "checkout"),
            integer(attribute::THRESHOLD, 250_000_000),
        ];
        assert_eq!(latency.attributes, expected);
    }
}
