//! One thread's counts of one map. Comes in: begun and ended operations of that thread. Goes out: counts, read by
//! the snapshot from another thread. Plain atomics in a fixed layout, no pointer, no lock.
//!
//! An exclusive cell has one writer, the thread that holds its number, and counts by `store(load + 1)` without an
//! atomic read-modify-write. A shared cell serves threads beyond the table and counts by atomic adds. All accesses
//! are relaxed: every number stands for itself, publishes no other memory, and coherence alone makes each grow
//! in the eyes of one reader.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::clock;
use super::outcomes::{SLOTS, slot};
use super::random::random;
use super::sampler::{gap, one_in};
use crate::contract::{Op, Outcome};

/// How many timed operations make an estimate of the rate. Raised, N settles later and steadier.
const WINDOW_TIMED: u64 = 64;

/// After how many nanoseconds a timed operation makes an estimate of the rate with fewer before it, 100 ms. Raised, a
/// thread that has become slow keeps its large N for more timed operations.
const WINDOW_NANOS: u64 = 100_000_000;

/// What an operation on the cold way carries from its begin to its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun {
    /// How many operations it stands for if it is timed.
    pub(super) weight: u64,
    /// When it began, see [`clock`]; 0 where it is not timed.
    pub(super) at: u64,
}

/// 1,408 bytes: the sampler's state and 160 counts. Its own pairs of cache lines (128 bytes, because processors
/// fetch lines in pairs), so that no two threads' writes meet.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct ThreadCell {
    /// How many operations come before the next timed one. Stays 0 where all are timed, and in a shared cell, whose
    /// operations all take the cold way.
    left: AtomicU64,
    /// N: one operation in so many is timed.
    one_in: AtomicU64,
    /// When the current estimate of the rate began.
    window_start: AtomicU64,
    /// Timed operations since then.
    window_timed: AtomicU64,
    is_shared: bool,
    /// By [`slot`]. `get`'s come first and share the cache line of `left`.
    counts: [AtomicU64; SLOTS],
}

impl ThreadCell {
    /// A cell for one thread at a time. N is 1 until a rate is known.
    pub(super) const fn exclusive(now: u64) -> Self {
        Self {
            left: AtomicU64::new(0),
            one_in: AtomicU64::new(1),
            window_start: AtomicU64::new(now),
            window_timed: AtomicU64::new(0),
            is_shared: false,
            counts: [const { AtomicU64::new(0) }; SLOTS],
        }
    }

    /// A cell for any number of threads.
    pub(super) const fn shared(now: u64) -> Self {
        Self { is_shared: true, ..Self::exclusive(now) }
    }

    /// Counts down to the next timed operation: a load and a store. Whether this one takes the cold way.
    #[inline(always)]
    pub(super) fn count_down(&self) -> bool {
        match self.left.load(Relaxed).checked_sub(1) {
            Some(left) => {
                self.left.store(left, Relaxed);
                false
            }
            None => true,
        }
    }

    /// Begins an operation on the cold way, and draws when the next one is.
    pub(super) fn begin(&self) -> Begun {
        let weight = self.one_in.load(Relaxed);
        if self.is_shared && weight > 1 && random(|random| random.u64(..weight)) != 0 {
            return Begun { weight, at: 0 };
        }
        self.draw(weight);
        Begun { weight, at: clock::now() }
    }

    fn draw(&self, one_in: u64) {
        if !self.is_shared {
            self.left.store(gap(one_in, random(|random| random.f64())).saturating_sub(1), Relaxed);
        }
    }

    /// Counts an operation of the cell's only writer: a load and a store. The count is read when the operation ends
    /// because a closure inside it may have used the map too.
    #[inline(always)]
    pub(super) fn count(&self, op: Op, outcome: Outcome) {
        if let Some(count) = self.counts.get(slot(op, outcome)) {
            count.store(count.load(Relaxed).wrapping_add(1), Relaxed);
        }
    }

    /// The same, out of line.
    #[inline(never)]
    pub(super) fn count_unusual(&self, op: Op, outcome: Outcome) {
        self.count(op, outcome);
    }

