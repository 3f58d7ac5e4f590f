//! papaya's lock-free hash map, instrumented: operations and requests become SLI events, traces and evidence.
//!
//! The folders read in the order of the data: [`contract`] says what the words and the bytes are, `record`
//! counts, `map` and `scope` are what a service touches, `ship` sends what was counted.

pub mod contract;
pub mod map;
pub mod record;
pub mod scope;
pub mod ship;

pub use contract::Objective;
#[cfg(feature = "tower")]
pub use scope::ScopeLayer;
pub use scope::{DependencyCall, Scope, ScopeBuilder};
pub use ship::{FlushError, InstallError, Telemetry, TelemetryBuilder};
