//! What comes in: requests and calls to dependencies, from their start to their end. What goes out: exact counts, times
//! and verdicts in the [`Snapshot`](crate::snapshot::Snapshot), sketches of users and tenants, and spans. Never does IO,
//! and never lets the raw id of a user or tenant out of the process.
//!
//! # Cost
//! A request without telemetry installed costs two clock readings, two lock-free look-ups by name and half a dozen
//! atomic additions. Telemetry adds three uncontended locks and one small allocation, entering the scope one lock more,
//! a user or a tenant a keyed hash, another uncontended lock and an insertion. A span is built only for a request
//! that gets one.

mod context;
mod counters;
mod current;
mod dependency;
mod directory;
mod installation;
#[cfg(feature = "tower")]
mod layer;
mod limits;
mod request;
mod scope_objectives;
mod scope_outcome;
mod span_description;
mod spans;
#[cfg(not(feature = "tracing"))]
#[path = "no_subscriber.rs"]
mod subscriber;
#[cfg(feature = "tracing")]
mod subscriber;
mod users;

pub use current::Entered;
pub use dependency::DependencyCall;
#[cfg(feature = "tower")]
pub use layer::{ResponseFuture, ScopeLayer, ScopeService};
pub use request::{Scope, ScopeBuilder};
pub use scope_objectives::ScopeObjectiveError;

pub(crate) use counters::{NamedObjective, ScopeCounters};
pub(crate) use directory::scopes;
pub(crate) use installation::{AlreadyInstalled, Installation, PseudonymKey, abandon, install, uninstall};
pub(crate) use limits::Limits;
pub(crate) use scope_objectives::named;
pub(crate) use spans::{PlannedIds, SpanTarget, Tracing};
#[cfg(feature = "tracing")]
pub(crate) use subscriber::Subscriber;
pub(crate) use users::SLOT;
