//! What both ends of the wire agree on: names, units, operations, outcomes, objectives, bucket bounds and the sketch of
//! users.
//!
//! Comes in: nothing. Goes out: names and small pure types that the SDK `mapwarden` and the sidecar share. Never does IO
//! and never allocates without saying so; only [`UnixNanos::now`] reads a clock. A service depends on `mapwarden`, which
//! re-exports the few of these types that its signatures need.
//!
//! # Compatibility
//! [`Op`], [`Outcome`], [`SliKind`] and [`Verdict`] can be matched exhaustively: the SDK must
//! decide what a new member means before it compiles, so that adding one is a breaking change. The sidecar keeps
//! operations and outcomes by name, so that an older one shows what a newer SDK sends. Errors are `#[non_exhaustive]`.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod buckets;
pub mod names;
mod objective;
mod op;
mod outcome;
#[cfg(feature = "serde")]
mod serde_units;
mod sketch;
mod units;

pub use buckets::{BUCKETS, SCALE, bucket_bounds, bucket_of};
pub use objective::{Objective, ObjectiveError, SliKind, USUAL_BAD};
pub use op::Op;
pub use outcome::{Outcome, OutcomeSet, Verdict};
pub use sketch::{SKETCH_CAPACITY, SketchError, UserHash, UserSketch};
pub use units::{BudgetFraction, BurnRate, Count, Nanos, OutOfRange, Ratio, UnixNanos};

/// Runs the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ContractReadme;
