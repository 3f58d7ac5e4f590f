//! The request that is current on a thread. Comes in: the context of a scope. Goes out: a guard. Never crosses a thread.
//!
//! The `opentelemetry` [`Context`] carries it, the thread-local that the ecosystem already propagates: if the spans of a
//! service follow its tasks, its scopes follow them too, and its spans become children of the request's span.

use std::marker::PhantomData;

use opentelemetry::{Context, ContextGuard};

use super::context::has_context;
use super::subscriber::{SubscriberSpan, SubscriberSpanGuard};

/// A guard: while it lives, a scope is current on this thread; see [`Scope::enter`](crate::Scope::enter). It stays on its
/// thread: never hold it across an `.await`.
#[derive(Debug)]
#[must_use = "the scope is current only while this lives"]
pub struct Entered<'a> {
    /// Dropped before the context.
    _subscriber_span: SubscriberSpanGuard,
    /// None in the last destructors of a thread.
    _guard: Option<ContextGuard>,
    _scope: PhantomData<&'a ()>,
}

impl Entered<'_> {
    pub(super) fn new(context: Context, subscriber_span: &SubscriberSpan) -> Self {
        let guard = has_context().then(|| context.attach());
        Self { _subscriber_span: subscriber_span.enter(), _guard: guard, _scope: PhantomData }
    }
}