    /// Counts an operation of any cell.
    pub(super) fn count_any(&self, op: Op, outcome: Outcome) {
        if !self.is_shared {
            self.count(op, outcome);
        } else if let Some(count) = self.counts.get(slot(op, outcome)) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// Notes a timed operation on one key and adapts N when it is time to. On a shared cell updates of the window
    /// can get lost between threads; then the rate is taken for too low and N stays smaller than it could.
    pub(super) fn adapt(&self, now: u64) {
        let timed = self.window_timed.load(Relaxed).wrapping_add(1);
        self.window_timed.store(timed, Relaxed);
        let elapsed = now.saturating_sub(self.window_start.load(Relaxed));
        if timed < WINDOW_TIMED && elapsed < WINDOW_NANOS {
            return;
        }
        self.window_start.store(now, Relaxed);
        self.window_timed.store(0, Relaxed);
        let before = self.one_in.load(Relaxed);
        let after = one_in(timed.saturating_mul(before), elapsed);
        if after != before {
            self.set_one_in(after);
        }
    }

    /// Draws the gap anew for the new N; geometric gaps have no memory, so nothing is biased by it.
    fn set_one_in(&self, one_in: u64) {
        self.one_in.store(one_in, Relaxed);
        self.draw(one_in);
    }

    /// How often the pair was counted.
    pub(super) fn get(&self, op: Op, outcome: Outcome) -> u64 {
        self.counts.get(slot(op, outcome)).map_or(0, |count| count.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::random::seed_for_test;

    /// Does one operation as the meter does. Gives the weight if it was timed.
    fn run(cell: &ThreadCell, op: Op, outcome: Outcome) -> u64 {
        if !cell.count_down() {
            cell.count(op, outcome);
            return 0;
        }
        let begun = cell.begin();
        cell.count_any(op, outcome);
        if begun.at == 0 { 0 } else { begun.weight }
    }

    #[test]
    fn the_layout_is_as_documented() {
        assert_eq!(size_of::<ThreadCell>(), 1408);
        assert_eq!(align_of::<ThreadCell>(), 128);
    }

    #[test]
    fn at_low_rates_every_operation_is_timed() {
        for cell in [ThreadCell::exclusive(0), ThreadCell::shared(0)] {
            let weights: u64 = (0..1000).map(|_| run(&cell, Op::Get, Outcome::Hit)).sum();
            assert_eq!(weights, 1000);
        }
    }

    #[test]
    fn sampling_is_unbiased_even_in_step_with_the_workload() {
        seed_for_test(11);
        for cell in [ThreadCell::exclusive(0), ThreadCell::shared(0)] {
            cell.set_one_in(64);
            let (mut reads, mut writes) = (0, 0);
            let rounds = 200_000_u64;
            for _ in 0..rounds {
                for _ in 0..63 {
                    reads += run(&cell, Op::Get, Outcome::Hit);
                }
                writes += run(&cell, Op::Insert, Outcome::Replaced);
            }
            // sqrt(63 / 200,000) = 1.8 % standard error on the writes; 8 % is 4.5 of them.
            assert!((rounds * 92 / 100..rounds * 108 / 100).contains(&writes), "{writes} of {rounds}");
            let all = rounds * 63;
            assert!((all * 98 / 100..all * 102 / 100).contains(&reads), "{reads} of {all}");
            assert_eq!(cell.get(Op::Get, Outcome::Hit), all, "counts are exact");
            assert_eq!(cell.get(Op::Insert, Outcome::Replaced), rounds);
        }
    }

    #[test]
    fn n_rises_with_the_rate_and_falls_again() {
        let cell = ThreadCell::exclusive(0);
        for timed in 1..=64 {
            cell.adapt(timed * 100);
        }
        assert_eq!(cell.one_in.load(Relaxed), 1024, "64 operations in 6.4 us");
        assert!((0..100).any(|_| !cell.count_down()), "most operations are not timed any more");
        cell.adapt(10_000_000_000);
        assert_eq!(cell.one_in.load(Relaxed), 1, "1,024 operations in 10 s");
        assert!((0..100).all(|_| cell.count_down()), "every operation is timed again");
    }
}
