//! The `opentelemetry` context of this thread, as long as the thread has one. Service code also runs in destructors of
//! thread-locals, where the context may be gone: reading it panics there, and a panic in such a destructor ends the
//! process. Every use of the context, direct or by a tracer, checks [`has_context`] first.

use std::cell::Cell;
use std::panic::catch_unwind;

use opentelemetry::Context;

/// Dropped before the context: thread-locals are dropped in the reverse order of their first use, and this one is first
/// used right after the context.
struct ContextWitness;

impl Drop for ContextWitness {
    // Only a thread-local with a destructor is known to be gone.
    fn drop(&mut self) {}
}

thread_local! {
    static WITNESS: ContextWitness = const { ContextWitness };
    /// Whether the context was there at the first check of this thread. Has no destructor, so that it can always be read.
    static CONTEXT: Cell<Option<bool>> = const { Cell::new(None) };
}

/// Returns whether this thread still has a context.
pub(super) fn has_context() -> bool {
    let was_there = CONTEXT.get().unwrap_or_else(|| {
        // A thread that used the context but no scope until now may have lost it already. The message of this panic is
        // the price of not ending the process.
        let is_there = catch_unwind(|| Context::map_current(|_| ())).is_ok();
        CONTEXT.set(Some(is_there));
        is_there
    });
    was_there && WITNESS.try_with(|_| ()).is_ok()
}

/// Returns the current context, if this thread still has one.
pub(super) fn current_context() -> Option<Context> {
    has_context().then(Context::current)
}
