//! The maps and sets as a service uses them: one module for each capability. Not in `it`, because rejected and failed
//! operations are offered as spans to the one telemetry of a process, and the tests of `it` count the spans that
//! arrive.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "clippy's exemptions for tests end at their helpers"
)]

mod bounded;
mod bounds;
mod builders;
mod churn;
mod differential;
mod fallible;
mod guards;
mod objectives;
mod operations;
#[cfg(feature = "serde")]
mod serialized;
mod sets;
#[cfg(feature = "single-flight")]
mod single_flight;
mod snapshots;
mod threads;
