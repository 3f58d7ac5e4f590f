//! papaya as services measure it with the `metrics` facade: a counter, a histogram and two clock reads an operation.
//! Behind the facade is the Prometheus recorder.

use std::hash::{BuildHasher, Hash};
use std::time::Instant;

use super::Variant;
use super::maps::Bare;
use super::timed::timed;
use crate::load::Step;

/// Handles that are looked up once, as careful services do it.
pub(super) struct Cached<K, S> {
    map: Bare<K, S>,
    hits: metrics::Counter,
    misses: metrics::Counter,
    inserted: metrics::Counter,
    replaced: metrics::Counter,
    get: metrics::Histogram,
    insert: metrics::Histogram,
}

impl<K, S> Cached<K, S> {
    /// Takes handles of the installed recorder.
    pub(super) fn new(map: Bare<K, S>) -> Self {
        let operations = |op: &'static str, outcome: &'static str| {
            let labels = [("map", "cached"), ("op", op), ("outcome", outcome)];
            metrics::counter!("map_operations", &labels)
        };
        let duration = |op| metrics::histogram!("map_operation_duration", "map" => "cached", "op" => op);
        Self {
            map,
            hits: operations("get", "hit"),
            misses: operations("get", "miss"),
            inserted: operations("insert", "inserted"),
            replaced: operations("insert", "replaced"),
            get: duration("get"),
            insert: duration("insert"),
        }
    }
}

impl<K: Hash + Eq + Clone + Send + Sync, S: BuildHasher + Send + Sync> Variant<K> for Cached<K, S> {
    fn run(&self, steps: &[Step<K>], per_pin: usize) {
        let got = |found, began: Instant| {
            self.get.record(began.elapsed());
            if found { &self.hits } else { &self.misses }.increment(1);
        };
        let inserted = |found, began: Instant| {
            self.insert.record(began.elapsed());
            if found { &self.replaced } else { &self.inserted }.increment(1);
        };
        timed(&self.map, steps, per_pin, got, inserted);
    }
}

/// The macros at each operation, as most services do it: the recorder looks the labels up every time.
pub(super) struct Macros<K, S> {
    map: Bare<K, S>,
}

impl<K, S> Macros<K, S> {
    pub(super) fn new(map: Bare<K, S>) -> Self {
        Self { map }
    }
}

impl<K: Hash + Eq + Clone + Send + Sync, S: BuildHasher + Send + Sync> Variant<K> for Macros<K, S> {
    fn run(&self, steps: &[Step<K>], per_pin: usize) {
        let record = |op: &'static str, outcome: &'static str, began: Instant| {
            metrics::histogram!("map_operation_duration", "map" => "macros", "op" => op)
                .record(began.elapsed());
            metrics::counter!("map_operations", "map" => "macros", "op" => op, "outcome" => outcome)
                .increment(1);
        };
        let got = |found, began| record("get", if found { "hit" } else { "miss" }, began);
        let inserted = |found, began| record("insert", if found { "replaced" } else { "inserted" }, began);
        timed(&self.map, steps, per_pin, got, inserted);
    }
}
