//! How the work on a map divides: its hottest key, and the request scopes that use it. All of it is estimated from
//! the operations that the SDK times.

use std::sync::Arc;

use mapwarden_contract::{Count, Ratio, UnixNanos};

use super::Fault;
use super::maps::ENOUGH;
use crate::aggregate::hot_keys::REACH;
use crate::aggregate::maps::Map;
use crate::aggregate::slots::Until;
use crate::notice::{HotKey, Known, ScopeShare};

/// What the counts are, told beside them.
const BASIS: &str =
    "weighted counts of timed operations; how many were timed is not told, so there is no interval";

/// How many scopes are told.
const SCOPES: usize = 3;

/// Operations on single keys in a stretch of time that keys are remembered for.
struct Stretch {
    from: UnixNanos,
    until: Until,
    sampled: Count,
}

/// A share, and what it is a share of.
pub(super) struct Work {
    /// The share of the hottest key.
    pub(super) hot_key_share: Known<Ratio>,
    /// The hottest key.
    pub(super) hot_key: Option<HotKey>,
    /// The scopes, the busiest first.
    pub(super) scopes: Vec<ScopeShare>,
    /// Operations on single keys since the onset, where they are told.
    pub(super) sampled: Option<Count>,
}

/// How the work on a map divides since the onset.
pub(super) fn work(fault: &Fault<'_>, map: &Map) -> Work {
    let since = since(fault, map);
    let hot_key = match &since {
        Some(since) => hot_key(fault, map, since),
        None => Known::missing("keys are not sampled"),
    };
    let (hot_key_share, hot_key) = match hot_key {
        Known::Value((share, hot_key)) => (Known::Value(share), Some(hot_key)),
        Known::Missing { missing } => (Known::Missing { missing }, None),
    };
    Work {
        hot_key_share,
        hot_key,
        scopes: since.as_ref().map(|since| scopes(fault, map, since)).unwrap_or_default(),
        sampled: since.map(|since| since.sampled),
    }
}

/// The stretch since the onset; none where operations on single keys are not told.
fn since(fault: &Fault<'_>, map: &Map) -> Option<Stretch> {
    let now = fault.view.now;
    let (from, until) = (fault.onset.at.max(now.before(REACH)), fault.end());
    Some(Stretch { from, until, sampled: map.sampled_between(from, until, now)? })
}

/// The stretch before the onset, as far as keys are remembered; or why there is none.
fn before(fault: &Fault<'_>, map: &Map) -> Known<Stretch> {
    let now = fault.view.now;
    let (from, until) = (fault.baseline_from().max(now.before(REACH)), Until::Before(fault.onset.at));
    if from >= fault.onset.at {
        return Known::missing("keys are not remembered from before the onset");
    }
    match map.sampled_between(from, until, now) {
        Some(sampled) if sampled >= ENOUGH => Known::Value(Stretch { from, until, sampled }),
        Some(_) | None => Known::missing("too few operations were sampled before the onset"),
    }
}

fn hot_key(fault: &Fault<'_>, map: &Map, since: &Stretch) -> Known<(Ratio, HotKey)> {
    if !map.hot_keys.is_reported() {
        return Known::missing("keys are not sampled");
    }
    let now = fault.view.now;
    let keys = map.hot_keys.between(since.from, since.until, now);
    let hottest = keys.first().filter(|_| since.sampled >= ENOUGH);
    let Some((key, operations)) = hottest.copied() else {
        return Known::missing("too few operations were sampled since the onset");
    };
    let Some(share) = Ratio::of(operations, since.sampled) else {
        return Known::missing("no operation was sampled since the onset");
    };
    let (baseline, hottest_before) = shares_before(fault, map, key);
    let (key, basis) = (key.to_string(), BASIS.to_owned());
    Known::Value((share, HotKey { key, operations, baseline, hottest_before, basis }))
}

/// The share of a key before the onset, and that of whichever key was the hottest then.
fn shares_before(fault: &Fault<'_>, map: &Map, key: &str) -> (Known<Ratio>, Known<Ratio>) {
    let before = match before(fault, map) {
        Known::Missing { missing } => return (Known::missing(&*missing), Known::Missing { missing }),
        Known::Value(before) => before,
    };
    let keys = map.hot_keys.between(before.from, before.until, fault.view.now);
    let share = |entry: Option<&(&Arc<str>, Count)>| Ratio::of(entry?.1, before.sampled);
    let own = share(keys.iter().find(|entry| **entry.0 == *key));
    let hottest = share(keys.first());
    (
        own.map_or_else(|| Known::missing("it was not told as one of the hottest keys"), Known::Value),
        hottest.map_or_else(|| Known::missing("no key was hot"), Known::Value),
    )
}

/// Which request scopes use the map; the empty scope is outside of every one.
fn scopes(fault: &Fault<'_>, map: &Map, since: &Stretch) -> Vec<ScopeShare> {
    let used = map.scopes_between(since.from, since.until, fault.view.now);
    let shares = used.into_iter().filter(|_| since.sampled >= ENOUGH).filter_map(|(scope, operations)| {
        let share = Ratio::of(operations, since.sampled)?;
        Some(ScopeShare { scope: scope.to_string(), share, operations })
    });
    shares.take(SCOPES).collect()
}
