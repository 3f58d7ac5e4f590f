//! The view of a map, from the telemetry of the SDK.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use mapwarden_contract::UnixNanos;
use mapwarden_contract::names::{attribute, wire};
use mapwarden_engine::aggregate::Aggregate;
use mapwarden_engine::ledger::Ledger;
use mapwarden_engine::notice::Notices;
use mapwarden_engine::observation::{Batch, Observation, Point, PointValue, Resource, Temporality};
use mapwarden_sidecar::view::{Durability, Evaluation, MapView, SidecarFacts, view};

fn at(second: u64) -> UnixNanos {
    UnixNanos::new((1_800_000_000 + second) * 1_000_000_000)
}

fn point(metric: &str, pairs: &[(&str, &str)], second: u64, value: PointValue) -> Observation {
    let map = [(attribute::MAP, "routes")];
    let pairs = pairs.iter().chain(&map).map(|(name, value)| (Arc::from(*name), Arc::from(*value)));
    let mut pairs: Vec<(Arc<str>, Arc<str>)> = pairs.collect();
    pairs.sort();
    let attributes = pairs.into();
    Observation::Point(Point { metric: Arc::from(metric), attributes, start: at(0), time: at(second), value })
}

/// 1,000 operations a second, 600 of them on `k1` and 40 on `k2`; 4 loads a second fail, and no get fails.
fn reported(second: u64) -> Batch {
    let sum = |metric: &str, pairs: &[(&str, &str)], count: u32| {
        let value = f64::from(count * u32::try_from(second).unwrap());
        point(metric, pairs, second, PointValue::Sum { temporality: Temporality::Cumulative, value })
    };
    let failed = |op| [(attribute::OP, op), (attribute::ERROR_TYPE, "timeout")];
    let observations = vec![
        point(wire::MAP_ENTRIES.name, &[], second, PointValue::Gauge(990.0)),
        point(wire::MAP_MAX_ENTRIES.name, &[], second, PointValue::Gauge(1_000.0)),
        sum(wire::MAP_SAMPLED_OPERATIONS.name, &[], 1_000),
        sum(wire::MAP_HOT_KEY_OPERATIONS.name, &[(attribute::KEY, "k1")], 600),
        sum(wire::MAP_HOT_KEY_OPERATIONS.name, &[(attribute::KEY, "k2")], 40),
        sum(wire::MAP_SCOPE_OPERATIONS.name, &[(attribute::SCOPE, "checkout")], 900),
        sum(wire::MAP_FAILURES.name, &failed("load"), 4),
        sum(wire::MAP_FAILURES.name, &failed("get"), 0),
    ];
    let resource = Resource { id: 1, service: Arc::from("gateway"), ..Resource::default() };
    Batch { resource: Arc::new(resource), received: at(second), observations }
}

fn shown(second: u64) -> MapView {
    let mut aggregate = Aggregate::new(Vec::new(), 1_000, at(0));
    (1..=second).for_each(|second| {
        aggregate.take(&reported(second));
    });
    let facts = SidecarFacts {
        started: Timestamp::UNIX_EPOCH,
        durability: Durability::Memory,
        sources: &[],
        corrections: Ledger::default().log(),
    };
    let judged = Evaluation { budgets: Arc::default(), ledger: BTreeMap::new() };
    view(&aggregate.at(at(second)), judged, &Notices::default(), facts).maps.remove(0)
}

#[test]
fn a_map_is_shown_with_shares_of_the_last_minute() {
    let map = shown(119);
    let work = map.work.value().unwrap();
    let keys: Vec<_> = work.hot_keys.iter().map(|key| (key.key.as_str(), key.share.get())).collect();
    let scopes: Vec<_> = work.scopes.iter().map(|scope| (scope.scope.as_str(), scope.share.get())).collect();
    // The last minute and the second in which it begins.
    assert_eq!(work.sampled.get(), 61_000);
    assert_eq!((keys, scopes), (vec![("k1", 0.6), ("k2", 0.04)], vec![("checkout", 0.9)]));
    let failures: Vec<_> = map.failures.iter().map(|failure| (&*failure.op, failure.count.get())).collect();
    assert_eq!(failures, [("load", 4 * 119)], "operations without failures are not listed");
    assert_eq!((map.entries.value(), map.max_entries.value()), (Some(&990), Some(&1_000)));
    assert_eq!(map.full.value().map(|full| full.get()), Some(0.99));
}
