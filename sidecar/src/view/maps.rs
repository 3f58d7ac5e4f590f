//! The maps of a view. Comes in: what the engine counted of a map. Goes out: a [`MapView`], with a reason for each
//! value that is missing.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use mapwarden_contract::{Count, Nanos, Ratio, UnixNanos};
use mapwarden_engine::aggregate::maps::Map;
use mapwarden_engine::aggregate::slots::Until;
use mapwarden_engine::aggregate::{MapKey, WindowView, timestamp};
use mapwarden_engine::notice::{Known, MapFailure, Percentiles, ScopeShare};
use serde::Serialize;

use super::recent::{QUANTILES, RATE, quantiles};

/// How many hot keys are shown.
const KEYS: usize = 10;

/// Below so many operations in the last minute no share is shown. Raised, quiet maps show none; lowered, a share is one
/// of few operations.
const ENOUGH: Count = Count::new(20);

/// One map.
#[derive(Clone, Debug, Serialize)]
pub struct MapView {
    /// The service.
    pub service: String,
    /// The map's name.
    pub name: String,
    /// Entries, as last reported.
    pub entries: Known<u64>,
    /// Number of entries at which new keys are rejected.
    pub max_entries: Known<u64>,
    /// Entries as a share of `max_entries`.
    pub full: Known<Ratio>,
    /// When it was last written; of several processes, the oldest of their last writes.
    pub last_write: Known<Timestamp>,
    /// The longest time for which guards kept removed entries from being freed, as reported in the last minute.
    pub guard_held: Known<Nanos>,
    /// Closure retries since the map is known.
    pub retries: Count,
    /// Operations per second over the last minute.
    pub rate: f64,
    /// Keys and scopes of the last minute, estimated from the operations that are timed.
    pub work: Known<WorkView>,
    /// Failed operations since the map is known, by operation and type of error.
    pub failures: Vec<MapFailure>,
    /// Every operation that the service reports.
    pub operations: Vec<OperationView>,
}

/// Keys and scopes of the operations on a map in the last minute.
#[derive(Clone, Debug, Serialize)]
pub struct WorkView {
    /// Operations on single keys, estimated: the whole of the shares.
    pub sampled: Count,
    /// The hottest keys, at most ten.
    pub hot_keys: Vec<KeyView>,
    /// By request scope, the busiest first; the empty scope stands for operations outside of every scope.
    pub scopes: Vec<ScopeShare>,
}

/// One hot key.
#[derive(Clone, Debug, Serialize)]
pub struct KeyView {
    /// Its pseudonym, or what the map's `display_key` returns for it.
    pub key: String,
    /// Its share of the operations on single keys.
    pub share: Ratio,
    /// Its operations, estimated.
    pub operations: Count,
}

/// One operation of one map.
#[derive(Clone, Debug, Serialize)]
pub struct OperationView {
    /// The operation.
    pub op: String,
    /// Count by outcome since the map is known, zeros included.
    pub outcomes: BTreeMap<String, Count>,
    /// The median over the last 5 minutes.
    pub p50: Known<Nanos>,
    /// The 95th and 99th percentile over the last 5 minutes.
    pub tail: Known<Percentiles>,
}

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
        entries: known_or(map.entries(), "the service does not report it"),
        max_entries: known_or(max_entries, "the map has no bound, or the service does not report one"),
        full: known_or(full, "the map has no bound, or the service does not report one"),
        last_write: known_or(written, "not written yet, or the service does not report it"),
        guard_held: known_or(map.guard_held.longest(now), "the service did not report it in the last minute"),
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
