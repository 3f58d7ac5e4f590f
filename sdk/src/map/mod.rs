//! papaya's concurrent hash map under its own names and signatures, counted. Comes in: operations of the service. Goes
//! out: papaya's answers to the service, ended operations to [`crate::record`]. Never changes an answer, a guard's
//! lifetime or how often a closure runs.
//!
//! The public types are [`HashMap`] (explicit guards) and [`HashMapRef`] (holds its guard). Both do every operation
//! through `observed`, which decides the outcomes, and `bounded`, in which a full map rejects new keys.

mod bounded;
mod build_error;
mod builder;
mod constructors;
mod display_key;
mod explicit_guard;
mod fallible;
mod guard_probe;
mod guarded_map;
mod hash_map;
mod name;
mod observed;
mod operation_key;
mod pinned;
mod reported_entries;
#[cfg(feature = "serde")]
mod serialized;
mod shared_collector;
#[cfg(feature = "single-flight")]
mod single_flight;
mod traits;

pub use bounded::Rejected;
pub use build_error::BuildError;
pub use builder::HashMapBuilder;
pub use hash_map::HashMap;
pub(crate) use name::set_type;
pub use papaya::{
    Compute, Equivalent, Guard, Iter, Keys, LocalGuard, OccupiedError, Operation, OwnedGuard, ResizeMode,
    Values,
};
pub use pinned::HashMapRef;
pub use seize::Collector;
#[cfg(feature = "serde")]
pub(crate) use serialized::initial_capacity;
pub(crate) use shared_collector::SharedCollector;
#[cfg(feature = "single-flight")]
pub use single_flight::SingleFlight;
