//! All counts of the maps of one name. Comes in: ended operations. Goes out: a [`MapSnapshot`]. Per operation on the
//! hot path no lock, no allocation, no system call and no atomic read-modify-write.
//!
//! Memory: 2.6 KB a name, 1.4 KB more for each thread number that used it (at most 128, then 8 shared cells), 2.4 KB
//! for each kind of operation that was timed.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use super::cell::{Begun, ThreadCell};
use super::histogram::Histogram;
use super::objectives::{Objectives, is_bad};
use super::outcomes::{is_whole_map, pairs, position, usual_outcome};
use super::thread::ThreadNumber;
use super::{MapSnapshot, SpanFacts, clock, span_hook};
use crate::contract::{Count, Nanos, Objective, Op, Outcome, UnixNanos};

/// How many threads alive at once have a cell of their own. Raised, every map name takes 16 bytes a thread more
/// and programs with more threads than this count by a plain store instead of an atomic add.
const EXCLUSIVE_CELLS: usize = 128;

/// How many cells the other threads share. Raised, they meet less often on one cache line.
const SHARED_CELLS: usize = 8;

/// What is slow where no latency objective says so, 1 ms. Raised, fewer operations are offered as spans.
const SLOW: Nanos = Nanos::from_millis(1);

/// The counts of one name. Lives as long as the process, so that no count is lost with a map.
#[derive(Debug)]
pub(crate) struct Meter {
    exclusive: [OnceLock<Box<ThreadCell>>; EXCLUSIVE_CELLS],
    shared: [OnceLock<Box<ThreadCell>>; SHARED_CELLS],
    /// By the order of [`Op::ALL`].
    durations: [OnceLock<Box<Histogram>>; Op::ALL.len()],
    objectives: Objectives,
    entries: AtomicU64,
    retries: AtomicU64,
    name: Arc<str>,
}

/// An operation on the cold way between its begin and its end: to be timed, of a shared cell, or on the whole map.
/// Dropped without an end it failed: a panic passed through.
#[derive(Debug)]
#[must_use]
pub(crate) struct Running<'m> {
    meter: &'m Meter,
    cell: &'m ThreadCell,
    op: Op,
    begun: Begun,
}

/// An operation on the hot way: nothing but what a panic needs.
#[derive(Debug)]
#[must_use]
pub(crate) struct Untimed<'m> {
    meter: &'m Meter,
    cell: &'m ThreadCell,
    op: Op,
}

/// Whether an operation's end read the clock, which is when slower facts may be looked up too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Counted only.
    Untimed,
    /// Counted and timed.
    Timed,
}

