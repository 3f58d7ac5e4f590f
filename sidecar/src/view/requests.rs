//! The requests of a view. Comes in: what the engine counted of a scope in a region. Goes out: a [`RequestView`].

use mapwarden_contract::{Count, Nanos};
use mapwarden_engine::aggregate::traffic::Traffic;
use mapwarden_engine::aggregate::{RequestKey, WindowView};
use mapwarden_engine::notice::{Known, Percentiles};
use serde::Serialize;

use super::recent::{QUANTILES, RATE, quantiles};

/// The requests of one scope from one region.
#[derive(Clone, Debug, Serialize)]
pub struct RequestView {
    /// The service.
    pub service: String,
    /// The scope.
    pub scope: String,
    /// The region; empty where none was reported.
    pub region: String,
    /// Requests that succeeded, since the scope is known.
    pub ok: Count,
    /// Requests that failed, since the scope is known.
    pub failed: Count,
    /// Requests that the caller cancelled, since the scope is known.
    pub cancelled: Count,
    /// Requests that succeeded or failed, per second over the last minute.
    pub rate: f64,
    /// The median over the last 5 minutes.
    pub p50: Known<Nanos>,
    /// The 95th and 99th percentile over the last 5 minutes.
    pub tail: Known<Percentiles>,
}

pub(super) fn request(
    (service, scope, region): &RequestKey,
    traffic: &Traffic,
    known: &WindowView<'_>,
) -> RequestView {
    let (p50, tail) = quantiles(&traffic.times().last(QUANTILES, known.now));
    RequestView {
        service: service.to_string(),
        scope: scope.to_string(),
        region: region.to_string(),
        ok: traffic.ok,
        failed: traffic.failed,
        cancelled: traffic.cancelled,
        rate: traffic.last(RATE, known.now).total().as_f64() / RATE.as_secs_f64(),
        p50,
        tail,
    }
}
