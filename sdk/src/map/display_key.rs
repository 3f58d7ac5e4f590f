//! The names of hot keys. Comes in: a closure of the service. Goes out: its name for a key. Never keeps a key.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// Makes the name of a key, see [`display_key`](super::HashMapBuilder::display_key). A panic in it is a panic of the
/// operation that called it, and leaves nothing half done.
pub(super) struct DisplayKey<K>(AssertUnwindSafe<Arc<DisplayFn<K>>>);

type DisplayFn<K> = dyn Fn(&K) -> String + Send + Sync;

impl<K> DisplayKey<K> {
    pub(super) fn new(display: impl Fn(&K) -> String + Send + Sync + 'static) -> Self {
        Self(AssertUnwindSafe(Arc::new(display)))
    }

    /// Returns the name of this key.
    pub(super) fn name(&self, key: &K) -> String {
        self.0(key)
    }
}

// By hand, because a derive would require `K: Clone`.
impl<K> Clone for DisplayKey<K> {
    fn clone(&self) -> Self {
        Self(AssertUnwindSafe(Arc::clone(&self.0)))
    }
}
