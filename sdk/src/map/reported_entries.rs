//! The number of entries that a map reports to its meter. Comes in: the number, when it is looked up. Goes out: the
//! change since the last report, so that the meter holds the sum of all maps of its name.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use crate::record::Meter;

/// The number of entries that this map last reported to its meter, and its bound. Subtracts both when the map is
/// dropped.
#[derive(Debug)]
pub(super) struct ReportedEntries {
    reported: AtomicI64,
    bound: Option<u64>,
    meter: Arc<Meter>,
}

impl ReportedEntries {
    pub(super) fn none(meter: Arc<Meter>, max_entries: usize) -> Self {
        let bound = u64::try_from(max_entries).ok().filter(|_| max_entries != usize::MAX);
        meter.add_bound(bound);
        Self { reported: AtomicI64::new(0), bound, meter }
    }

    /// Reports the number to the meter. Relaxed: the swap hands every reported number to exactly one thread, so that
    /// the meter's sum is right in any order.
    pub(super) fn report(&self, entries: usize) {
        let entries = i64::try_from(entries).unwrap_or(i64::MAX);
        if self.reported.load(Relaxed) != entries {
            self.meter.change_entries(entries.saturating_sub(self.reported.swap(entries, Relaxed)));
        }
    }
}

impl Drop for ReportedEntries {
    fn drop(&mut self) {
        self.report(0);
        self.meter.remove_bound(self.bound);
    }
}