impl Meter {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self {
            exclusive: [const { OnceLock::new() }; EXCLUSIVE_CELLS],
            shared: [const { OnceLock::new() }; SHARED_CELLS],
            durations: [const { OnceLock::new() }; Op::ALL.len()],
            objectives: Objectives::default(),
            entries: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            name,
        }
    }

    /// The name that its maps share.
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Takes a promise; the first of a kind stays, and refuses another one.
    pub(crate) fn declare(&self, objective: Objective) -> Result<(), Objective> {
        self.objectives.declare(objective)
    }

    /// The current thread's cell: a thread-local read and a load. A thread's first call allocates it. Valid for the
    /// calling thread only: an exclusive cell loses counts when two threads write it at once.
    #[inline(always)]
    pub(crate) fn cell(&self) -> &ThreadCell {
        match self.exclusive.get(ThreadNumber::if_known().index()).and_then(OnceLock::get) {
            Some(cell) => cell,
            None => self.other_cell(),
        }
    }

    #[cold]
    #[inline(never)]
    fn other_cell(&self) -> &ThreadCell {
        let number = ThreadNumber::current();
        match self.exclusive.get(number.index()) {
            Some(cell) => cell.get_or_init(|| Box::new(ThreadCell::exclusive(clock::now()))),
            None => {
                let [first, ..] = &self.shared;
                let cell = self.shared.get(number.index() % SHARED_CELLS).unwrap_or(first);
                cell.get_or_init(|| Box::new(ThreadCell::shared(clock::now())))
            }
        }
    }

    /// Begins an operation on one key that is not to be timed; none where it is, or the cell is shared. A load and
    /// a store.
    #[inline(always)]
    pub(crate) fn begin_untimed<'m>(&'m self, cell: &'m ThreadCell, op: Op) -> Option<Untimed<'m>> {
        if cell.count_down() { None } else { Some(Untimed { meter: self, cell, op }) }
    }

    /// Begins an operation for which [`Meter::begin_untimed`] gave none.
    pub(crate) fn begin_timed<'m>(&'m self, cell: &'m ThreadCell, op: Op) -> Running<'m> {
        Running { meter: self, cell, op, begun: cell.begin() }
    }

    /// Begins an operation on one key that is off the hot path whether it is timed or not.
    pub(crate) fn begin<'m>(&'m self, cell: &'m ThreadCell, op: Op) -> Running<'m> {
        let begun = if cell.count_down() { cell.begin() } else { Begun { weight: 1, at: 0 } };
        Running { meter: self, cell, op, begun }
    }

    /// Begins an operation on the whole map: always timed.
    pub(crate) fn begin_whole<'m>(&'m self, cell: &'m ThreadCell, op: Op) -> Running<'m> {
        Running { meter: self, cell, op, begun: Begun { weight: 1, at: clock::now() } }
    }

    /// Notes that a closure ran again because another thread was faster.
    #[cold]
    pub(crate) fn add_retries(&self, retries: u64) {
        // Relaxed: a number that only grows and publishes nothing.
        self.retries.fetch_add(retries, Relaxed);
    }

    /// Notes that one of the maps has changed from `before` to `after` entries; the sum over them wraps to the truth
    /// in whatever order the changes come.
    pub(crate) fn change_entries(&self, before: u64, after: u64) {
        self.entries.fetch_add(after.wrapping_sub(before), Relaxed);
    }

    /// Everything counted so far. Each number is at least that of the snapshot before; numbers of operations that
    /// end meanwhile may be in or not.
    pub(super) fn snapshot(&self) -> MapSnapshot {
        let cells: Vec<&ThreadCell> = self
            .exclusive
            .iter()
            .chain(&self.shared)
            .filter_map(|cell| cell.get().map(Box::as_ref))
            .collect();
        let operations: Vec<_> = pairs()
            .map(|(op, outcome)| {
                (op, outcome, cells.iter().map(|cell| Count::new(cell.get(op, outcome))).sum())
            })
            .collect();
        let durations = Op::ALL
            .into_iter()
            .zip(&self.durations)
            .filter_map(|(op, histogram)| histogram.get().map(|histogram| (op, histogram.snapshot())))
            .collect();
        MapSnapshot {
            name: Arc::clone(&self.name),
            objectives: self.objectives.snapshot(&self.name, &operations),
            operations,
            durations,
            entries: Count::new(self.entries.load(Relaxed)),
            retries: Count::new(self.retries.load(Relaxed)),
        }
    }

    fn end(&self, cell: &ThreadCell, op: Op, (outcome, begun): (Outcome, Begun)) -> Ended {
        if begun.at == 0 {
            cell.count_any(op, outcome);
            if is_bad(outcome) {
                self.offer_span(op, outcome, Nanos::ZERO);
            }
            return Ended::Untimed;
        }
        let now = clock::now();
        cell.count_any(op, outcome);
        let duration = Nanos::new(now.saturating_sub(begun.at));
        if let Some(histogram) = self.durations.get(position(op)) {
            histogram.get_or_init(|| Box::new(Histogram::new())).add(duration, begun.weight);
        }
        let slow = if is_whole_map(op) {
            SLOW
        } else {
            self.objectives.judge(duration, begun.weight);
            cell.adapt(now);
            self.objectives.threshold().unwrap_or(SLOW)
        };
        if duration > slow || is_bad(outcome) {
            self.offer_span(op, outcome, duration);
        }
        Ended::Timed
    }

    #[cold]
    #[inline(never)]
    fn fail(&self, cell: &ThreadCell, op: Op) {
        cell.count(op, Outcome::Failed);
        self.offer_span(op, Outcome::Failed, Nanos::ZERO);
    }

    fn offer_span(&self, op: Op, outcome: Outcome, duration: Nanos) {
        let start = UnixNanos::now().before(duration);
        span_hook(&SpanFacts { map: &self.name, op, outcome, start, duration });
    }
}

impl Untimed<'_> {
    /// Counts the operation: a load and a store. Only the usual outcome is counted in line: its slot's address
    /// depends on nothing that the operation loads, so that the processor counts while the map still looks up. A
    /// slot chosen by the result would put its load behind the map's.
    #[inline(always)]
    pub(crate) fn end(self, outcome: Outcome) {
        let Self { cell, op, .. } = self;
        // First, so that the count is no place from which a panic could come back here.
        std::mem::forget(self);
        let usual = usual_outcome(op);
        if outcome == usual {
            cell.count(op, usual);
        } else {
            cell.count_unusual(op, outcome);
        }
    }
}

impl Drop for Untimed<'_> {
    // Inlined, so that the parts stay in registers until a panic needs them.
    #[inline(always)]
    fn drop(&mut self) {
        self.meter.fail(self.cell, self.op);
    }
}

impl Running<'_> {
    /// Counts the operation, with its time if it was timed.
    pub(crate) fn end(self, outcome: Outcome) -> Ended {
        let Self { meter, cell, op, begun } = self;
        std::mem::forget(self);
        meter.end(cell, op, (outcome, begun))
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.meter.end(self.cell, self.op, (Outcome::Failed, self.begun));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_as_documented() {
        assert!((2500..2700).contains(&size_of::<Meter>()), "{}", size_of::<Meter>());
        assert!((2300..2500).contains(&size_of::<Histogram>()), "{}", size_of::<Histogram>());
    }
}
