//! Builds a map. Comes in: a name, objectives and papaya's options. Goes out: a [`HashMap`] that is counted. Never
//! loses an objective without an error or a count.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use papaya::ResizeMode;
use seize::Collector;

use super::HashMap;
use super::build_error::{BuildError, check_unique};
use super::display_key::DisplayKey;
use super::name::MapName;
use super::shared_collector::SharedCollector;
use crate::record::{self, objective_names};
use mapwarden_contract::Objective;

/// Builds a [`HashMap`]: papaya's options, and name, objectives and bound.
///
/// # papaya's `shared_collector`
/// When one of the maps that share a collector is dropped, papaya frees entries that guards of the others still protect
/// ([papaya #102](https://github.com/ibraheemdev/papaya/issues/102)). A call does not compile, and the error says why:
///
/// ```compile_fail,E0277
/// use std::sync::Arc;
/// use mapwarden::{Collector, HashMap};
///
/// let shared = Arc::new(Collector::new());
/// let map: HashMap<u32, u32> = HashMap::builder().shared_collector(shared).build();
/// ```
pub struct HashMapBuilder<K, V, S = RandomState> {
    inner: papaya::HashMapBuilder<K, V, S>,
    name: MapName,
    objectives: Vec<Objective>,
    max_entries: usize,
    display_key: Option<DisplayKey<K>>,
    times_all: bool,
}

impl<K, V> HashMapBuilder<K, V> {
    /// Returns a builder for a collection that is made at this location and is of this type, which name it if the
    /// service does not.
    pub(crate) fn at(location: &'static Location<'static>, of_type: fn() -> String) -> Self {
        Self {
            inner: papaya::HashMap::builder(),
            name: MapName::Unnamed { location, of_type },
            objectives: Vec::new(),
            max_entries: usize::MAX,
            display_key: None,
            times_all: false,
        }
    }

    /// Sets the hasher of keys.
    pub fn hasher<S>(self, hasher: S) -> HashMapBuilder<K, V, S> {
        let Self { inner, name, objectives, max_entries, display_key, times_all } = self;
        HashMapBuilder { inner: inner.hasher(hasher), name, objectives, max_entries, display_key, times_all }
    }
}

impl<K, V, S> HashMapBuilder<K, V, S> {
    /// Names the map in the telemetry. A map without a name gets one, see [Names](HashMap#names).
    #[must_use]
    pub fn name(self, name: impl Into<Arc<str>>) -> Self {
        Self { name: MapName::Given(name.into()), ..self }
    }

    /// Adds an objective for the map's operations.
    ///
    /// The first of a kind is sent as `<map>-<sli>`: `sessions-latency`. Further ones of that kind are objectives of
    /// their own, each with its threshold or bad outcomes in its name: `sessions-latency-250ms`,
    /// `sessions-availability-miss-failed`. Where a request scope has an objective of the same name, the map's is sent
    /// as `<map>-map-<sli>`.
    ///
    /// Maps of one name share their objectives. One that contradicts another of its name, or is above the limit of 8
    /// for a name, is refused by [`try_build`](HashMapBuilder::try_build). [`build`](HashMapBuilder::build) drops it
    /// and counts it, under the reasons `objective_conflict` and `objective_limit` of the self-metric
    /// `mapwarden.ship.dropped`.
    ///
    /// - *availability*: operations that were neither `rejected` nor `failed`, of all operations; exact. An objective
    ///   may have other [`bad_outcomes`](Objective::bad_outcomes).
    /// - *latency*: operations on a single key that took at most the threshold, of all such operations except those in
    ///   which a fallible loader ran; exact at low rates, an unbiased estimate if not every operation is timed.
    /// - *hit ratio*: lookups (`get`, `get_key_value`, `contains_key`, `get_or_insert`, loads) that found their key,
    ///   of all lookups; exact.
    /// - *freshness*: seconds that end at most the threshold after the last insertion, replacement or update,
    ///   of all seconds since the map was made; as fine as the interval between batches.
    #[must_use]
    pub fn objective(mut self, objective: Objective) -> Self {
        self.objectives.push(objective);
        self
    }

    /// Bounds the number of entries; for a full map see [A bounded map](HashMap#a-bounded-map). Every insertion then
    /// looks up the number of entries, one load for each core.
    #[must_use]
    pub fn max_entries(self, max_entries: usize) -> Self {
        Self { max_entries, ..self }
    }

    /// Sends hot keys under the name that the closure returns, cut after 64 characters, instead of under a pseudonym.
    /// For keys that identify no person: routes, products, feature flags. The closure is called for few keys, and its
    /// time is not part of an operation's.
    ///
    /// ```
    /// use mapwarden::HashMap;
    ///
    /// let prices: HashMap<String, u64> = HashMap::builder().name("prices").display_key(String::clone).build();
    /// ```
    #[must_use]
    pub fn display_key(self, display: impl Fn(&K) -> String + Send + Sync + 'static) -> Self {
        Self { display_key: Some(DisplayKey::new(display)), ..self }
    }

