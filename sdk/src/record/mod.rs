//! What comes in: ended operations and requests. What goes out: a [`Snapshot`] once an interval. Never does IO,
//! takes a lock or allocates per map operation.

mod cell;
mod clock;
mod dropped;
mod failures;
mod guard_probe;
mod histogram;
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
pub(crate) use hot_keys::KeyHash;
pub(crate) use maps::meter;
pub(crate) use meter::{Ended, Meter, RunningOperation};
pub(crate) use names::Names;
pub(crate) use objective_names::objective_names;
pub(crate) use objectives::{DeclareError, MAX_OBJECTIVES};
pub(crate) use pseudonym::{key_hash, set_key_secret};
pub(crate) use random::random;
pub(crate) use registry::{
    SnapshotSource, SpanFacts, SpanIds, current_scope, has_span_hook, registry, set_scope_hook,
    set_span_hook, span_hook,
};

/// Everything counted since the process started: cumulative, so that a lost snapshot loses no count.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Snapshot {
    /// Maps by name; maps of one name are one.
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

/// One map.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MapSnapshot {
    /// Its name.
    pub name: Arc<str>,
    /// Every (operation, outcome) that can happen, zeros included.
    pub operations: Vec<(Op, Outcome, Count)>,
    /// Time by operation; operations that never ran are left out.
    pub durations: Vec<(Op, Distribution)>,
    /// Entries now.
    pub entries: Count,
    /// Entries beyond which it takes no new key, if it is bounded.
    pub max_entries: Option<Count>,
    /// Closure retries.
    pub retries: Count,
    /// Failed operations by the type of their error.
    pub failures: Vec<(Op, &'static str, Count)>,
    /// By when an entry was last inserted, replaced or updated, if one was: the time of the snapshot that first saw
    /// the write.
    pub last_write: Option<UnixNanos>,
    /// The longest since the snapshot before that guards kept the map from freeing what was removed, by a probe.
    pub guard_held: Nanos,
    /// What the timed operations on single keys say about all of them.
    pub sampled: Sampled,
    /// Its objectives.
    pub objectives: Vec<ObjectiveSnapshot>,
}

/// Estimates out of the timed operations on single keys; each timed operation stands for as many as its weight.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Sampled {
    /// All of them: what the others are a share of.
    pub operations: Count,
    /// The hottest keys, hottest first.
    pub hot_keys: Vec<HotKey>,
    /// By request scope; the empty name is "outside of every scope".
    pub scopes: Vec<(Arc<str>, Count)>,
}

/// A key that many operations ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HotKey {
    /// Its pseudonym, or what the map's `display_key` makes of it.
    pub key: Arc<str>,
    /// Since when it is counted.
    pub since: UnixNanos,
    /// Operations since then.
    pub operations: Count,
}

/// One request scope.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ScopeSnapshot {
    /// Its name.
    pub name: Arc<str>,
    /// By region; the empty region is "not told".
    pub regions: Vec<RegionSnapshot>,
    /// Its objectives.
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
    /// Requests whose client went away first.
    pub cancelled: Count,
    /// The time of those that succeeded or failed, every one measured.
    pub duration: Distribution,
}

/// Calls to one dependency.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DependencySnapshot {
    /// Its name.
    pub name: Arc<str>,
    /// Calls that succeeded.
    pub ok: Count,
    /// Calls that failed.
    pub failed: Count,
    /// Their time, every one measured.
    pub duration: Distribution,
}

/// One objective of a map or a scope.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ObjectiveSnapshot {
    /// Its name, unique in the process: `sessions-availability`.
    pub name: Arc<str>,
    /// The promise.
    pub objective: Objective,
    /// (region, good, bad); a map has the one region that is empty.
    pub events: Vec<(Arc<str>, Count, Count)>,
}

/// A distribution of times, in buckets of 9 % width.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// Counts by bucket, weighted where operations are sampled; for bounds see [`mapwarden_contract::bucket_bounds`].
    pub(crate) counts: Box<[u64; BUCKETS]>,
    /// The sum of all times, weighted alike.
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

/// One event of a distribution, with the span that tells about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exemplar {
    /// When it ended.
    pub at: UnixNanos,
    /// How long it took.
    pub duration: Nanos,
    /// The trace.
    pub trace: [u8; 16],
    /// The span in the trace.
    pub span: [u8; 8],
}

/// Who, users or tenants, used one scope or met a bad event of one objective, in one slot.
#[derive(Clone, Debug)]
pub(crate) struct UsersSnapshot {
    /// Whether it holds users or tenants.
    pub(crate) who: IdentityKind,
    /// What the sketch is about.
    pub(crate) about: UsersAbout,
    /// The region.
    pub(crate) region: Arc<str>,
    /// When the slot starts.
    pub(crate) slot: UnixNanos,
    /// The users so far.
    pub(crate) sketch: UserSketch,
}

/// Whom a sketch tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum IdentityKind {
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
