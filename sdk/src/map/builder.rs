//! How a map gets its name, its promises and papaya's options.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use papaya::ResizeMode;
use seize::Collector;

use super::HashMap;
use crate::contract::Objective;

/// Builds a [`HashMap`]: papaya's options, and name, objectives and bound.
#[must_use]
pub struct HashMapBuilder<K, V, S = RandomState> {
    inner: papaya::HashMapBuilder<K, V, S>,
    name: Name,
    objectives: Vec<Objective>,
    max_entries: usize,
}

#[derive(Debug)]
enum Name {
    Given(Arc<str>),
    MadeAt(&'static Location<'static>),
}

impl<K, V> HashMapBuilder<K, V> {
    pub(super) fn at(location: &'static Location<'static>) -> Self {
        Self {
            inner: papaya::HashMap::builder(),
            name: Name::MadeAt(location),
            objectives: Vec::new(),
            max_entries: usize::MAX,
        }
    }

    /// Sets the hasher of keys.
    pub fn hasher<S>(self, hasher: S) -> HashMapBuilder<K, V, S> {
        let Self { inner, name, objectives, max_entries } = self;
        HashMapBuilder { inner: inner.hasher(hasher), name, objectives, max_entries }
    }
}

impl<K, V, S> HashMapBuilder<K, V, S> {
    /// Names the map in the telemetry. Without it the map is named by where the builder was made.
    pub fn name(self, name: impl Into<Arc<str>>) -> Self {
        Self { name: Name::Given(name.into()), ..self }
    }

    /// Adds a promise about the map's operations, sent as `<map>-<sli>`: `sessions-availability`.
    ///
    /// A map has at most one of each kind; where it, or a map of the same name, has one already, the first stays. Where
    /// a request scope has an objective of the same name, the map's is sent as `<map>-map-<sli>`.
    ///
    /// - *availability*: operations that were neither `rejected` nor `failed`, of all operations; exact.
    /// - *latency*: operations on a single key that took at most the threshold, of all such operations; exact at low
    ///   rates, an unbiased estimate where not every operation is timed.
    /// - *hit ratio*: lookups (`get`, `get_key_value`, `contains_key`, `get_or_insert`) that found their key, of
    ///   all lookups; exact.
    pub fn objective(mut self, objective: Objective) -> Self {
        self.objectives.push(objective);
        self
    }

    /// Bounds the number of entries; see [A bounded map](HashMap#a-bounded-map) for what a full map does. Every
    /// insertion then looks up the number of entries, one load for each core.
    pub fn max_entries(self, max_entries: usize) -> Self {
        Self { max_entries, ..self }
    }

    /// Sets for how many entries there is room before the first resize.
    pub fn capacity(self, capacity: usize) -> Self {
        Self { inner: self.inner.capacity(capacity), ..self }
    }

    /// Sets how the table grows.
    pub fn resize_mode(self, resize_mode: ResizeMode) -> Self {
        Self { inner: self.inner.resize_mode(resize_mode), ..self }
    }

    /// Sets the collector that frees removed entries.
    pub fn collector(self, collector: Collector) -> Self {
        Self { inner: self.inner.collector(collector), ..self }
    }

    /// Makes the map. Takes a lock to find the counters of its name.
    #[must_use]
    pub fn build(self) -> HashMap<K, V, S> {
        let Self { inner, name, objectives, max_entries } = self;
        let name = match name {
            Name::Given(name) => name,
            Name::MadeAt(place) => format!("{}:{}", place.file(), place.line()).into(),
        };
        let map = HashMap::named(name, inner.build(), max_entries);
        for objective in objectives {
            map.meter.declare(objective);
        }
        map
    }
}

impl<K, V, S> fmt::Debug for HashMapBuilder<K, V, S> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("HashMapBuilder")
            .field("name", &self.name)
            .field("objectives", &self.objectives)
            .field("max_entries", &self.max_entries)
            .field("inner", &self.inner)
            .finish()
    }
}
