//! One map as the view shows it.

use std::collections::BTreeMap;
use std::sync::Arc;

use mapwarden_contract::{Count, Ratio, UnixNanos};

use super::build::{QUANTILES, RATE, quantiles};
use crate::view::{KeyView, MapView, OperationView, WorkView};
use mapwarden_engine::aggregate::maps::Map;
use mapwarden_engine::aggregate::slots::Until;
use mapwarden_engine::aggregate::{MapKey, WindowView, timestamp};
use mapwarden_engine::notice::{Known, MapFailure, ScopeShare};

/// How many hot keys are shown.
const KEYS: usize = 10;

/// Below how many operations in the last minute a share says nothing.
const ENOUGH: Count = Count::new(20);

pub(super) fn map_view((service, name): &MapKey, map: &Map, known: &WindowView<'_>) -> MapView {
    let now = known.now;
    let last_minute = map.all_between(now.before(RATE), Until::Through(now), now);
    let max_entries = map.max_entries.least(now);
    let full = map
        .entries()
        .zip(max_entries)
        .and_then(|(entries, most)| Ratio::of(Count::new(entries), Count::new(most)));
    let failure = |((op, error), count): (&(Arc<str>, Arc<str>), Count)| MapFailure {
        op: op.to_string(),
        error_type: error.to_string(),
        count,
    };
    let written = map.last_write.least(now).map(|at| timestamp(UnixNanos::new(at)));
    MapView {
        service: service.to_string(),
        name: name.to_string(),
        entries: known_or(map.entries(), "not told by the service"),
        max_entries: known_or(max_entries, "the map has no bound, or the service tells of none"),
        full: known_or(full, "the map has no bound, or the service tells of none"),
        last_write: known_or(written, "not written yet, or not told by the service"),
        guard_held: known_or(map.guard_held.longest(now), "not told in the last minute"),
        retries: map.retries(),
        rate: last_minute.as_f64() / RATE.as_secs_f64(),
        work: work(map, now),
        failures: map.failures().filter(|(_, count)| *count > Count::ZERO).map(failure).collect(),
        operations: operations(map, now),
    }
}

fn known_or<T>(value: Option<T>, otherwise: &str) -> Known<T> {
    value.map_or_else(|| Known::missing(otherwise), Known::Value)
}

fn work(map: &Map, now: UnixNanos) -> Known<WorkView> {
    let (from, until) = (now.before(RATE), Until::Through(now));
    let Some(sampled) = map.sampled_between(from, until, now) else {
        return Known::missing("keys are not sampled");
    };
    if sampled < ENOUGH {
        return Known::missing("fewer than 20 operations on single keys in the last minute");
    }
    let key = |(key, operations): (&Arc<str>, Count)| {
        Some(KeyView { key: key.to_string(), share: Ratio::of(operations, sampled)?, operations })
    };
    let scope = |(scope, operations): (&Arc<str>, Count)| {
        Some(ScopeShare { scope: scope.to_string(), share: Ratio::of(operations, sampled)?, operations })
    };
    Known::Value(WorkView {
        sampled,
        hot_keys: map.hot_keys.between(from, until, now).into_iter().take(KEYS).filter_map(key).collect(),
        scopes: map.scopes_between(from, until, now).into_iter().filter_map(scope).collect(),
    })
}

fn operations(map: &Map, now: UnixNanos) -> Vec<OperationView> {
    let mut operations: BTreeMap<&Arc<str>, BTreeMap<String, Count>> = BTreeMap::new();
    for ((op, outcome), count) in map.operations() {
        operations.entry(op).or_default().insert(outcome.to_string(), count);
    }
    let operations = operations.into_iter().map(|(op, outcomes)| {
        let times = map.times(op).map(|ring| ring.last(QUANTILES, now)).unwrap_or_default();
        let (p50, tail) = quantiles(&times);
        OperationView { op: op.to_string(), outcomes, p50, tail }
    });
    operations.collect()
}
