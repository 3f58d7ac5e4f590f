//! All counts of the maps of one name. Comes in: ended operations. Goes out: a [`MapSnapshot`](super::MapSnapshot). Per
//! operation on the hot path no lock, no allocation, no system call and no atomic read-modify-write.
//!
//! Memory: 2.9 KB a name, 1.4 KB more for each thread number that used it (at most 255, then 8 shared cells), 2.5 KB
//! for each kind of operation that was timed, 7 KB for samples and 1 KB for the state of the last snapshot.

#[cfg(test)]
mod laws;
mod operation;
mod operation_end;
mod snapshot;

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};

use once_cell::race::OnceBox;

use super::cell::{Due, ThreadCell};
use super::failures::{Failures, PANIC};
use super::guard_probe::{GuardProbe, ProbeRequest};
use super::histogram::TimeHistogram;
use super::hot_keys::KeyHash;
use super::objectives::{DeclareError, Objectives};
use super::outcomes::position;
use super::previous_snapshot::PreviousSnapshot;
use super::samples::Samples;
use super::thread_number::{THREADS, ThreadIndex, ThreadNumber};
use super::{Exemplar, SpanFacts, clock, has_span_hook, span_hook};
use mapwarden_contract::{Nanos, Objective, Op, Outcome, UnixNanos};

pub(crate) use operation::{Ended, RunningOperation};
use operation_end::OperationEnd;

/// Cells that the threads beyond the table share. Raised, they meet less often on one cache line.
const SHARED_CELLS: usize = 8;

/// The time above which an operation is slow if no latency objective sets one, 1 ms. Raised, fewer operations are
/// offered as spans.
const SLOW: Nanos = Nanos::from_millis(1);

/// Rejected and failed operations that are offered as spans between two snapshots. Raised, a map that rejects
/// everything for a while costs its service more.
const OFFERS: u32 = 64;

/// Threads that may hold a guard in addition to those that used the map. Raised, a probe costs more.
const SPARE: usize = 16;

/// The counts of one name. Lives as long as the process, so that dropping a map loses no count.
#[derive(Debug)]
pub(crate) struct Meter {
    /// By [`ThreadIndex`]. Found by one load: a `OnceLock` would take two.
    exclusive: [OnceBox<ThreadCell>; THREADS + 1],
    shared: [OnceBox<ThreadCell>; SHARED_CELLS],
    /// By the order of [`Op::ALL`].
    durations: [OnceLock<Box<TimeHistogram>>; Op::ALL.len()],
    objectives: Objectives,
    samples: Samples,
    failures: Failures,
    previous: Mutex<PreviousSnapshot>,
    entries: AtomicI64,
    /// The sum of the bounds of the live maps.
    bounds: AtomicU64,
    /// The number of live maps without a bound.
    unbounded: AtomicU64,
    retries: AtomicU64,
    probe: GuardProbe,
    /// The offers that are left until the next snapshot.
    offers: AtomicU32,
    /// Whether every operation is timed, at any rate.
    times_all: AtomicBool,
    name: Arc<str>,
}

