//! Which request the code on this thread works for.
//!
//! It is carried by the `opentelemetry` [`Context`], the thread-local that the ecosystem already propagates: a
//! service whose own spans follow its tasks has its scopes follow them too, and its spans become children of the
//! request's.

use std::marker::PhantomData;

use opentelemetry::{Context, ContextGuard};

use super::alive::is_alive;
use super::subscriber::{Lent, LentEntered};

/// While this lives, a scope is current on this thread; see [`Scope::enter`](super::Scope::enter). It stays on
/// its thread: never hold it across an `.await`.
#[derive(Debug)]
#[must_use = "the scope is current only while this lives"]
pub struct Entered<'a> {
    /// Left before the context.
    _lent: LentEntered,
    /// None in the last destructors of a thread.
    _guard: Option<ContextGuard>,
    _scope: PhantomData<&'a super::Scope>,
}

impl Entered<'_> {
    pub(super) fn new(context: Context, lent: &Lent) -> Self {
        let guard = is_alive().then(|| context.attach());
        Self { _lent: lent.enter(), _guard: guard, _scope: PhantomData }
    }
}
