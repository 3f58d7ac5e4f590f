//! How the operations on a map divide: its hottest key, and the request scopes that use it. All of it is estimated from
//! the operations that the SDK times.

use std::sync::Arc;

use mapwarden_contract::{Count, Ratio, UnixNanos};
use serde::{Deserialize, Serialize};

use super::fault::ObservedFault;
use crate::aggregate::hot_keys::REACH;
use crate::aggregate::maps::Map;
use crate::aggregate::slots::Until;
use crate::notice::known::Known;

/// How the counts are made; shown beside them.
const BASIS: &str = "weighted counts of timed operations; the number of timed operations is not sent, so there is no interval";

/// How many scopes a notice shows.
const SCOPES: usize = 3;

/// Below how many operations before or since the onset a share is not evidence.
pub(super) const ENOUGH: Count = Count::new(20);

/// The key with the most operations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HotKeyEvidence {
    /// Its pseudonym, or the result of the map's `display_key` for it.
    pub key: String,
    /// Operations on it since the onset, estimated.
    pub operations: Count,
    /// Its share in the hour before the onset.
    pub baseline: Known<Ratio>,
    /// The share of the key that was the hottest then. A key has another pseudonym in processes that share no key for
    /// pseudonyms, and another name where the map does not hold it.
    pub hottest_before: Known<Ratio>,
    /// How the operations were counted.
    pub basis: String,
}

/// A request scope's share of the operations on a map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScopeShare {
    /// The scope; empty for operations outside of every scope.
    pub scope: String,
    /// Its share of the operations on single keys.
    pub share: Ratio,
    /// Its operations, estimated.
    pub operations: Count,
}

/// The operations on single keys in an interval, within the time for which keys are kept.
struct SampledInterval {
    from: UnixNanos,
    until: Until,
    sampled: Count,
}

/// How the operations on a map divide.
pub(super) struct KeyEvidence {
    /// The share of the hottest key.
    pub(super) hot_key_share: Known<Ratio>,
    /// The hottest key.
    pub(super) hot_key: Option<HotKeyEvidence>,
    /// The scopes, the busiest first.
    pub(super) scopes: Vec<ScopeShare>,
    /// Operations on single keys since the onset, where the service sends them.
    pub(super) sampled: Option<Count>,
}

/// Returns how the operations on a map divide since the onset.
pub(super) fn key_evidence(fault: &ObservedFault<'_>, map: &Map) -> KeyEvidence {
    let since = since(fault, map);
    let hot_key = match &since {
        Some(since) => hot_key(fault, map, since),
        None => Known::missing("keys are not sampled"),
    };
    let (hot_key_share, hot_key) = match hot_key {
        Known::Value((share, hot_key)) => (Known::Value(share), Some(hot_key)),
        Known::Missing { missing } => (Known::Missing { missing }, None),
    };
    KeyEvidence {
        hot_key_share,
        hot_key,
        scopes: since.as_ref().map(|since| scopes(fault, map, since)).unwrap_or_default(),
        sampled: since.map(|since| since.sampled),
    }
}

/// The interval since the onset; none where the service sends no operations on single keys.
fn since(fault: &ObservedFault<'_>, map: &Map) -> Option<SampledInterval> {
    let now = fault.view.now;
    let (from, until) = (fault.onset.at.max(now.before(REACH)), fault.end());
    Some(SampledInterval { from, until, sampled: map.sampled_between(from, until, now)? })
}

/// The interval before the onset, as far as keys are kept; or the reason why there is none.
fn before(fault: &ObservedFault<'_>, map: &Map) -> Known<SampledInterval> {
    let now = fault.view.now;
    let (from, until) = (fault.baseline_from().max(now.before(REACH)), Until::Before(fault.onset.at));
    if from >= fault.onset.at {
        return Known::missing("keys from before the onset are no longer kept");
    }
    match map.sampled_between(from, until, now) {
        Some(sampled) if sampled >= ENOUGH => Known::Value(SampledInterval { from, until, sampled }),
        Some(_) | None => Known::missing("too few operations were sampled before the onset"),
    }
}

fn hot_key(fault: &ObservedFault<'_>, map: &Map, since: &SampledInterval) -> Known<(Ratio, HotKeyEvidence)> {
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
    Known::Value((share, HotKeyEvidence { key, operations, baseline, hottest_before, basis }))
}

/// The share of a key before the onset, and the share of the key that was the hottest then.
fn shares_before(fault: &ObservedFault<'_>, map: &Map, key: &str) -> (Known<Ratio>, Known<Ratio>) {
    let before = match before(fault, map) {
        Known::Missing { missing } => return (Known::missing(&*missing), Known::Missing { missing }),
        Known::Value(before) => before,
    };
    let keys = map.hot_keys.between(before.from, before.until, fault.view.now);
    let share = |entry: Option<&(&Arc<str>, Count)>| Ratio::of(entry?.1, before.sampled);
    let own = share(keys.iter().find(|entry| **entry.0 == *key));
    let hottest = share(keys.first());
    (
        Known::or_missing(own, "it was not among the hottest keys"),
        Known::or_missing(hottest, "no key was hot"),
    )
}

/// The request scopes that use the map; the empty scope stands for operations outside of every scope.
fn scopes(fault: &ObservedFault<'_>, map: &Map, since: &SampledInterval) -> Vec<ScopeShare> {
    let used = map.scopes_between(since.from, since.until, fault.view.now);
    let shares = used.into_iter().filter(|_| since.sampled >= ENOUGH).filter_map(|(scope, operations)| {
        let share = Ratio::of(operations, since.sampled)?;
        Some(ScopeShare { scope: scope.to_string(), share, operations })
    });
    shares.take(SCOPES).collect()
}
