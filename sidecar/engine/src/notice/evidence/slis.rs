//! What got worse, and by how much.

use mapwarden_contract::{Nanos, Ratio, UnixNanos};

use super::Fault;
use crate::aggregate::SPANS;
use crate::aggregate::distribution::Distribution;
use crate::aggregate::objective::About;
use crate::aggregate::slot::Counts;
use crate::aggregate::slots::Until;
use crate::notice::{Known, Percentiles, SliDelta, SliUnit};
use mapwarden_objective::wilson;

/// The objective's own SLI first, then the latency of the same requests.
pub(in crate::notice) fn slis(fault: &Fault<'_>) -> Vec<SliDelta> {
    let own = ratio(fault.objective.definition.sli.name(), fault.before(), fault.since());
    std::iter::once(own).chain(latency(fault)).collect()
}

fn ratio(name: &str, before: Counts, since: Counts) -> SliDelta {
    let good = |counts: Counts| Ratio::of(counts.good, counts.total()).map(Ratio::get);
    SliDelta {
        name: name.to_owned(),
        unit: SliUnit::Ratio,
        baseline: good(before).map_or_else(|| Known::missing("no event before the onset"), Known::Value),
        current: good(since).map_or_else(|| Known::missing("no event since the onset"), Known::Value),
        delta: delta(good(before), good(since)),
        good: Some(since.good),
        total: since.total(),
        confidence: wilson(since.good, since.total()),
    }
}

fn delta(before: Option<f64>, since: Option<f64>) -> Known<f64> {
    match (before, since) {
        (Some(before), Some(since)) => Known::Value(since - before),
        (None, _) => Known::missing("no event before the onset"),
        (Some(_), None) => Known::missing("no event since the onset"),
    }
}

/// The 95th percentile of the objective's requests; none where the objective is not about anything timed.
fn latency(fault: &Fault<'_>) -> Option<SliDelta> {
    let since = times(fault, fault.onset.at, fault.end())?;
    let before = times(fault, fault.baseline_from(), Until::Before(fault.onset.at))?;
    let p95 = |times: &Distribution| times.quantile(Ratio::new(0.95).ok()?).map(Nanos::as_secs_f64);
    Some(SliDelta {
        name: "latency_p95".to_owned(),
        unit: SliUnit::Seconds,
        baseline: p95(&before)
            .map_or_else(|| Known::missing("nothing was timed before the onset"), Known::Value),
        current: p95(&since)
            .map_or_else(|| Known::missing("nothing was timed since the onset"), Known::Value),
        delta: delta(p95(&before), p95(&since)),
        good: None,
        total: since.count(),
        confidence: None,
    })
}

/// The times of the requests or operations that the objective is about; none where none were told.
fn times(fault: &Fault<'_>, from: UnixNanos, until: Until) -> Option<Distribution> {
    let (service, now) = (&fault.objective.definition.service, fault.view.now);
    let mut times = Distribution::default();
    let mut is_timed = false;
    let scope = match &fault.objective.definition.about {
        About::Scope(scope) => &**scope,
        About::Metric(_) => SPANS,
        About::Derived(_) => return None,
        About::Map(map) => {
            let (_, map) = fault.view.maps().find(|(key, _)| key.0 == *service && key.1 == *map)?;
            for ring in map.all_times() {
                times.merge(&ring.between(from, until, now));
                is_timed = true;
            }
            return is_timed.then_some(times);
        }
    };
    for (_, traffic) in fault.view.requests().filter(|(key, _)| key.0 == *service && *key.1 == *scope) {
        times.merge(&traffic.times().between(from, until, now));
        is_timed = true;
    }
    is_timed.then_some(times)
}

/// How slow it was since the onset.
pub(super) fn percentiles(fault: &Fault<'_>) -> Known<Percentiles> {
    let measured = times(fault, fault.onset.at, fault.end()).and_then(|times| {
        let quantile = |share| times.quantile(Ratio::new(share).ok()?);
        Some(Percentiles { p95: quantile(0.95)?, p99: quantile(0.99)? })
    });
    measured.map_or_else(|| Known::missing("no request was timed since the onset"), Known::Value)
}
