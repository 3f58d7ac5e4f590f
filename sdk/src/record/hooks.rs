//! The calls from operations to the request scopes. Comes in: the two functions of the scopes, once per process. Goes
//! out: the span of an operation, and the name of the current scope. Never imports the scopes, which come later.

use std::sync::{Arc, OnceLock};

use mapwarden_contract::{Nanos, Op, Outcome};

/// A slow or failed map operation at its end.
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
    /// The type of its error, the span's `error.type`. Without one, a rejected or failed operation has its outcome's
    /// name.
    pub(crate) error: Option<&'a str>,
}

/// The trace id and the span id of a span that is kept.
pub(crate) type SpanIds = ([u8; 16], [u8; 8]);

static SPAN_HOOK: OnceLock<fn(&SpanFacts<'_>) -> Option<SpanIds>> = OnceLock::new();

/// Sets the function that makes spans of slow and failed operations, once per process.
pub(crate) fn set_span_hook(hook: fn(&SpanFacts<'_>) -> Option<SpanIds>) {
    SPAN_HOOK.get_or_init(|| hook);
}

/// Returns whether spans are made.
pub(crate) fn has_span_hook() -> bool {
    SPAN_HOOK.get().is_some()
}

/// Offers an operation to the hook, if there is one. Returns the ids of its span, if one is made.
pub(crate) fn span_hook(facts: &SpanFacts<'_>) -> Option<SpanIds> {
    SPAN_HOOK.get().and_then(|hook| hook(facts))
}

static SCOPE_HOOK: OnceLock<fn() -> Option<Arc<str>>> = OnceLock::new();

/// Sets the function that returns the current request scope of a thread, once per process.
pub(crate) fn set_scope_hook(hook: fn() -> Option<Arc<str>>) {
    SCOPE_HOOK.get_or_init(|| hook);
}

/// Returns the name of the request scope that is current on this thread; none outside of every scope, before telemetry
/// is installed and in the last destructors of a thread. Never panics and takes no lock: a read of the thread's context
/// and one more reference.
pub(crate) fn current_scope() -> Option<Arc<str>> {
    SCOPE_HOOK.get().and_then(|hook| hook())
}
