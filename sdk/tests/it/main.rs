//! The crate from the side of a service and of a receiver, with one module for each capability.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "clippy's exemptions for tests end at their helpers"
)]

mod alone;
#[cfg(feature = "metrics")]
mod bridge_metrics;
#[cfg(feature = "opentelemetry-metrics")]
mod bridge_opentelemetry;
#[cfg(feature = "tracing")]
mod bridge_tracing;
mod exemplars;
mod faulty;
mod flood;
mod fork;
mod large;
#[cfg(feature = "tower")]
mod layer;
mod map;
mod map_in_request;
mod outage;
mod readme;
mod receiver;
mod samples;
mod scope;
mod ship;
mod sigterm;
mod tenants;
mod thread_end;
mod threads;
