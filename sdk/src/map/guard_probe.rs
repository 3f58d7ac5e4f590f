//! Measures how long guards keep a map from freeing removed entries. Comes in: the snapshot's request. Goes out: a
//! probe through the map's own collector, an object that was in no map and is freed when every guard is gone that was
//! held when the probe was sent. So guards of all kinds are seen, and pay nothing for it.
//!
//! A probe is sent after a timed operation, at most once between two snapshots. It costs as much as a removal that
//! fills the collector's batch, a few microseconds: the only system call that a map makes for its telemetry. The
//! collector leaves a batch with its thread while more guards are held than the batch has entries; then nothing is
//! freed because there are too few removals, guards or not. A probe that is away for long is pushed, so that this does
//! not look like a held guard.

#![expect(unsafe_code, reason = "the collector frees by pointer")]

use std::sync::Arc;

use papaya::Guard;
use seize::reclaim;

use super::HashMap;
use crate::record::{Meter, ProbeRequest};

/// An object that reports to the meter when the collector frees it.
struct RetiredProbe(Arc<Meter>);

impl Drop for RetiredProbe {
    fn drop(&mut self) {
        self.0.probe_returned();
    }
}

impl<K, V, S> HashMap<K, V, S> {
    /// Sends a probe, or pushes the one that this thread sent, if the meter requests it.
    pub(super) fn send_probe(&self) {
        let Some((request, threads)) = self.meter.take_probe() else { return };
        let guard = self.inner.guard();
        match request {
            ProbeRequest::Send => {
                let probe = Box::into_raw(Box::new(RetiredProbe(Arc::clone(&self.meter))));
                // Safety: the pointer comes from `Box::into_raw`, as `reclaim::boxed` requires. No other code has it,
                // so that it is retired once and not used afterwards. A `RetiredProbe` may be dropped on any thread: it
                // is `Send`. It may be dropped as late as with the map's collector: it borrows nothing, and its drop
                // calls no collector.
                unsafe { guard.defer_retire(probe, reclaim::boxed) };
            }
            ProbeRequest::Push => {}
        }
        // A batch is taken over only if it holds as many objects as there are guards. Their number is unknown, so that
        // this guesses; if that was too little, the next push adds as many again.
        for _ in 0..threads {
            // Safety: a box of a zero-sized type has no memory; the pointer is valid for it and for nothing else.
            unsafe { guard.defer_retire(Box::into_raw(Box::new(())), reclaim::boxed) };
        }
        guard.flush();
    }
}
