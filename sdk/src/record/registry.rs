//! What comes in: sources of counts, and facts about single operations that deserve a span. What goes out: one
//! [`Snapshot`] of everything, and what the request scopes know about the code that runs. Never does IO.

use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use super::Snapshot;
use super::objective_names::name_objectives_apart;
use mapwarden_contract::{Nanos, Op, Outcome};

/// Something that counts: the maps and the request scopes of this process.
pub(crate) trait SnapshotSource: Send + Sync {
    /// Adds what was counted so far.
    fn snapshot(&self, into: &mut Snapshot);
}

/// Everything in this process that counts.
#[derive(Default)]
pub(crate) struct Registry {
    sources: Mutex<Vec<Arc<dyn SnapshotSource>>>,
}

impl Registry {
    /// Adds a source for the life of the process.
    pub(crate) fn register(&self, source: Arc<dyn SnapshotSource>) {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).push(source);
    }

    /// What every source counted so far.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut snapshot = Snapshot::default();
        for source in sources {
            source.snapshot(&mut snapshot);
        }
        name_objectives_apart(&mut snapshot);
        snapshot
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Registry").finish_non_exhaustive()
    }
}

/// The process-wide register.
pub(crate) fn registry() -> &'static Registry {
    static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::default);
    &REGISTRY
}

/// What is known about a slow or failed map operation when it ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpanFacts<'a> {
    /// The map's name.
    pub(crate) map: &'a str,
    /// The operation.
    pub(crate) op: Op,
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// How long it took.
    pub(crate) duration: Nanos,
    /// The kind of its error, the span's `error.type`; where none is given, a rejected or failed operation has its
    /// outcome's name.
    pub(crate) error: Option<&'a str>,
}

/// The trace id and the span id of a span that somebody will find.
pub(crate) type SpanIds = ([u8; 16], [u8; 8]);

static SPAN_HOOK: OnceLock<fn(&SpanFacts<'_>) -> Option<SpanIds>> = OnceLock::new();

/// Says who makes spans of slow and failed operations, once per process.
pub(crate) fn set_span_hook(hook: fn(&SpanFacts<'_>) -> Option<SpanIds>) {
    SPAN_HOOK.get_or_init(|| hook);
}

/// Whether anybody makes spans.
pub(crate) fn has_span_hook() -> bool {
    SPAN_HOOK.get().is_some()
}

/// Offers an operation to the hook, if there is one; tells the span that was made of it.
pub(crate) fn span_hook(facts: &SpanFacts<'_>) -> Option<SpanIds> {
    SPAN_HOOK.get().and_then(|hook| hook(facts))
}

static SCOPE_HOOK: OnceLock<fn() -> Option<Arc<str>>> = OnceLock::new();

/// Says who knows which request scope the code on this thread works for, once per process.
pub(crate) fn set_scope_hook(hook: fn() -> Option<Arc<str>>) {
    SCOPE_HOOK.get_or_init(|| hook);
}

/// The name of the request scope that the code on this thread works for; none outside of every scope, before
/// telemetry is installed and in the last destructors of a thread. Never panics and takes no lock: a look at the
/// thread's context and one reference more.
pub(crate) fn current_scope() -> Option<Arc<str>> {
    SCOPE_HOOK.get().and_then(|hook| hook())
}
