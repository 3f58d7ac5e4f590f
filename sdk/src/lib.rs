//! papaya's lock-free hash map and set, instrumented: operations and requests become SLI events, traces and evidence.
//!
//! The folders read in the order of the data: [`contract`] says what the words and the bytes are, `record`
//! counts, `map`, `set` and `scope` are what a service touches, `ship` sends what was counted.

pub mod contract;
mod map;
pub mod record;
pub mod scope;
mod set;
pub mod ship;

pub use contract::Objective;
pub use map::{
    BuildError, Collector, Compute, Equivalent, Guard, HashMap, HashMapBuilder, HashMapRef, Iter, Keys,
    LocalGuard, OccupiedError, Operation, OwnedGuard, Rejected, ResizeMode, Values,
};
#[cfg(feature = "tower")]
pub use scope::ScopeLayer;
pub use scope::{DependencyCall, Scope, ScopeBuilder};
pub use set::{HashSet, HashSetBuilder, HashSetRef, SetIter};
pub use ship::{FlushError, Health, InstallError, Telemetry, TelemetryBuilder, TelemetryHandle};
