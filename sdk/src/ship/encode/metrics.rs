//! Counts, times and objectives as cumulative OTLP metrics.

use std::sync::Arc;

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
use crate::contract::names::{self, attribute, wire};
use crate::contract::{Count, Nanos, SCALE, Sli, UnixNanos, Verdict};
use crate::record::{
    self, DependencySnapshot, Distribution, HotKey, MapSnapshot, ObjectiveSnapshot, RegionSnapshot, Sampled,
    ScopeSnapshot, Snapshot,
};

/// What the shipper says about itself.
#[derive(Clone, Debug)]
pub(crate) struct Totals {
    /// Batches made, this one included.
    pub(crate) batches: Count,
    /// The time since the receiver last confirmed every count.
    pub(crate) unconfirmed: Nanos,
    /// Things dropped, by reason.
    pub(crate) dropped: Vec<(&'static str, Count)>,
}

/// A snapshot as one request; its sketches of users travel as logs.
pub(crate) fn metrics(
    resource: &Resource,
    snapshot: &Snapshot,
    totals: &Totals,
    start: UnixNanos,
    now: UnixNanos,
) -> ExportMetricsServiceRequest {
    let mut points = Points { start, now, ..Points::default() };
    let Snapshot { maps, scopes, dependencies, users: _ } = snapshot;
    maps.iter().for_each(|map| points.map(map));
    scopes.iter().for_each(|scope| points.scope(scope));
    dependencies.iter().for_each(|dependency| points.dependency(dependency));
    points.totals(totals);
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

/// The points of each metric.
#[derive(Debug, Default)]
struct Points {
    start: UnixNanos,
    now: UnixNanos,
    map_operations: Vec<NumberDataPoint>,
    map_durations: Vec<ExponentialHistogramDataPoint>,
    map_entries: Vec<NumberDataPoint>,
    map_retries: Vec<NumberDataPoint>,
    map_failures: Vec<NumberDataPoint>,
    map_max_entries: Vec<NumberDataPoint>,
    map_last_write: Vec<NumberDataPoint>,
    map_guard_held: Vec<NumberDataPoint>,
    map_sampled: Vec<NumberDataPoint>,
    map_hot_keys: Vec<NumberDataPoint>,
    map_scopes: Vec<NumberDataPoint>,
    requests: Vec<NumberDataPoint>,
    request_durations: Vec<ExponentialHistogramDataPoint>,
    calls: Vec<NumberDataPoint>,
    call_durations: Vec<ExponentialHistogramDataPoint>,
    objectives: Vec<NumberDataPoint>,
    events: Vec<NumberDataPoint>,
    batches: Vec<NumberDataPoint>,
    unconfirmed: Vec<NumberDataPoint>,
    dropped: Vec<NumberDataPoint>,
}

impl Points {
    fn map(&mut self, map: &MapSnapshot) {
        let MapSnapshot {
            name,
            operations,
            durations,
            entries,
            max_entries,
            retries,
            failures,
            last_write,
            guard_held,
            sampled,
            objectives,
        } = map;
        let named = || text(attribute::MAP, &**name);
        for (op, outcome, count) in operations {
            let attributes =
                vec![named(), text(attribute::OP, op.name()), text(attribute::OUTCOME, outcome.name())];
            self.map_operations.push(self.count(attributes, *count));
        }
        for (op, distribution) in durations {
            let attributes = vec![named(), text(attribute::OP, op.name())];
            self.map_durations.push(self.distribution(attributes, distribution));
        }
        self.map_entries.push(self.count(vec![named()], *entries));
        self.map_max_entries.extend(max_entries.map(|bound| self.count(vec![named()], bound)));
        self.map_retries.push(self.count(vec![named()], *retries));
        for (op, error, count) in failures {
            let attributes =
                vec![named(), text(attribute::OP, op.name()), text(attribute::ERROR_TYPE, *error)];
            self.map_failures.push(self.count(attributes, *count));
        }
        self.map_last_write.extend(last_write.map(|at| self.count(vec![named()], Count::new(at.get()))));
        self.map_guard_held.push(self.count(vec![named()], Count::new(guard_held.get())));
        self.sampled(sampled, &named);
        for objective in objectives {
            self.objective(objective, named());
            for (_, good, bad) in &objective.events {
                self.verdicts(&objective.name, None, *good, *bad);
            }
        }
    }

    fn sampled(&mut self, sampled: &Sampled, named: &impl Fn() -> KeyValue) {
        let Sampled { operations, hot_keys, scopes } = sampled;
        self.map_sampled.push(self.count(vec![named()], *operations));
        for HotKey { key, since, operations } in hot_keys {
            let point = self.count(vec![named(), text(attribute::KEY, &**key)], *operations);
            self.map_hot_keys.push(NumberDataPoint { start_time_unix_nano: since.get(), ..point });
        }
        for (scope, operations) in scopes {
            let attributes = vec![named(), text(attribute::SCOPE, &**scope)];
            self.map_scopes.push(self.count(attributes, *operations));
        }
    }

    fn scope(&mut self, scope: &ScopeSnapshot) {
        let ScopeSnapshot { name, regions, objectives } = scope;
        for RegionSnapshot { region, ok, failed, cancelled, duration } in regions {
            let told = [text(attribute::SCOPE, &**name), text(attribute::REGION, &**region)];
            let counts = [(wire::OK, ok), (wire::FAILED, failed), (wire::CANCELLED, cancelled)];
            for (outcome, count) in counts {
                let mut attributes = told.to_vec();
                attributes.push(text(attribute::OUTCOME, outcome));
                self.requests.push(self.count(attributes, *count));
            }
            self.request_durations.push(self.distribution(told.to_vec(), duration));
        }
        for objective in objectives {
            self.objective(objective, text(attribute::SCOPE, &**name));
            for (region, good, bad) in &objective.events {
                self.verdicts(&objective.name, Some(region), *good, *bad);
            }
        }
    }

    fn dependency(&mut self, dependency: &DependencySnapshot) {
        let DependencySnapshot { name, ok, failed, duration } = dependency;
        let named = || text(attribute::DEPENDENCY, &**name);
        for (outcome, count) in [(wire::OK, ok), (wire::FAILED, failed)] {
            self.calls.push(self.count(vec![named(), text(attribute::OUTCOME, outcome)], *count));
        }
        self.call_durations.push(self.distribution(vec![named()], duration));
    }

    fn objective(&mut self, objective: &ObjectiveSnapshot, about: KeyValue) {
        let ObjectiveSnapshot { name, objective, events: _ } = objective;
        let mut attributes =
            vec![text(attribute::SLO, &**name), text(attribute::SLI, objective.sli().name()), about];
        match objective.sli() {
            Sli::Latency { threshold } | Sli::Freshness { threshold } => {
                attributes.push(integer(attribute::THRESHOLD, threshold.get()));
            }
            Sli::Availability | Sli::HitRatio => {}
        }
        self.objectives.push(self.number(attributes, Value::AsDouble(objective.target().get())));
    }

    fn verdicts(&mut self, slo: &Arc<str>, region: Option<&Arc<str>>, good: Count, bad: Count) {
        for (verdict, count) in Verdict::ALL.into_iter().zip([good, bad]) {
            let mut attributes = vec![text(attribute::SLO, &**slo), text(attribute::VERDICT, verdict.name())];
            attributes.extend(region.map(|region| text(attribute::REGION, &**region)));
            self.events.push(self.count(attributes, count));
        }
    }

    fn totals(&mut self, totals: &Totals) {
        let Totals { batches, unconfirmed, dropped } = totals;
        self.batches.push(self.count(Vec::new(), *batches));
        self.unconfirmed.push(self.number(Vec::new(), Value::AsInt(signed(unconfirmed.get()))));
        for (reason, count) in dropped {
            self.dropped.push(self.count(vec![text(attribute::REASON, *reason)], *count));
        }
    }

    fn count(&self, attributes: Vec<KeyValue>, count: Count) -> NumberDataPoint {
        self.number(attributes, Value::AsInt(signed(count.get())))
    }

    fn number(&self, attributes: Vec<KeyValue>, value: Value) -> NumberDataPoint {
        NumberDataPoint {
            attributes,
            start_time_unix_nano: self.start.get(),
            time_unix_nano: self.now.get(),
            exemplars: Vec::new(),
            flags: 0,
            value: Some(value),
        }
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
            exemplars: exemplar.iter().map(told_with).collect(),
            ..ExponentialHistogramDataPoint::default()
        }
    }

    fn into_metrics(self) -> Vec<Metric> {
        let metrics = [
            sum(&wire::MAP_OPERATIONS, self.map_operations),
            histogram(&wire::MAP_DURATION, self.map_durations),
            gauge(&wire::MAP_ENTRIES, self.map_entries),
            sum(&wire::MAP_RETRIES, self.map_retries),
            sum(&wire::MAP_FAILURES, self.map_failures),
            gauge(&wire::MAP_MAX_ENTRIES, self.map_max_entries),
            gauge(&wire::MAP_LAST_WRITE, self.map_last_write),
            gauge(&wire::MAP_GUARD_HELD, self.map_guard_held),
            sum(&wire::MAP_SAMPLED_OPERATIONS, self.map_sampled),
            sum(&wire::MAP_HOT_KEY_OPERATIONS, self.map_hot_keys),
            sum(&wire::MAP_SCOPE_OPERATIONS, self.map_scopes),
            sum(&wire::REQUESTS, self.requests),
            histogram(&wire::REQUEST_DURATION, self.request_durations),
            sum(&wire::DEPENDENCY_CALLS, self.calls),
            histogram(&wire::DEPENDENCY_DURATION, self.call_durations),
            gauge(&wire::OBJECTIVE, self.objectives),
            sum(&wire::SLI_EVENTS, self.events),
            sum(&wire::BATCHES, self.batches),
            gauge(&wire::UNCONFIRMED, self.unconfirmed),
            sum(&wire::DROPPED, self.dropped),
        ];
        metrics.into_iter().flatten().collect()
    }
}

fn told_with(exemplar: &record::Exemplar) -> Exemplar {
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

fn sum(metric: &names::Metric, points: Vec<NumberDataPoint>) -> Option<Metric> {
    described(metric, points, |data_points| {
        Data::Sum(Sum {
            data_points,
            aggregation_temporality: AggregationTemporality::Cumulative.into(),
            is_monotonic: true,
        })
    })
}

fn gauge(metric: &names::Metric, points: Vec<NumberDataPoint>) -> Option<Metric> {
    described(metric, points, |data_points| Data::Gauge(Gauge { data_points }))
}

fn histogram(metric: &names::Metric, points: Vec<ExponentialHistogramDataPoint>) -> Option<Metric> {
    described(metric, points, |data_points| {
        Data::ExponentialHistogram(ExponentialHistogram {
            data_points,
            aggregation_temporality: AggregationTemporality::Cumulative.into(),
        })
    })
}

/// A metric without a point is not sent.
fn described<P>(metric: &names::Metric, points: Vec<P>, data: impl FnOnce(Vec<P>) -> Data) -> Option<Metric> {
    (!points.is_empty()).then(|| Metric {
        name: metric.name.to_owned(),
        description: metric.help.to_owned(),
        unit: metric.unit.to_owned(),
        metadata: Vec::new(),
        data: Some(data(points)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{BUCKETS, bucket_of};

    #[test]
    fn zeros_at_both_ends_are_left_out_and_every_count_keeps_its_index() {
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

    #[test]
    fn every_metric_that_is_sent_is_declared_with_its_kind() {
        let point = NumberDataPoint::default;
        let spread = ExponentialHistogramDataPoint::default;
        let points = Points {
            start: UnixNanos::EPOCH,
            now: UnixNanos::EPOCH,
            map_operations: vec![point()],
            map_durations: vec![spread()],
            map_entries: vec![point()],
            map_retries: vec![point()],
            map_failures: vec![point()],
            map_max_entries: vec![point()],
            map_last_write: vec![point()],
            map_guard_held: vec![point()],
            map_sampled: vec![point()],
            map_hot_keys: vec![point()],
            map_scopes: vec![point()],
            requests: vec![point()],
            request_durations: vec![spread()],
            calls: vec![point()],
            call_durations: vec![spread()],
            objectives: vec![point()],
            events: vec![point()],
            batches: vec![point()],
            unconfirmed: vec![point()],
            dropped: vec![point()],
        };
        let sent: Vec<_> = points
            .into_metrics()
            .into_iter()
            .map(|metric| {
                let kind = match metric.data {
                    Some(Data::Sum(_)) => names::Kind::Counter,
                    Some(Data::Gauge(_)) => names::Kind::Gauge,
                    _ => names::Kind::Histogram,
                };
                (metric.name, kind)
            })
            .collect();
        let declared: Vec<_> = wire::ALL.iter().map(|metric| (metric.name.to_owned(), metric.kind)).collect();
        assert_eq!(sent, declared);
    }
}
