//! How long guards keep a map from freeing what was removed. Comes in: the snapshot's wish to know. Goes out: a probe
//! through the map's own collector: something that was removed from nowhere, and is freed when every guard is gone that
//! was held when it was sent. So guards of all kinds are seen, wherever they come from, and cost nothing for it.
//!
//! A probe is sent after a timed operation, once between two snapshots at most. It costs what a removal costs that
//! fills the collector's batch, a few microseconds: the one system call that a map makes for its telemetry. The collector
//! leaves a batch with its thread while more guards are held than it has entries: then nothing is freed for too few
//! removals, guards or not. So that this is not taken for a held guard, a probe that is away for long is pushed.

#![expect(unsafe_code, reason = "the collector frees by pointer")]

use std::sync::Arc;

use papaya::Guard;
use seize::reclaim;

use super::HashMap;
use crate::record::{Meter, ProbeRequest};

/// Frees nothing, and tells when.
struct RetiredProbe(Arc<Meter>);

impl Drop for RetiredProbe {
    fn drop(&mut self) {
        self.0.probe_returned();
    }
}

impl<K, V, S> HashMap<K, V, S> {
    /// Sends a probe, or pushes the one that this thread sent, if that is wanted.
    pub(super) fn send_probe(&self) {
        let Some((wish, threads)) = self.meter.take_probe() else { return };
        let guard = self.inner.guard();
        match wish {
            ProbeRequest::Send => {
                let probe = Box::into_raw(Box::new(RetiredProbe(Arc::clone(&self.meter))));
                // Safety: the pointer comes from `Box::into_raw`, as `reclaim::boxed` asks. Nobody else has it, so that
                // it is retired once and not used after. A `RetiredProbe` may be dropped on any thread: it is `Send`. It may be
                // dropped as late as with the map's collector: it borrows nothing, and its drop calls no collector.
                unsafe { guard.defer_retire(probe, reclaim::boxed) };
            }
            ProbeRequest::Push => {}
        }
        // A batch is taken over only if it holds as much as there are guards, which nobody knows: here it is guessed,
        // and where it was too little, another push adds as much again.
        for _ in 0..threads {
            // Safety: a box of a type without size has no memory; the pointer is valid for it and for nothing else.
            unsafe { guard.defer_retire(Box::into_raw(Box::new(())), reclaim::boxed) };
        }
        guard.flush();
    }
}