impl Meter {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self {
            exclusive: [const { OnceBox::new() }; THREADS + 1],
            shared: [const { OnceBox::new() }; SHARED_CELLS],
            durations: [const { OnceLock::new() }; Op::ALL.len()],
            objectives: Objectives::default(),
            samples: Samples::default(),
            failures: Failures::default(),
            previous: Mutex::new(PreviousSnapshot::new(clock::now())),
            entries: AtomicI64::new(0),
            bounds: AtomicU64::new(0),
            unbounded: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            probe: GuardProbe::default(),
            offers: AtomicU32::new(OFFERS),
            times_all: AtomicBool::new(false),
            name,
        }
    }

    /// Returns the name that its maps share.
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Adds an objective under its name on the wire, unless it is there.
    ///
    /// # Errors
    /// Another objective has the name, or there are too many.
    pub(crate) fn declare(&self, name: &Arc<str>, objective: Objective) -> Result<(), DeclareError> {
        self.objectives.declare(name, objective)
    }

    /// Times every operation from now on, at any cost.
    pub(crate) fn time_all(&self) {
        // Relaxed: threads follow when they next adapt.
        self.times_all.store(true, Relaxed);
    }

    /// Adds a map that is made, with its bound if it has one.
    pub(crate) fn add_bound(&self, bound: Option<u64>) {
        match bound {
            Some(bound) => self.bounds.fetch_add(bound, Relaxed),
            None => self.unbounded.fetch_add(1, Relaxed),
        };
    }

    /// Removes a map that is dropped, with its bound.
    pub(crate) fn remove_bound(&self, bound: Option<u64>) {
        match bound {
            Some(bound) => self.bounds.fetch_sub(bound, Relaxed),
            None => self.unbounded.fetch_sub(1, Relaxed),
        };
    }

    /// Returns the current thread's cell: a thread-local read and a load. A thread's first call allocates it. The cell
    /// is valid on the calling thread only: an exclusive cell loses counts when two threads write it at once.
    #[inline(always)]
    pub(crate) fn cell(&self) -> &ThreadCell {
        match self.exclusive.get(ThreadIndex::if_known().index()).and_then(OnceBox::get) {
            Some(cell) => cell,
            None => self.other_cell(),
        }
    }

    #[cold]
    #[inline(never)]
    fn other_cell(&self) -> &ThreadCell {
        let number = ThreadNumber::current();
        match self.exclusive.get(..THREADS).and_then(|cells| cells.get(number.index())) {
            Some(cell) => cell.get_or_init(|| Box::new(ThreadCell::exclusive(clock::now()))),
            None => {
                let [first, ..] = &self.shared;
                let cell = self.shared.get(number.index() % SHARED_CELLS).unwrap_or(first);
                cell.get_or_init(|| Box::new(ThreadCell::shared(clock::now())))
            }
        }
    }

    /// Counts a caller that waited for another caller's load.
    #[cfg(feature = "single-flight")]
    pub(crate) fn note_load(&self, outcome: Outcome, error: Option<&'static str>) {
        self.cell().count_any(Op::Load, outcome);
        if let Some(error) = error {
            self.note_failure(Op::Load, error);
        }
    }

    /// Counts the repeated runs of a closure, caused by a faster thread.
    #[cold]
    pub(crate) fn add_retries(&self, retries: u64) {
        // Relaxed: a number that only grows and publishes no memory.
        self.retries.fetch_add(retries, Relaxed);
    }

    /// Adds the change of one map's number of entries.
    pub(crate) fn change_entries(&self, change: i64) {
        self.entries.fetch_add(change, Relaxed);
    }

    /// Takes the request to send or push a probe, if there is one for this thread, with the number of threads that may
    /// hold a guard.
    pub(crate) fn take_probe(&self) -> Option<(ProbeRequest, usize)> {
        let thread = u64::try_from(ThreadNumber::if_known().index()).unwrap_or(u64::MAX);
        let request = self.probe.take(thread, clock::now())?;
        Some((request, self.exclusive.iter().filter(|cell| cell.get().is_some()).count() + SPARE))
    }

    /// Ends the probe's way.
    pub(crate) fn probe_returned(&self) {
        self.probe.returned(clock::now());
    }

    /// Returns whether the key is hot and the service may name it.
    pub(crate) fn wants_name(&self, key: KeyHash) -> bool {
        self.samples.wants_name(key)
    }

    /// Names a hot key.
    pub(crate) fn name_key(&self, key: KeyHash, name: Arc<str>) {
        self.samples.name(key, name);
    }

    /// Records the error of an operation that was counted as failed, and offers the operation as a span.
    #[cold]
    pub(crate) fn note_failure(&self, op: Op, error: &'static str) {
        self.failures.add(op, error);
        self.offer_bad(op, OperationEnd { outcome: Outcome::Failed, error: Some(error) }, Nanos::ZERO);
    }

    /// Ends a timed operation that began at `at`. Returns the time now.
    fn end(&self, cell: &ThreadCell, op: Op, end: OperationEnd, (at, due): (u64, Due)) -> u64 {
        let now = clock::now();
        cell.count_any(op, end.outcome);
        let duration = Nanos::new(now.saturating_sub(at));
        if let Some(histogram) = self.durations.get(position(op)) {
            histogram.get_or_init(|| Box::new(TimeHistogram::new())).add(duration, due.weight);
        }
        let slow = if due.is_drawn {
            let threshold = self.objectives.judge(duration, due.weight);
            // Relaxed, as in `time_all`.
            if !self.times_all.load(Relaxed) {
                cell.adapt(now, due);
            }
            threshold.unwrap_or(SLOW)
        } else {
            SLOW
        };
        if let Some(error) = end.error {
            self.failures.add(op, error);
        }
        if end.is_bad() {
            self.offer_bad(op, end, duration);
        } else if duration > slow {
            self.offer(op, end, duration);
        }
        now
    }

    #[cold]
    #[inline(never)]
    fn panicked(&self, cell: &ThreadCell, op: Op) {
        cell.count_any(op, Outcome::Failed);
        self.note_failure(op, PANIC);
    }

    /// Offers a rejected or failed operation as a span, up to [`OFFERS`] between two snapshots.
    fn offer_bad(&self, op: Op, end: OperationEnd, duration: Nanos) {
        // Relaxed: a few more in a race do no harm. The load first, so that many failures do not write here.
        let left = self.offers.load(Relaxed);
        if left > 0 {
            self.offers.store(left - 1, Relaxed);
            self.offer(op, end, duration);
        }
    }

    fn offer(&self, op: Op, OperationEnd { outcome, error }: OperationEnd, duration: Nanos) {
        if !has_span_hook() {
            return;
        }
        let at = UnixNanos::now();
        let ids = span_hook(&SpanFacts { map: &self.name, op, outcome, error, duration });
        let histogram = self.durations.get(position(op)).and_then(OnceLock::get);
        if let (Some((trace, span)), Some(histogram)) = (ids, histogram) {
            histogram.keep(Exemplar { at, duration, trace, span });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_as_documented() {
        assert!((2800..3000).contains(&size_of::<Meter>()), "{}", size_of::<Meter>());
        assert!((2300..2500).contains(&size_of::<TimeHistogram>()), "{}", size_of::<TimeHistogram>());
    }
}
