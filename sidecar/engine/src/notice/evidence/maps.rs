//! The map that changed most since the onset of a fault.

use std::sync::Arc;

use mapwarden_contract::{Count, Nanos, Ratio, UnixNanos};
use serde::{Deserialize, Serialize};

use super::fault::ObservedFault;
use super::keys::{ENOUGH, HotKeyEvidence, KeyEvidence, ScopeShare, key_evidence};
use crate::aggregate::maps::{Map, OpError, OpOutcome};
use crate::aggregate::objective::About;
use crate::aggregate::slots::Until;
use crate::notice::known::Known;

/// By how much an outcome's share must have changed for a notice to show it.
const SHIFT: f64 = 0.01;

/// How many kinds of failures a notice shows.
const FAILURES: usize = 3;

/// What a map did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MapEvidence {
    /// The map's name.
    pub name: String,
    /// The hottest key's share of the operations on single keys since the onset.
    pub hot_key_share: Known<Ratio>,
    /// That key, and what its share rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hot_key: Option<HotKeyEvidence>,
    /// The request scopes that use the map most since the onset, at most three.
    #[serde(default)]
    pub scopes: Vec<ScopeShare>,
    /// Operations on single keys since the onset, estimated: the shares of the hot key and of the scopes are of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampled: Option<Count>,
    /// What failed since the onset, by operation and type of error, the most frequent first, at most three.
    #[serde(default)]
    pub failures: Vec<MapFailure>,
    /// Entries of the most that the map takes; only where it is bounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full: Option<Ratio>,
    /// How the number of entries changes, per hour, relative to before: 3.4 is +340 %/h.
    pub entries: Known<f64>,
    /// Retries and conflicts a second, as a multiple of the rate before the onset.
    pub conflicts: Known<f64>,
    /// The longest time without a write since the onset; only where the service sends the time of the last write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_write: Option<Nanos>,
    /// What changed most: an outcome's share of its operation before and since the onset.
    pub shifts: Vec<OutcomeShift>,
}

/// Operations of a map that failed in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapFailure {
    /// The operation.
    pub op: String,
    /// The type of the error, or `panic`.
    pub error_type: String,
    /// How many, every one counted.
    pub count: Count,
}

/// How the share of one outcome changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutcomeShift {
    /// The operation.
    pub op: String,
    /// The outcome.
    pub outcome: String,
    /// Its share before the onset.
    pub baseline: Ratio,
    /// Its share since the onset.
    pub current: Ratio,
}

/// Returns the objective's own map, or the service's map with the largest shift of outcomes.
pub(in crate::notice) fn map(fault: &ObservedFault<'_>) -> Known<MapEvidence> {
    let service = &fault.objective.definition.service;
    let of_service = fault.view.maps().filter(|(key, _)| key.0 == *service);
    let own = |name: &Arc<str>| match &fault.objective.definition.about {
        About::Map(map) => map == name,
        About::Scope(_) | About::Metric(_) | About::Derived(_) => true,
    };
    let candidates = of_service.filter(|(key, _)| own(&key.1)).map(|(key, map)| evidence(fault, &key.1, map));
    let most = |evidence: &MapEvidence| evidence.shifts.first().map_or(0.0, |shift| distance(shift).abs());
    candidates
        .max_by(|a, b| most(a).total_cmp(&most(b)))
        .map_or_else(|| Known::missing("the service sends no map telemetry"), Known::Value)
}

/// What failed since the onset, the most frequent first.
fn failures(fault: &ObservedFault<'_>, map: &Map) -> Vec<MapFailure> {
    let failed = map.failures_between(fault.onset.at, fault.end(), fault.view.now);
    let failure = |((op, error), count): (&OpError, Count)| MapFailure {
        op: op.to_string(),
        error_type: error.to_string(),
        count,
    };
    failed.into_iter().take(FAILURES).map(failure).collect()
}

