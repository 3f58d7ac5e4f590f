//! Names that travel from the SDK to the sidecar as OTLP. [`published`](super::published) lists all metrics.

use super::Metric;
use super::attribute::{
    DEPENDENCY, ERROR_TYPE, KEY, MAP, OP, OUTCOME, REASON, REGION, SCOPE, SLI, SLO, THRESHOLD, VERDICT,
};

/// The name of the instrumentation scope.
pub const SCOPE_NAME: &str = "mapwarden";
/// The `event_name` of a log record with an encoded user sketch as its body.
pub const USERS_EVENT: &str = "mapwarden.users";
/// The `event_name` of a log record with an encoded sketch of tenants as its body; otherwise as [`USERS_EVENT`].
pub const TENANTS_EVENT: &str = "mapwarden.tenants";
/// The value of `mapwarden.verdict` on a sketch of the users who had a bad event.
pub const AFFECTED: &str = "affected";
/// The value of `mapwarden.verdict` on a sketch of all users seen.
pub const ACTIVE: &str = "active";
/// The value of `mapwarden.outcome` on a request or call that succeeded.
pub const OK: &str = "ok";
/// The value of `mapwarden.outcome` on a request or call that failed.
pub const FAILED: &str = "failed";
/// The value of `mapwarden.outcome` on a request that its client abandoned before it ended. It is neither good nor bad.
pub const CANCELLED: &str = "cancelled";

/// Map operations.
pub const MAP_OPERATIONS: Metric = Metric::counter(
    "mapwarden.map.operations",
    "{operation}",
    "Operations on a map, every one counted.",
    &[MAP, OP, OUTCOME],
);
/// Map latency.
pub const MAP_DURATION: Metric = Metric::histogram(
    "mapwarden.map.operation.duration",
    "ns",
    "Time in a map operation; one in N timed, counts weighted by N.",
    &[MAP, OP],
);
/// Map size.
pub const MAP_ENTRIES: Metric =
    Metric::gauge("mapwarden.map.entries", "{entry}", "Entries in a map.", &[MAP]);
/// Map contention.
pub const MAP_RETRIES: Metric = Metric::counter(
    "mapwarden.map.retries",
    "{retry}",
    "Times a closure of update or compute ran again because another thread was faster.",
    &[MAP],
);
/// Map failures by kind.
pub const MAP_FAILURES: Metric = Metric::counter(
    "mapwarden.map.failures",
    "{operation}",
    "Operations on a map that failed, by the type of the loader's or validator's error, or `panic`; every one counted.",
    &[MAP, OP, ERROR_TYPE],
);
/// The bound of a map.
pub const MAP_MAX_ENTRIES: Metric = Metric::gauge(
    "mapwarden.map.max_entries",
    "{entry}",
    "Entries beyond which a bounded map takes no new key; absent where there is no bound.",
    &[MAP],
);
/// Map freshness.
pub const MAP_LAST_WRITE: Metric = Metric::gauge(
    "mapwarden.map.last_write",
    "ns",
    "Unix time by which an entry was last inserted, replaced or updated, at most one batch late; absent before.",
    &[MAP],
);
/// Guards held.
pub const MAP_GUARD_HELD: Metric = Metric::gauge(
    "mapwarden.map.guard.held",
    "ns",
    "The longest time since the batch before for which guards kept a map from freeing what was removed.",
    &[MAP],
);
/// Timed operations on single keys.
pub const MAP_SAMPLED_OPERATIONS: Metric = Metric::counter(
    "mapwarden.map.sampled.operations",
    "{operation}",
    "Operations on single keys, estimated from the timed ones: what hot keys and scopes are a share of.",
    &[MAP],
);
/// Hot keys.
pub const MAP_HOT_KEY_OPERATIONS: Metric = Metric::counter(
    "mapwarden.map.hot_key.operations",
    "{operation}",
    "Operations on one of the hottest keys, estimated from the timed ones, since it became one.",
    &[MAP, KEY],
);
/// Who uses a map.
pub const MAP_SCOPE_OPERATIONS: Metric = Metric::counter(
    "mapwarden.map.scope.operations",
    "{operation}",
    "Operations on single keys within a request scope, estimated from the timed ones; the scope is empty outside.",
    &[MAP, SCOPE],
);
/// Requests.
pub const REQUESTS: Metric = Metric::counter(
    "mapwarden.requests",
    "{request}",
    "Requests that ended, every one counted.",
    &[SCOPE, REGION, OUTCOME],
);
/// Request latency.
pub const REQUEST_DURATION: Metric = Metric::histogram(
    "mapwarden.request.duration",
    "ns",
    "Time in a request, every one timed.",
    &[SCOPE, REGION],
);
/// Dependency calls.
pub const DEPENDENCY_CALLS: Metric = Metric::counter(
    "mapwarden.dependency.calls",
    "{call}",
    "Calls to a dependency that ended, every one counted.",
    &[DEPENDENCY, OUTCOME],
);
/// Dependency latency.
pub const DEPENDENCY_DURATION: Metric = Metric::histogram(
    "mapwarden.dependency.duration",
    "ns",
    "Time in a call to a dependency, every one timed.",
    &[DEPENDENCY],
);
/// Objectives.
pub const OBJECTIVE: Metric = Metric::gauge(
    "mapwarden.slo.objective",
    "1",
    "The target share of good events of an objective of a map or a scope.",
    &[SLO, SLI, MAP, SCOPE, THRESHOLD],
);
/// SLI events.
pub const SLI_EVENTS: Metric = Metric::counter(
    "mapwarden.sli.events",
    "{event}",
    "Events that kept (good) or missed (bad) an objective; the region only on request scopes.",
    &[SLO, VERDICT, REGION],
);
/// Batches sent.
pub const BATCHES: Metric = Metric::counter(
    "mapwarden.ship.batches",
    "{batch}",
    "Batches made since the process started: the sequence of this one.",
    &[],
);
/// The time without a confirmation.
pub const UNCONFIRMED: Metric = Metric::gauge(
    "mapwarden.ship.unconfirmed",
    "ns",
    "Time since a receiver last confirmed every count, since the installation before the first time.",
    &[],
);
/// What was dropped.
pub const DROPPED: Metric = Metric::counter(
    "mapwarden.ship.dropped",
    "{item}",
    "Spans, sketches and points that did not fit or were refused, and batches that could not be made.",
    &[REASON],
);
