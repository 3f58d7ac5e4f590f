//! All counts of the maps of one name. Comes in: ended operations. Goes out: a [`MapSnapshot`](super::MapSnapshot). Per
//! operation on the hot path no lock, no allocation, no system call and no atomic read-modify-write.
//!
//! Memory: 2.9 KB a name, 1.4 KB more for each thread number that used it (at most 255, then 8 shared cells), 2.5 KB
//! for each kind of operation that was timed, 7 KB for what is sampled and 1 KB for what the last snapshot saw.

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

/// How many cells the threads without a place share. Raised, they meet less often on one cache line.
const SHARED_CELLS: usize = 8;

/// What is slow where no latency objective says so, 1 ms. Raised, fewer operations are offered as spans.
const SLOW: Nanos = Nanos::from_millis(1);

/// How many operations that ended badly are offered as spans from one snapshot to the next. Raised, a map that refuses
/// everything for a while costs its service more.
const OFFERS: u32 = 64;

/// Threads that may hold a guard beside those that used the map. Raised, a probe costs more.
const SPARE: usize = 16;

/// The counts of one name. Lives as long as the process, so that no count is lost with a map.
#[derive(Debug)]
pub(crate) struct Meter {
    /// By the threads' [`ThreadIndex`]s. Found by one load: a `OnceLock` would take two.
    exclusive: [OnceBox<ThreadCell>; THREADS + 1],
    shared: [OnceBox<ThreadCell>; SHARED_CELLS],
    /// By the order of [`Op::ALL`].
    durations: [OnceLock<Box<TimeHistogram>>; Op::ALL.len()],
    objectives: Objectives,
    samples: Samples,
    failures: Failures,
    previous: Mutex<PreviousSnapshot>,
    entries: AtomicI64,
    /// The bounds of the maps that live, added up.
    bounds: AtomicU64,
    /// How many of the maps that live have no bound.
    unbounded: AtomicU64,
    retries: AtomicU64,
    probe: GuardProbe,
    /// Offers that are left until the next snapshot.
    offers: AtomicU32,
    /// Whether every operation is timed, whatever the rate.
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

    /// The name that its maps share.
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

    /// Times every operation from now on, whatever it costs.
    pub(crate) fn time_all(&self) {
        // Relaxed: threads follow when they next adapt.
        self.times_all.store(true, Relaxed);
    }

    /// Notes a map that is made, with its bound if it has one.
    pub(crate) fn add_bound(&self, bound: Option<u64>) {
        match bound {
            Some(bound) => self.bounds.fetch_add(bound, Relaxed),
            None => self.unbounded.fetch_add(1, Relaxed),
        };
    }

    /// Takes the note back when the map is dropped.
    pub(crate) fn remove_bound(&self, bound: Option<u64>) {
        match bound {
            Some(bound) => self.bounds.fetch_sub(bound, Relaxed),
            None => self.unbounded.fetch_sub(1, Relaxed),
        };
    }

    /// The current thread's cell: a thread-local read and a load. A thread's first call allocates it. Valid for the
    /// calling thread only: an exclusive cell loses counts when two threads write it at once.
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

    /// Counts a caller that waited for another one's load.
    #[cfg(feature = "single-flight")]
    pub(crate) fn note_load(&self, outcome: Outcome, error: Option<&'static str>) {
        self.cell().count_any(Op::Load, outcome);
        if let Some(error) = error {
            self.note_failure(Op::Load, error);
        }
    }

    /// Notes that a closure ran again because another thread was faster.
    #[cold]
    pub(crate) fn add_retries(&self, retries: u64) {
        // Relaxed: a number that only grows and publishes nothing.
        self.retries.fetch_add(retries, Relaxed);
    }

    /// Notes that one of the maps has changed by so many entries.
    pub(crate) fn change_entries(&self, change: i64) {
        self.entries.fetch_add(change, Relaxed);
    }

    /// Takes the wish for a probe or for a push of it, if there is one for this thread, with the number of threads that may
    /// hold a guard.
    pub(crate) fn take_probe(&self) -> Option<(ProbeRequest, usize)> {
        let thread = u64::try_from(ThreadNumber::if_known().index()).unwrap_or(u64::MAX);
        let wish = self.probe.take(thread, clock::now())?;
        Some((wish, self.exclusive.iter().filter(|cell| cell.get().is_some()).count() + SPARE))
    }

    /// Notes that the probe is back.
    pub(crate) fn probe_returned(&self) {
        self.probe.returned(clock::now());
    }

    /// Whether the key is hot and the service may name it.
    pub(crate) fn wants_name(&self, key: KeyHash) -> bool {
        self.samples.wants_name(key)
    }

    /// Names a hot key.
    pub(crate) fn name_key(&self, key: KeyHash, name: Arc<str>) {
        self.samples.name(key, name);
    }

    /// Notes of what an operation failed that was counted as failed, and offers it as a span.
    #[cold]
    pub(crate) fn note_failure(&self, op: Op, error: &'static str) {
        self.failures.add(op, error);
        self.offer_bad(op, OperationEnd { outcome: Outcome::Failed, error: Some(error) }, Nanos::ZERO);
    }

    /// Ends a timed operation that began then. Gives the time.
    fn end(&self, cell: &ThreadCell, op: Op, end: OperationEnd, (at, due): (u64, Due)) -> u64 {
        let now = clock::now();
        cell.count_any(op, end.outcome);
        let duration = Nanos::new(now.saturating_sub(at));
        if let Some(histogram) = self.durations.get(position(op)) {
            histogram.get_or_init(|| Box::new(TimeHistogram::new())).add(duration, due.weight);
        }
        let slow = if due.is_drawn {
            let threshold = self.objectives.judge(duration, due.weight);
            // Relaxed: see `time_all`.
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

    /// Offers an operation that ended badly, unless there were enough of them.
    fn offer_bad(&self, op: Op, end: OperationEnd, duration: Nanos) {
        // Relaxed: a few too many in a race do no harm. The load keeps a storm from writing here.
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
        let told = span_hook(&SpanFacts { map: &self.name, op, outcome, error, duration });
        let histogram = self.durations.get(position(op)).and_then(OnceLock::get);
        if let (Some((trace, span)), Some(histogram)) = (told, histogram) {
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
