//! The bridge to an OpenTelemetry meter, as collected by the exporter of a real meter provider.

use std::collections::BTreeMap;

use mapwarden::bridge::opentelemetry::observe;
use mapwarden::{HashMap, Objective, Scope};
use mapwarden_contract::names::published::Published;
use mapwarden_contract::names::{attribute as name, wire};
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};

use crate::receiver::{Receiver, orders, turn};

type Attributes = BTreeMap<String, String>;

fn attributes<'a>(given: impl Iterator<Item = &'a opentelemetry::KeyValue>) -> Attributes {
    given.map(|pair| (pair.key.to_string(), pair.value.to_string())).collect()
}

/// A meter provider, and its last export.
struct Exported {
    provider: SdkMeterProvider,
    exporter: InMemoryMetricExporter,
}

impl Exported {
    fn new() -> Self {
        let exporter = InMemoryMetricExporter::default();
        let reader = PeriodicReader::builder(exporter.clone()).build();
        let provider = SdkMeterProvider::builder().with_reader(reader).build();
        observe(&provider.meter("mapwarden"));
        Self { provider, exporter }
    }

    fn collect(&self) -> ResourceMetrics {
        self.exporter.reset();
        self.provider.force_flush().unwrap();
        self.exporter.get_finished_metrics().unwrap().pop().unwrap()
    }
}

/// Returns (attributes, value) of every point of a metric.
fn points(collected: &ResourceMetrics, metric: &str) -> Vec<(Attributes, f64)> {
    let metrics = collected.scope_metrics().flat_map(|scope| scope.metrics());
    let found: Vec<_> = metrics.filter(|found| found.name() == metric).collect();
    assert!(found.len() <= 1, "{metric} is exported twice");
    let Some(found) = found.first() else { return Vec::new() };
    let whole = |value: u64| f64::from(u32::try_from(value).unwrap());
    match found.data() {
        AggregatedMetrics::U64(MetricData::Sum(sum)) => {
            assert!(sum.is_monotonic());
            sum.data_points().map(|point| (attributes(point.attributes()), whole(point.value()))).collect()
        }
        AggregatedMetrics::U64(MetricData::Gauge(gauge)) => {
            gauge.data_points().map(|point| (attributes(point.attributes()), whole(point.value()))).collect()
        }
        AggregatedMetrics::F64(MetricData::Gauge(gauge)) => {
            gauge.data_points().map(|point| (attributes(point.attributes()), point.value())).collect()
        }
        other => panic!("{metric}: {other:?}"),
    }
}

/// The metric with the percentiles of the time in calls.
fn latency_name() -> &'static str {
    Published::of(&wire::DEPENDENCY_DURATION).unwrap().meter.unwrap().name
}

/// Returns the value of the point with exactly these attributes.
fn value(collected: &ResourceMetrics, metric: &str, of: &[(&str, &str)]) -> Option<f64> {
    let of: Attributes = of.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    points(collected, metric).into_iter().find(|(attributes, _)| *attributes == of).map(|(_, value)| value)
}

#[test]
fn every_collection_has_the_current_counts() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address)
        .scope_objective("metered", Objective::availability(0.999).unwrap())
        .scope_objective("metered", Objective::latency(std::time::Duration::from_secs(9), 0.99).unwrap())
        .install()
        .unwrap();
    let exported = Exported::new();
    let map: HashMap<u32, u32> = HashMap::builder().name("metered-map").build();
    let operations = |collected: &ResourceMetrics, outcome| {
        let of = [(name::MAP, "metered-map"), (name::OP, "get"), (name::OUTCOME, outcome)];
        value(collected, wire::MAP_OPERATIONS.name, &of)
    };
    map.pin().insert(1, 1);
    for key in 0..10 {
        map.pin().get(&key);
    }
    Scope::request("metered").region("eu").start().ok();
    Scope::request("metered").region("eu").start().fail("x");
    Scope::request("metered").region("eu").start().cancel();
    Scope::dependency("metered-call").fail("timeout");
    let first = exported.collect();
    assert_eq!((operations(&first, "hit"), operations(&first, "miss")), (Some(1.0), Some(9.0)));
    for (outcome, expected) in [("ok", 1.0), ("failed", 1.0), ("cancelled", 1.0)] {
        let of = [(name::SCOPE, "metered"), (name::REGION, "eu"), (name::OUTCOME, outcome)];
        assert_eq!(value(&first, wire::REQUESTS.name, &of), Some(expected), "{outcome}");
    }
    let calls = [(name::DEPENDENCY, "metered-call"), (name::OUTCOME, "failed")];
    assert_eq!(value(&first, wire::DEPENDENCY_CALLS.name, &calls), Some(1.0));
    let bad = [(name::SLO, "metered-availability"), (name::VERDICT, "bad"), (name::REGION, "eu")];
    assert_eq!(value(&first, wire::SLI_EVENTS.name, &bad), Some(1.0));
    let objective = [
        (name::SLO, "metered-latency"),
        (name::SLI, "latency"),
        (name::SCOPE, "metered"),
        (name::THRESHOLD, "9000000000"),
    ];
    assert_eq!(value(&first, wire::OBJECTIVE.name, &objective), Some(0.99));

    map.pin().get(&1);
    Scope::request("metered").region("eu").start().ok();
    let second = exported.collect();
    assert_eq!((operations(&second, "hit"), operations(&second, "miss")), (Some(2.0), Some(9.0)));
    let of = [(name::SCOPE, "metered"), (name::REGION, "eu"), (name::OUTCOME, "ok")];
    assert_eq!(value(&second, wire::REQUESTS.name, &of), Some(2.0));
    drop(telemetry);
}

#[test]
fn percentiles_cover_the_time_since_the_last_collection() {
    let _turn = turn();
    let exported = Exported::new();
    let latency = |collected: &ResourceMetrics| {
        let given = points(collected, latency_name()).into_iter();
        let mut given: Vec<_> = given
            .filter(|(attributes, _)| {
                attributes.get(name::DEPENDENCY).is_some_and(|name| name == "metered-time")
            })
            .map(|(attributes, value)| (attributes.get(name::PERCENTILE).unwrap().clone(), value))
            .collect();
        given.sort_by(|(a, _), (b, _)| a.cmp(b));
        given
    };
    for _ in 0..3 {
        Scope::dependency("metered-time").ok();
    }
    let first = latency(&exported.collect());
    assert_eq!(first.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["50", "95", "99"]);
    assert!(first.iter().all(|(_, nanos)| *nanos > 0.0) && first.is_sorted_by(|(_, a), (_, b)| a <= b));
    assert_eq!(latency(&exported.collect()), [], "no call since the last collection");
}
