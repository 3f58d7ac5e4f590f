//! What got worse, and by how much.

use mapwarden_contract::{Count, Nanos, Ratio};
use mapwarden_objective::wilson;
use serde::{Deserialize, Serialize};

use super::fault::ObservedFault;
use super::latency::times;
use crate::aggregate::distribution::TimeDistribution;
use crate::aggregate::slot::Counts;
use crate::aggregate::slots::Until;
use crate::notice::known::Known;

/// How an SLI changed. For a ratio, values are ratios; for a latency, seconds. The events of a freshness are seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SliDelta {
    /// `availability`, `latency`, `hit_ratio`, `freshness`, or `latency_p95`.
    pub name: String,
    /// The unit of the values.
    pub unit: SliUnit,
    /// The value before the onset.
    pub baseline: Known<f64>,
    /// The value since the onset.
    pub current: Known<f64>,
    /// `current - baseline`.
    pub delta: Known<f64>,
    /// Good events since the onset; only on ratios.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub good: Option<Count>,
    /// All events since the onset.
    pub total: Count,
    /// 95 % Wilson score interval of `current`; only on ratios.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<(Ratio, Ratio)>,
}

/// The unit of an SLI's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SliUnit {
    /// A share of events.
    Ratio,
    /// A time.
    Seconds,
}

/// Returns the objective's own SLI first, then the latency of the same requests.
pub(in crate::notice) fn slis(fault: &ObservedFault<'_>) -> Vec<SliDelta> {
    let own = ratio(fault.objective.definition.sli.name(), fault.before(), fault.since());
    std::iter::once(own).chain(latency(fault)).collect()
}

fn ratio(name: &str, before: Counts, since: Counts) -> SliDelta {
    let good = |counts: Counts| Ratio::of(counts.good, counts.total()).map(Ratio::get);
    SliDelta {
        name: name.to_owned(),
        unit: SliUnit::Ratio,
        baseline: Known::or_missing(good(before), "no event before the onset"),
        current: Known::or_missing(good(since), "no event since the onset"),
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
fn latency(fault: &ObservedFault<'_>) -> Option<SliDelta> {
    let since = times(fault, fault.onset.at, fault.end())?;
    let before = times(fault, fault.baseline_from(), Until::Before(fault.onset.at))?;
    let p95 = |times: &TimeDistribution| times.quantile(Ratio::new(0.95).ok()?).map(Nanos::as_secs_f64);
    Some(SliDelta {
        name: "latency_p95".to_owned(),
        unit: SliUnit::Seconds,
        baseline: Known::or_missing(p95(&before), "nothing was timed before the onset"),
        current: Known::or_missing(p95(&since), "nothing was timed since the onset"),
        delta: delta(p95(&before), p95(&since)),
        good: None,
        total: since.count(),
        confidence: None,
    })
}