    /// Times every operation at any rate: nothing is estimated, no slow operation is missed, and each operation reads a
    /// clock twice. Applies to all maps of the name.
    #[must_use]
    pub fn time_every_operation(self) -> Self {
        Self { times_all: true, ..self }
    }

    /// Sets the number of entries that fit before the first resize.
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

    /// Does not compile: see [papaya's `shared_collector`](HashMapBuilder#papayas-shared_collector).
    pub fn shared_collector(self, collector: impl SharedCollector) -> Self {
        collector.never()
    }

    /// Makes the map. A name that is new takes a lock. An objective that cannot be added is dropped and counted, see
    /// [`objective`](HashMapBuilder::objective).
    pub fn build(self) -> HashMap<K, V, S> {
        let (map, objectives) = self.build_without_objectives();
        let names = objective_names(map.name(), &objectives);
        for (name, objective) in names.iter().zip(objectives) {
            if let Err(error) = map.meter.declare(name, objective) {
                error.reason().add(1);
            }
        }
        map
    }

    /// Makes the map, as [`build`](HashMapBuilder::build), unless an objective would be dropped.
    ///
    /// ```
    /// use mapwarden::{HashMap, Objective};
    ///
    /// let carts = |target| -> Result<HashMap<String, u64>, Box<dyn std::error::Error>> {
    ///     Ok(HashMap::builder().name("carts").objective(Objective::availability(target)?).try_build()?)
    /// };
    /// let first = carts(0.99)?;
    /// let second = carts(0.99)?;
    /// assert_eq!(
    ///     carts(0.999).unwrap_err().to_string(),
    ///     "objective `carts-availability` is declared already with target 0.99, not with target 0.999: \
    ///      accepted is the same objective or another name for the map",
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Two objectives that judge events alike, even if they are equal; an objective that a map of the same name has
    /// declared differently; and one above the limit for a name. The builder's objectives before a refused one stay
    /// declared.
    pub fn try_build(self) -> Result<HashMap<K, V, S>, BuildError> {
        check_unique(&objective_names(&self.name.resolve(), &self.objectives))?;
        let (map, objectives) = self.build_without_objectives();
        // By the map's name, which is `other` if the process has too many names.
        let names = objective_names(map.name(), &objectives);
        for (name, objective) in names.iter().zip(objectives) {
            map.meter
                .declare(name, objective)
                .map_err(|error| BuildError::refused(name, objective, error))?;
        }
        Ok(map)
    }

    fn build_without_objectives(self) -> (HashMap<K, V, S>, Vec<Objective>) {
        let Self { inner, name, objectives, max_entries, display_key, times_all } = self;
        let map =
            HashMap::counted_by(record::meter(&name.resolve()), inner.build(), max_entries, display_key);
        if times_all {
            map.meter.time_all();
        }
        (map, objectives)
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::HashSet;
    use crate::record::Dropped;

    fn latency(millis: u64, target: f64) -> Objective {
        Objective::latency(Duration::from_millis(millis), target).unwrap()
    }

    /// The objectives of a map by name, in the order of the wire.
    fn objectives(map: &str) -> Vec<(String, Objective)> {
        let snapshot = record::registry().snapshot().maps.into_iter().find(|it| &*it.name == map).unwrap();
        snapshot.objectives.into_iter().map(|it| (it.name.to_string(), it.objective)).collect()
    }

    /// The only test of this binary in which `build` drops objectives, so that the counts are its own.
    #[test]
    fn build_counts_the_objectives_that_it_drops() {
        let counts = || [Dropped::ObjectiveConflict, Dropped::ObjectiveLimit].map(|it| it.count().get());
        let builder = || HashMap::<u8, u8>::builder().name("dropping");
        let first = builder().objective(latency(1, 0.9)).objective(latency(50, 0.99)).build();
        assert_eq!(counts(), [0, 0], "two thresholds are two objectives");
        let same = builder().objective(latency(1, 0.9)).objective(latency(1, 0.9)).build();
        assert_eq!((counts(), first), ([0, 0], same), "nothing is lost");

        drop(builder().objective(latency(1, 0.9)).objective(latency(1, 0.99)).build());
        assert_eq!(counts(), [1, 0], "one threshold, two targets");
        drop(HashSet::<u8>::builder().name("dropping").objective(latency(50, 0.99)).build());
        assert_eq!(counts(), [2, 0], "another first threshold than the map's");
        let expected = [("dropping-latency", latency(1, 0.9)), ("dropping-latency-50ms", latency(50, 0.99))];
        assert_eq!(objectives("dropping"), expected.map(|(name, objective)| (name.to_owned(), objective)));

        let many = (1..=10).fold(builder(), |builder, millis| builder.objective(latency(millis, 0.9)));
        drop(many.build());
        assert_eq!(counts(), [2, 3], "ten besides one");
        assert_eq!(objectives("dropping").len(), 8);
    }
}
