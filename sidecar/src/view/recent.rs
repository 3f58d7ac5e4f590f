//! Rates and quantiles of the last minutes. Comes in: measured times. Goes out: the median and the tail, or why there
//! are none.

use mapwarden_contract::{Nanos, Ratio};
use mapwarden_engine::aggregate::distribution::TimeDistribution;
use mapwarden_engine::notice::{Known, Percentiles};

/// The time that rates are over.
pub(super) const RATE: Nanos = Nanos::from_secs(60);

/// The time that quantiles are over.
pub(super) const QUANTILES: Nanos = Nanos::from_secs(300);

pub(super) fn quantiles(times: &TimeDistribution) -> (Known<Nanos>, Known<Percentiles>) {
    let quantile = |share| times.quantile(Ratio::new(share).ok()?);
    let untimed = || "nothing was timed in the last 5 minutes";
    let tail = || Some(Percentiles { p95: quantile(0.95)?, p99: quantile(0.99)? });
    (
        quantile(0.5).map_or_else(|| Known::missing(untimed()), Known::Value),
        tail().map_or_else(|| Known::missing(untimed()), Known::Value),
    )
}
