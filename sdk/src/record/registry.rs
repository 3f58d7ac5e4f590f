//! What comes in: sources of counts, and facts about single operations that deserve a span. What goes out: one
//! [`Snapshot`] of everything. Never does IO.

use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use super::Snapshot;
use crate::contract::{Nanos, Op, Outcome, UnixNanos};

/// Something that counts: the maps and the request scopes of this process.
pub trait Source: Send + Sync {
    /// Adds what was counted so far.
    fn snapshot(&self, into: &mut Snapshot);
}

/// Everything in this process that counts.
#[derive(Default)]
pub struct Registry {
    sources: Mutex<Vec<Arc<dyn Source>>>,
}

impl Registry {
    /// Adds a source for the life of the process.
    pub fn register(&self, source: Arc<dyn Source>) {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).push(source);
    }

    /// What every source counted so far.
    pub fn snapshot(&self) -> Snapshot {
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut snapshot = Snapshot::default();
        for source in sources {
            source.snapshot(&mut snapshot);
        }
        snapshot
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Registry").finish_non_exhaustive()
    }
}

/// The process-wide register.
pub fn registry() -> &'static Registry {
    static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::default);
    &REGISTRY
}

/// What is known about a slow or failed map operation when it ends.
#[derive(Clone, Copy, Debug)]
pub struct SpanFacts<'a> {
    /// The map's name.
    pub map: &'a str,
    /// The operation.
    pub op: Op,
    /// How it ended.
    pub outcome: Outcome,
    /// When it began.
    pub start: UnixNanos,
    /// How long it took.
    pub duration: Nanos,
}

static SPAN_HOOK: OnceLock<fn(&SpanFacts<'_>)> = OnceLock::new();

/// Says who makes spans of slow and failed operations, once per process.
pub(crate) fn set_span_hook(hook: fn(&SpanFacts<'_>)) {
    SPAN_HOOK.get_or_init(|| hook);
}

/// Offers an operation to the hook, if there is one.
pub fn span_hook(facts: &SpanFacts<'_>) {
    if let Some(hook) = SPAN_HOOK.get() {
        hook(facts);
    }
}
