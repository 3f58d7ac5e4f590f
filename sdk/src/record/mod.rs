//! Counts operations and requests. Comes in: ended operations and requests. Goes out: a [`Snapshot`] once an interval.
//! Never does IO, and takes no lock and allocates nothing per map operation.

mod cell;
mod clock;
mod dropped;
mod failures;
mod guard_probe;
mod histogram;
mod hooks;
mod hot_keys;
mod maps;
mod meter;
mod names;
mod objective_names;
mod objectives;
mod outcomes;
#[cfg(any(feature = "otlp", feature = "metrics", feature = "opentelemetry-metrics"))]
pub(crate) mod points;
mod previous_snapshot;
mod pseudonym;
mod random;
mod registry;
mod sampler;
mod samples;
mod sync;
mod thread_number;

use std::sync::Arc;

use mapwarden_contract::{BUCKETS, Count, Nanos, Objective, Op, Outcome, UnixNanos, UserSketch};

pub(crate) use cell::{Due, ThreadCell};
pub(crate) use dropped::Dropped;
pub(crate) use guard_probe::ProbeRequest;
pub(crate) use histogram::TimeHistogram;
pub(crate) use hooks::{
    SpanFacts, SpanIds, current_scope, has_span_hook, set_scope_hook, set_span_hook, span_hook,
};
pub(crate) use hot_keys::KeyHash;
pub(crate) use maps::meter;
pub(crate) use meter::{Ended, Meter, RunningOperation};
pub(crate) use names::Names;
pub(crate) use objective_names::objective_names;
pub(crate) use objectives::{DeclareError, MAX_OBJECTIVES};
pub(crate) use pseudonym::{key_hash, set_key_secret};
pub(crate) use random::random;
pub(crate) use registry::{SnapshotSource, registry};

/// Everything counted since the process started. Cumulative, so that a lost snapshot loses no count.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Snapshot {
    /// Maps by name. Maps of one name are one map here.
    pub maps: Vec<MapSnapshot>,
    /// Request scopes by name.
    pub scopes: Vec<ScopeSnapshot>,
    /// Dependencies by name.
    pub dependencies: Vec<DependencySnapshot>,
    /// Sketches of users and tenants, in slots that no receiver has confirmed yet.
    pub(crate) users: Vec<UsersSnapshot>,
}

impl Snapshot {
    /// Collects everything that was counted so far. Takes no lock that a map operation waits for.
    pub fn take() -> Self {
        registry().snapshot()
    }
}

/// The counts of one map.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MapSnapshot {
    /// The name.
    pub name: Arc<str>,
    /// Counts of every possible (operation, outcome), including zeros.
    pub operations: Vec<(Op, Outcome, Count)>,
    /// Times by operation, without operations that never ran.
    pub durations: Vec<(Op, Distribution)>,
    /// The number of entries.
    pub entries: Count,
    /// The number of entries above which the map takes no new key, if it is bounded.
    pub max_entries: Option<Count>,
    /// Repeated runs of closures.
    pub retries: Count,
    /// Failed operations by the type of their error.
    pub failures: Vec<(Op, &'static str, Count)>,
    /// When an entry was last inserted, replaced or updated, if one was: the time of the first snapshot after the
    /// write.
    pub last_write: Option<UnixNanos>,
    /// The longest time since the previous snapshot in which guards kept the map from freeing removed entries, measured
    /// by a probe.
    pub guard_held: Nanos,
    /// Estimates for all operations on single keys, from the timed ones.
    pub sampled: Sampled,
    /// The objectives.
    pub objectives: Vec<ObjectiveSnapshot>,
}

/// Estimates from the timed operations on single keys. Each timed operation counts as often as its weight.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Sampled {
    /// All operations. The other numbers are shares of this one.
    pub operations: Count,
    /// The hottest keys, hottest first.
    pub hot_keys: Vec<HotKey>,
    /// Operations by request scope. The empty name stands for operations outside of every scope.
    pub scopes: Vec<(Arc<str>, Count)>,
}

/// A key that many operations use.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HotKey {
    /// Its pseudonym, or its name by the map's `display_key`.
    pub key: Arc<str>,
    /// The start of its count.
    pub since: UnixNanos,
    /// Operations since the start of its count.
    pub operations: Count,
}

/// The counts of one request scope.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ScopeSnapshot {
    /// The name.
    pub name: Arc<str>,
    /// Requests by region. The empty region stands for requests without one.
    pub regions: Vec<RegionSnapshot>,
    /// The objectives.
    pub objectives: Vec<ObjectiveSnapshot>,
}

/// Requests of one scope from one region.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RegionSnapshot {
    /// The region.
    pub region: Arc<str>,
    /// Requests that succeeded.
    pub ok: Count,
    /// Requests that failed.
    pub failed: Count,
    /// Requests that their client abandoned.
    pub cancelled: Count,
    /// Times of the requests that succeeded or failed. Every one is measured.
    pub duration: Distribution,
}

/// Calls to one dependency.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DependencySnapshot {
    /// The name.
    pub name: Arc<str>,
    /// Calls that succeeded.
    pub ok: Count,
    /// Calls that failed.
    pub failed: Count,
    /// Times of the calls. Every one is measured.
    pub duration: Distribution,
}

/// One objective of a map or a scope.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ObjectiveSnapshot {
    /// The name, unique in the process: `sessions-availability`.
    pub name: Arc<str>,
    /// The objective.
    pub objective: Objective,
    /// (region, good, bad). A map has one region, the empty one.
    pub events: Vec<(Arc<str>, Count, Count)>,
}

/// A distribution of times, in buckets of 9 % width.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// Counts by bucket, weighted if operations are sampled; for bounds see [`mapwarden_contract::bucket_bounds`].
    pub(crate) counts: Box<[u64; BUCKETS]>,
    /// The sum of all times, with the same weights.
    pub(crate) sum: Nanos,
    /// The last slow or failed event that has a span.
    pub(crate) exemplar: Option<Exemplar>,
}

impl Distribution {
    /// Returns the number of events. An event that was sampled counts as often as its weight.
    pub fn count(&self) -> Count {
        Count::new(self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count)))
    }

    /// Returns the sum of all times, with the same weights.
    pub const fn sum(&self) -> Nanos {
        self.sum
    }

    /// Returns the last slow or failed event that has a span.
    pub const fn exemplar(&self) -> Option<&Exemplar> {
        self.exemplar.as_ref()
    }
}

/// One event of a distribution that has a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exemplar {
    /// When the event ended.
    pub at: UnixNanos,
    /// How long the event took.
    pub duration: Nanos,
    /// The id of the trace.
    pub trace: [u8; 16],
    /// The id of the span in the trace.
    pub span: [u8; 8],
}

/// The users or tenants that used one scope, or met a bad event of one objective, in one slot.
#[derive(Clone, Debug)]
pub(crate) struct UsersSnapshot {
    /// Whether the sketch holds users or tenants.
    pub(crate) who: UsersKind,
    /// What the sketch is about.
    pub(crate) about: UsersAbout,
    /// The region.
    pub(crate) region: Arc<str>,
    /// When the slot starts.
    pub(crate) slot: UnixNanos,
    /// The users so far.
    pub(crate) sketch: UserSketch,
}

/// What a sketch counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum UsersKind {
    /// Users.
    User,
    /// Tenants: the customers, each of many users, of a service that serves organisations.
    Tenant,
}

/// What a sketch of users is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum UsersAbout {
    /// All users of this scope.
    Scope(Arc<str>),
    /// The users who met a bad event of this objective.
    Objective(Arc<str>),
}
