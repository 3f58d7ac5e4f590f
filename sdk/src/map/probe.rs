//! How long guards keep a map from freeing what was removed. Comes in: the snapshot's wish to know. Goes out: a probe
//! through the map's own collector: something that was removed from nowhere, and is freed when every guard is gone that
//! was held when it was sent. So guards of all kinds are seen, wherever they come from, and cost nothing for it.
//!
//! A probe is sent after a timed operation, once between two snapshots at most. It costs what a removal costs that
//! fills the collector's batch, a few microseconds: the one system call that a map makes for its telemetry.

#![expect(unsafe_code, reason = "the collector frees by pointer")]

use std::sync::Arc;

use papaya::Guard;
use seize::reclaim;

use super::HashMap;
use crate::record::Meter;

/// Frees nothing, and tells when.
struct Probe(Arc<Meter>);

impl Drop for Probe {
    fn drop(&mut self) {
        self.0.probe_returned();
    }
}

impl<K, V, S> HashMap<K, V, S> {
    /// Sends a probe, if one is wanted.
    pub(super) fn send_probe(&self) {
        let Some(threads) = self.meter.take_probe() else { return };
        let guard = self.inner.guard();
        let probe = Box::into_raw(Box::new(Probe(Arc::clone(&self.meter))));
        // Safety: the pointer comes from `Box::into_raw`, as `reclaim::boxed` asks. Nobody else has it, so that it is
        // retired once and not used after. A `Probe` may be dropped on any thread: it is `Send`.
        unsafe { guard.defer_retire(probe, reclaim::boxed) };
        // A batch is freed only if it holds as much as there are threads with a guard.
        for _ in 0..threads {
            // Safety: a box of a type without size has no memory; the pointer is valid for it and for nothing else.
            unsafe { guard.defer_retire(Box::into_raw(Box::new(())), reclaim::boxed) };
        }
        guard.flush();
    }
}
