//! What comes in: ended operations and requests. What goes out: a [`Snapshot`] once an interval. Never does IO,
//! takes a lock or allocates per map operation.

mod cell;
mod clock;
mod histogram;
mod maps;
mod meter;
mod objectives;
mod outcomes;
mod registry;
mod sampler;
mod thread;

use std::sync::Arc;

use crate::contract::{BUCKETS, Count, Nanos, Objective, Op, Outcome, UnixNanos, UserSketch};

pub(crate) use cell::ThreadCell;
pub(crate) use maps::meter;
pub(crate) use meter::{Ended, Meter};
pub(crate) use registry::set_span_hook;
pub use registry::{Registry, Source, SpanFacts, registry, span_hook};

/// Everything counted since the process started: cumulative, so that a lost snapshot loses no count.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Maps by name; maps of one name are one.
    pub maps: Vec<MapSnapshot>,
    /// Request scopes by name.
    pub scopes: Vec<ScopeSnapshot>,
    /// Dependencies by name.
    pub dependencies: Vec<DependencySnapshot>,
    /// Who was there, in slots that no receiver has confirmed yet.
    pub users: Vec<UsersSnapshot>,
}

/// One map.
#[derive(Clone, Debug)]
pub struct MapSnapshot {
    /// Its name.
    pub name: Arc<str>,
    /// Every (operation, outcome) that can happen, zeros included.
    pub operations: Vec<(Op, Outcome, Count)>,
    /// Time by operation; operations that never ran are left out.
    pub durations: Vec<(Op, Distribution)>,
    /// Entries now.
    pub entries: Count,
    /// Closure retries.
    pub retries: Count,
    /// Its objectives.
    pub objectives: Vec<ObjectiveSnapshot>,
}

/// One request scope.
#[derive(Clone, Debug)]
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
pub struct RegionSnapshot {
    /// The region.
    pub region: Arc<str>,
    /// Requests that succeeded.
    pub ok: Count,
    /// Requests that failed.
    pub failed: Count,
    /// Their time, every one measured.
    pub duration: Distribution,
}

/// Calls to one dependency.
#[derive(Clone, Debug)]
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
pub struct ObjectiveSnapshot {
    /// Its name, unique in the process: `sessions-availability`.
    pub name: Arc<str>,
    /// The promise.
    pub objective: Objective,
    /// (region, good, bad); a map has the one region that is empty.
    pub events: Vec<(Arc<str>, Count, Count)>,
}

/// Times in the buckets of [`crate::contract::bucket_bounds`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// Counts by bucket, weighted where operations are sampled.
    pub counts: Box<[u64; BUCKETS]>,
    /// The sum of all times, weighted alike.
    pub sum: Nanos,
}

/// Who used one scope, or met a bad event of one objective, in one slot.
#[derive(Clone, Debug)]
pub struct UsersSnapshot {
    /// What the sketch is about.
    pub about: UsersAbout,
    /// The region.
    pub region: Arc<str>,
    /// When the slot starts.
    pub slot: UnixNanos,
    /// The users so far.
    pub sketch: UserSketch,
}

/// What a sketch of users is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum UsersAbout {
    /// All users of this scope.
    Scope(Arc<str>),
    /// The users who met a bad event of this objective.
    Objective(Arc<str>),
}
