//! papaya as services measure it with OpenTelemetry: a counter and a histogram with attributes and two clock reads
//! an operation. Behind the instruments is the real SDK, which aggregates and is read each second; it sends nothing.

use std::hash::{BuildHasher, Hash};
use std::hint::black_box;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, MeterProvider};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};

use super::Variant;
use super::maps::Bare;
use super::timed::timed;
use crate::load::Step;

/// The attributes of one outcome, made once, as careful services do it.
struct OutcomeAttributes {
    operation: [KeyValue; 3],
    duration: [KeyValue; 2],
}

impl OutcomeAttributes {
    fn new(op: &'static str, outcome: &'static str) -> Self {
        let duration = [KeyValue::new("map", "bench"), KeyValue::new("op", op)];
        let [map, of] = duration.clone();
        Self { operation: [map, of, KeyValue::new("outcome", outcome)], duration }
    }
}

pub(super) struct Instruments<K, S> {
    map: Bare<K, S>,
    operations: Counter<u64>,
    durations: Histogram<f64>,
    hit: OutcomeAttributes,
    miss: OutcomeAttributes,
    inserted: OutcomeAttributes,
    replaced: OutcomeAttributes,
}

impl<K, S> Instruments<K, S> {
    pub(super) fn new(map: Bare<K, S>) -> Self {
        let meter = provider().meter("bench");
        Self {
            map,
            operations: meter.u64_counter("map.operations").build(),
            durations: meter.f64_histogram("map.operation.duration").with_unit("s").build(),
            hit: OutcomeAttributes::new("get", "hit"),
            miss: OutcomeAttributes::new("get", "miss"),
            inserted: OutcomeAttributes::new("insert", "inserted"),
            replaced: OutcomeAttributes::new("insert", "replaced"),
        }
    }

    fn record(&self, outcome: &OutcomeAttributes, began: Instant) {
        self.durations.record(began.elapsed().as_secs_f64(), &outcome.duration);
        self.operations.add(1, &outcome.operation);
    }
}

impl<K: Hash + Eq + Clone + Send + Sync, S: BuildHasher + Send + Sync> Variant<K> for Instruments<K, S> {
    fn run(&self, steps: &[Step<K>], per_pin: usize) {
        let got = |found, began| self.record(if found { &self.hit } else { &self.miss }, began);
        let inserted = |found, began| self.record(if found { &self.replaced } else { &self.inserted }, began);
        timed(&self.map, steps, per_pin, got, inserted);
    }
}

/// An exporter that drops what was aggregated: the wire is not measured.
struct Nowhere;

impl PushMetricExporter for Nowhere {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        black_box(metrics);
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}

fn provider() -> &'static SdkMeterProvider {
    static PROVIDER: LazyLock<SdkMeterProvider> = LazyLock::new(|| {
        let reader = PeriodicReader::builder(Nowhere).with_interval(Duration::from_secs(1)).build();
        SdkMeterProvider::builder().with_reader(reader).build()
    });
    &PROVIDER
}
