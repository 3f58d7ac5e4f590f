//! Builds a set. Comes in: a name, objectives and papaya's options. Goes out: a [`HashSet`]. Never does anything that
//! the builder of a map does not do.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use super::HashSet;
use crate::map::{BuildError, Collector, HashMapBuilder, ResizeMode, SharedCollector, set_type};
use mapwarden_contract::Objective;

/// Builds a [`HashSet`]: papaya's options, and name, objectives and bound.
///
/// As with [a map's](HashMapBuilder#papayas-shared_collector), a call of `shared_collector` does not compile:
///
/// ```compile_fail,E0277
/// use std::sync::Arc;
/// use mapwarden::{Collector, HashSet};
///
/// let shared = Arc::new(Collector::new());
/// let set: HashSet<u32> = HashSet::builder().shared_collector(shared).build();
/// ```
pub struct HashSetBuilder<K, S = RandomState> {
    map: HashMapBuilder<K, (), S>,
}

impl<K> HashSetBuilder<K> {
    pub(super) fn at(location: &'static Location<'static>) -> Self {
        Self { map: HashMapBuilder::at(location, set_type::<K>) }
    }

    /// Sets the hasher of keys.
    pub fn hasher<S>(self, hasher: S) -> HashSetBuilder<K, S> {
        HashSetBuilder { map: self.map.hasher(hasher) }
    }
}

impl<K, S> HashSetBuilder<K, S> {
    /// Names the set in the telemetry. A set without a name gets one, see [Names](crate::HashMap#names).
    #[must_use]
    pub fn name(self, name: impl Into<Arc<str>>) -> Self {
        Self { map: self.map.name(name) }
    }

    /// Adds an objective for the set's operations, see [`HashMapBuilder::objective`].
    #[must_use]
    pub fn objective(self, objective: Objective) -> Self {
        Self { map: self.map.objective(objective) }
    }

    /// Bounds the number of keys: a full set rejects new ones, see [A bounded set](HashSet#a-bounded-set).
    #[must_use]
    pub fn max_entries(self, max_entries: usize) -> Self {
        Self { map: self.map.max_entries(max_entries) }
    }

    /// Sends hot keys under a name, see [`HashMapBuilder::display_key`].
    #[must_use]
    pub fn display_key(self, display: impl Fn(&K) -> String + Send + Sync + 'static) -> Self {
        Self { map: self.map.display_key(display) }
    }

    /// Times every operation, see [`HashMapBuilder::time_every_operation`].
    #[must_use]
    pub fn time_every_operation(self) -> Self {
        Self { map: self.map.time_every_operation() }
    }

    /// Sets the number of keys that fit before the first resize.
    pub fn capacity(self, capacity: usize) -> Self {
        Self { map: self.map.capacity(capacity) }
    }

    /// Sets how the table grows.
    pub fn resize_mode(self, resize_mode: ResizeMode) -> Self {
        Self { map: self.map.resize_mode(resize_mode) }
    }

    /// Sets the collector that frees removed keys.
    pub fn collector(self, collector: Collector) -> Self {
        Self { map: self.map.collector(collector) }
    }

    /// Does not compile: see [papaya's `shared_collector`](HashMapBuilder#papayas-shared_collector).
    pub fn shared_collector(self, collector: impl SharedCollector) -> Self {
        collector.never()
    }

    /// Makes the set. A name that is new takes a lock. An objective that cannot be added is dropped and counted, see
    /// [`HashMapBuilder::objective`].
    pub fn build(self) -> HashSet<K, S> {
        HashSet::of(self.map.build())
    }

    /// Makes the set unless an objective would be dropped, see [`HashMapBuilder::try_build`].
    ///
    /// # Errors
    /// Two objectives that judge events alike, an objective that a map or set of the same name has declared
    /// differently, and one above the limit for a name.
    pub fn try_build(self) -> Result<HashSet<K, S>, BuildError> {
        self.map.try_build().map(HashSet::of)
    }
}

impl<K, S> fmt::Debug for HashSetBuilder<K, S> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("HashSetBuilder").field("map", &self.map).finish()
    }
}
