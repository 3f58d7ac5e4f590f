//! papaya's lock-free hash map and set, instrumented: operations and requests become SLI events, traces and evidence.
//!
//! The folders read in the order of the data: [`contract`] says what the words and the bytes are, `record`
//! counts, `map`, `set` and `scope` are what a service touches, `ship` sends what was counted, `bridge` tells it to
//! what the service uses besides.

#![cfg_attr(
    not(feature = "otlp"),
    allow(
        dead_code,
        unused_imports,
        reason = "users, spans and process ids are there to be shipped; the usual build finds dead code"
    )
)]

#[cfg(any(feature = "metrics", feature = "opentelemetry-metrics", feature = "tracing"))]
pub mod bridge;
pub mod contract;
mod map;
pub mod record;
pub mod scope;
mod set;
#[cfg(feature = "otlp")]
pub mod ship;

pub use contract::Objective;
#[cfg(feature = "single-flight")]
pub use map::SingleFlight;
pub use map::{
    BuildError, Collector, Compute, Equivalent, Guard, HashMap, HashMapBuilder, HashMapRef, Iter, Keys,
    LocalGuard, OccupiedError, Operation, OwnedGuard, Rejected, ResizeMode, Values,
};
#[cfg(feature = "tower")]
pub use scope::ScopeLayer;
pub use scope::{DependencyCall, PromiseError, Scope, ScopeBuilder};
pub use set::{HashSet, HashSetBuilder, HashSetRef, SetIter};
#[cfg(feature = "otlp")]
pub use ship::{FlushError, Health, InstallError, Telemetry, TelemetryBuilder, TelemetryHandle};
