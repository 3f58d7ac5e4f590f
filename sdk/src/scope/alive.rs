//! Whether this thread may still use the `opentelemetry` context. Service code runs in destructors of
//! thread-locals too, and there the context may be gone: a look at it then panics, and a panic in such a
//! destructor ends the process. Whoever looks at the context, or lets a tracer look at it, asks here first.

use std::cell::Cell;
use std::panic::catch_unwind;

use opentelemetry::Context;

/// Dies before the context: thread-locals die in the reverse order of their first use, and this one is first used
/// right after the context.
struct Alive;

impl Drop for Alive {
    // Only a thread-local with a destructor is known to be gone.
    fn drop(&mut self) {}
}

thread_local! {
    static ALIVE: Alive = const { Alive };
    /// Whether the context was there when this thread first asked. Has no destructor, so that it can always be read.
    static CONTEXT: Cell<Option<bool>> = const { Cell::new(None) };
}

/// Whether the context is there.
pub(super) fn is_alive() -> bool {
    let was_there = CONTEXT.get().unwrap_or_else(|| {
        // A thread that used the context before, and us not until now, may have lost it already. The message of
        // this panic is the price of not ending the process.
        let is_there = catch_unwind(|| Context::map_current(|_| ())).is_ok();
        CONTEXT.set(Some(is_there));
        is_there
    });
    was_there && ALIVE.try_with(|_| ()).is_ok()
}

/// The context that is current here, while there is one.
pub(super) fn current_context() -> Option<Context> {
    is_alive().then(Context::current)
}
