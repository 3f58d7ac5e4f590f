//! How slow the objective's requests or operations are.

use mapwarden_contract::{Nanos, Ratio, UnixNanos};
use serde::{Deserialize, Serialize};

use super::fault::ObservedFault;
use crate::aggregate::SPANS;
use crate::aggregate::distribution::TimeDistribution;
use crate::aggregate::objective::About;
use crate::aggregate::slots::Until;
use crate::notice::known::Known;

/// Percentiles in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// The 95th.
    pub p95: Nanos,
    /// The 99th.
    pub p99: Nanos,
}

/// Returns the times of the requests or operations that the objective is about; none where none were sent.
pub(super) fn times(fault: &ObservedFault<'_>, from: UnixNanos, until: Until) -> Option<TimeDistribution> {
    let (service, now) = (&fault.objective.definition.service, fault.view.now);
    let mut times = TimeDistribution::default();
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

/// Returns the latency since the onset.
pub(super) fn percentiles(fault: &ObservedFault<'_>) -> Known<Percentiles> {
    let measured = times(fault, fault.onset.at, fault.end()).and_then(|times| {
        let quantile = |share| times.quantile(Ratio::new(share).ok()?);
        Some(Percentiles { p95: quantile(0.95)?, p99: quantile(0.99)? })
    });
    Known::or_missing(measured, "no request was timed since the onset")
}
