//! The keys of tables, made of names that come from senders.

use std::sync::Arc;

/// A map: service and name.
pub type MapKey = (Arc<str>, Arc<str>);

/// A request scope: service and name; the scope that spans describe is [`SPANS`].
pub type ScopeKey = (Arc<str>, Arc<str>);

/// Requests: service, scope and region.
pub type RequestKey = (Arc<str>, Arc<str>, Arc<str>);

/// The scope of requests that spans describe.
pub const SPANS: &str = "spans";
