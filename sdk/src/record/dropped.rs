//! Counts of dropped items. Comes in: what a bounded buffer of maps, of scopes or of the shipper drops. Goes out:
//! counts by reason, which the process exports, so that nothing is lost silently.

use std::sync::atomic::{AtomicU64, Ordering};

use mapwarden_contract::Count;

/// Why something was dropped, the value of the attribute `mapwarden.reason`. A closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// A span above the limit of spans a second.
    SpanLimit,
    /// A span that found the queue to the shipper full.
    SpanQueue,
    /// A span that could not be made: the thread was in its last destructors, or the service's tracer panicked.
    SpanLost,
    /// A span that the receiver refused for good.
    SpanRefused,
    /// A data point that the receiver refused. What it counts is in the next batch's again.
    PointRefused,
    /// A batch that panicked while it was made. Its counts are in the next one.
    BatchPanicked,
    /// A user or tenant above the number of them that wait to be sent.
    UserLimit,
    /// A sketch of users or tenants, because no receiver confirmed its slot for too long.
    SketchWaiting,
    /// A sketch of users or tenants that the receiver refused for good.
    SketchRefused,
    /// A request's region, because the scope has too many: the request counts under `other`.
    RegionLimit,
    /// A map's, scope's or dependency's name, because the process has too many: the event counts under `other`.
    NameLimit,
    /// A map's objective, because its name means another objective already.
    ObjectiveConflict,
    /// A map's objective, because the map has too many.
    ObjectiveLimit,
}

static COUNTS: [AtomicU64; Dropped::ALL.len()] = [const { AtomicU64::new(0) }; Dropped::ALL.len()];

impl Dropped {
    /// Every reason, in the order of their declaration.
    pub(crate) const ALL: [Self; 13] = [
        Self::SpanLimit,
        Self::SpanQueue,
        Self::SpanLost,
        Self::SpanRefused,
        Self::PointRefused,
        Self::BatchPanicked,
        Self::UserLimit,
        Self::SketchWaiting,
        Self::SketchRefused,
        Self::RegionLimit,
        Self::NameLimit,
        Self::ObjectiveConflict,
        Self::ObjectiveLimit,
    ];

    /// The attribute's value.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::SpanLimit => "span_limit",
            Self::SpanQueue => "span_queue",
            Self::SpanLost => "span_lost",
            Self::SpanRefused => "span_refused",
            Self::PointRefused => "point_refused",
            Self::BatchPanicked => "batch_panicked",
            Self::UserLimit => "user_limit",
            Self::SketchWaiting => "sketch_waiting",
            Self::SketchRefused => "sketch_refused",
            Self::RegionLimit => "region_limit",
            Self::NameLimit => "name_limit",
            Self::ObjectiveConflict => "objective_conflict",
            Self::ObjectiveLimit => "objective_limit",
        }
    }

    /// Counts dropped items. Off the usual path: it searches the table of reasons.
    #[cold]
    pub(crate) fn add(self, items: u64) {
        if let Some(count) = self.cell() {
            // Relaxed: a statistic that orders nothing else.
            count.fetch_add(items, Ordering::Relaxed);
        }
    }

    /// Returns how many were dropped since the process started.
    pub(crate) fn count(self) -> Count {
        Count::new(self.cell().map_or(0, |count| count.load(Ordering::Relaxed)))
    }

    fn cell(self) -> Option<&'static AtomicU64> {
        COUNTS.iter().zip(Self::ALL).find_map(|(count, reason)| (reason == self).then_some(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_count_and_name() {
        let mut names: Vec<_> = Dropped::ALL.iter().map(|reason| reason.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Dropped::ALL.len());
        let before = Dropped::ALL.map(Dropped::count);
        // No other unit test drops a span for this reason.
        Dropped::SpanRefused.add(3);
        let after = Dropped::SpanRefused.count();
        assert_eq!(after.saturating_sub(before[3]), Count::new(3));
    }
}