/// How full the map is; none where it has no bound.
fn full(fault: &ObservedFault<'_>, map: &Map) -> Option<Ratio> {
    Ratio::of(Count::new(map.entries()?), Count::new(map.max_entries.least(fault.view.now)?))
}

/// The time since the last write; of several processes, that of the one that is furthest behind.
fn without_write(fault: &ObservedFault<'_>, map: &Map) -> Option<Nanos> {
    let now = fault.view.now;
    map.last_write.least(now).map(|written| now.since(UnixNanos::new(written)))
}

fn distance(shift: &OutcomeShift) -> f64 {
    shift.current.get() - shift.baseline.get()
}

fn evidence(fault: &ObservedFault<'_>, name: &str, map: &Map) -> MapEvidence {
    let mut shifts: Vec<_> = map.operations().filter_map(|(pair, _)| shift(fault, map, pair)).collect();
    shifts.sort_by(|a, b| distance(b).abs().total_cmp(&distance(a).abs()));
    shifts.truncate(4);
    let KeyEvidence { hot_key_share, hot_key, scopes, sampled } = key_evidence(fault, map);
    MapEvidence {
        name: name.to_owned(),
        hot_key_share,
        hot_key,
        scopes,
        sampled,
        failures: failures(fault, map),
        full: full(fault, map),
        entries: growth(fault, map),
        conflicts: conflicts(fault, map),
        without_write: without_write(fault, map),
        shifts,
    }
}

/// How one outcome's share of its operation changed; none where it did not, or where there are too few operations.
fn shift(fault: &ObservedFault<'_>, map: &Map, pair: &OpOutcome) -> Option<OutcomeShift> {
    let share = |from, until| {
        let happened = map.between(pair, from, until, fault.view.now);
        let of_op = map.operations().filter(|(other, _)| other.0 == pair.0);
        let all: Count = of_op.map(|(other, _)| map.between(other, from, until, fault.view.now)).sum();
        (all >= ENOUGH).then(|| Ratio::of(happened, all)).flatten()
    };
    let baseline = share(fault.baseline_from(), Until::Before(fault.onset.at))?;
    let current = share(fault.onset.at, fault.end())?;
    let shift = OutcomeShift { op: pair.0.to_string(), outcome: pair.1.to_string(), baseline, current };
    (distance(&shift).abs() >= SHIFT).then_some(shift)
}

/// The growth of the number of entries since the onset, per hour, relative to then.
fn growth(fault: &ObservedFault<'_>, map: &Map) -> Known<f64> {
    let Some(now) = map.entries() else {
        return Known::missing("the service does not send the number of entries");
    };
    let Some((time, before)) = map.entries_before(fault.onset.at) else {
        return Known::missing("the number of entries was not sent before the onset");
    };
    let hours = fault.view.now.since(time).as_secs_f64() / 3600.0;
    if before == 0 || hours < 10.0 / 3600.0 {
        return Known::missing("the map was empty, or the onset is younger than ten seconds");
    }
    let (now, before) = (Count::new(now).as_f64(), Count::new(before).as_f64());
    Known::Value((now - before) / before / hours)
}

/// Retries and conflicts a second since the onset as a multiple of the rate before the onset.
fn conflicts(fault: &ObservedFault<'_>, map: &Map) -> Known<f64> {
    let now = fault.view.now;
    let onset = fault.onset.at;
    let rate = |from: UnixNanos, until: Until, span: Nanos| {
        let pairs = map.operations().filter(|(pair, _)| &*pair.1 == "conflict");
        let conflicts: Count = pairs.map(|(pair, _)| map.between(pair, from, until, now)).sum();
        (conflicts + map.retries_between(from, until, now)).as_f64() / span.as_secs_f64().max(1.0)
    };
    let start = fault.baseline_from();
    let before = rate(start, Until::Before(onset), onset.since(start));
    let since = rate(onset, fault.end(), fault.until.since(onset));
    if before > 0.0 {
        Known::Value(since / before)
    } else {
        Known::missing(if since > 0.0 { "there were none before the onset" } else { "there were none" })
    }
}
