//! What both ends of the wire agree on: words, units, bucket bounds and the sketch of users.
//!
//! Comes in: nothing. Goes out: names and small pure types that the SDK and the sidecar share. Never does IO,
//! reads a clock or allocates behind a caller's back.

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
pub use objective::USUAL_BAD;
pub use objective::{Objective, ObjectiveError, Sli};
pub use op::Op;
pub use outcome::{Outcome, OutcomeSet, Verdict};
pub use sketch::{SKETCH_CAPACITY, SketchError, UserHash, UserSketch};
pub use units::{BudgetFraction, BurnRate, Count, Nanos, OutOfRange, Ratio, UnixNanos};
