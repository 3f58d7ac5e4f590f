//! One thread's counts of one map. Comes in: begun and ended operations of that thread. Goes out: counts, which the
//! snapshot reads from another thread. Plain atomics in a fixed layout: no pointer, no lock.
//!
//! An exclusive cell has one writer, the thread that holds its number, and counts by `store(load + 1)` without an
//! atomic read-modify-write. A shared cell serves threads beyond the table and counts by atomic adds. All accesses
//! are relaxed: every number stands for itself and publishes no other memory, and coherence alone makes each one grow
//! for a reader.

#[cfg(all(test, mapwarden_loom))]
mod loom_tests;

use super::outcomes::{SLOTS, slot};
use super::random::random;
use super::sampler::{gap, one_in};
use super::sync::{AtomicU64, Relaxed};
use mapwarden_contract::{Op, Outcome};

/// What one operation adds to its count and subtracts from the turn. The lower bits of a count stay set, those of a
/// turn hold its weight, so that one comparison of the two words shows whether the turn has come, at any weight.
const ONE: u64 = 1 << 4;

/// A count of 0.
const NOTHING: u64 = ONE - 1;

/// The turn that has come for the next operation and for each one after it, with weight 1.
const EVERY: u64 = 0;

/// Timed operations per estimate of the rate. Raised, N settles later and is steadier.
const WINDOW_TIMED: u64 = 64;

/// Nanoseconds after which fewer timed operations make an estimate of the rate too, 100 ms. Raised, a thread that has
/// become slow keeps its large N for more timed operations.
const WINDOW_NANOS: u64 = 100_000_000;

/// How many operations a timed one stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(super) weight: u64,
    /// Whether the operation was drawn by counting down. Otherwise its kind is always timed.
    pub(super) is_drawn: bool,
}

impl Due {
    /// Always timed.
    pub(super) const ALWAYS: Self = Self { weight: 1, is_drawn: false };

    const fn drawn(weight: u64) -> Self {
        Self { weight, is_drawn: true }
    }
}

/// 1,408 bytes: the sampler's state and 170 counts. A cell has pairs of cache lines of its own (128 bytes, because
/// processors fetch lines in pairs), so that the writes of two threads never meet.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct ThreadCell {
    /// Which operation is timed next: the one that finds this number of `get` hits, times [`ONE`], plus the binary
    /// logarithm of N, its weight. A hit brings the turn nearer by its count alone; every other operation moves the
    /// turn. One word, so that a turn and its weight always belong together, although the snapshot may write here too.
    /// In a shared cell the turn is at 0: all its operations take the cold path.
    turn: AtomicU64,
    /// The start of the current estimate of the rate.
    window_start: AtomicU64,
    /// Timed operations since then.
    window_timed: AtomicU64,
    is_shared: bool,
    /// By [`slot`], times [`ONE`] and [`NOTHING`] more. `get`'s come first and share the cache line of `turn`.
    counts: [AtomicU64; SLOTS],
}

impl ThreadCell {
    /// A cell for one thread at a time. N is 1 until a rate is known.
    pub(super) fn exclusive(now: u64) -> Self {
        Self::new(now, false)
    }

    /// A cell for any number of threads.
    pub(super) fn shared(now: u64) -> Self {
        Self::new(now, true)
    }

    fn new(now: u64, is_shared: bool) -> Self {
        Self {
            turn: AtomicU64::new(EVERY),
            window_start: AtomicU64::new(now),
            window_timed: AtomicU64::new(0),
            is_shared,
            counts: std::array::from_fn(|_| AtomicU64::new(NOTHING)),
        }
    }

    /// Returns the weight of an operation that takes the cold path. Otherwise this costs a `get` a load and a
    /// comparison, because a `get` brings the turn nearer when it ends, and every other operation one store more.
    ///
    /// A `get` inside the `Hash` or `Eq` of another `get`'s key is timed in place of the outer one.
    #[inline(always)]
    pub(super) fn due(&self, op: Op) -> Option<Due> {
        let turn = self.turn.load(Relaxed);
        if self.hits() >= turn {
            return Some(Due::drawn(1 << (turn % ONE)));
        }
        if !is_get(op) {
            // Overwrites a snapshot's request that came in between; the next snapshot repeats it.
            self.turn.store(turn - ONE, Relaxed);
        }
        None
    }

    /// Draws which operation is timed after this one, and returns whether this one is.
    pub(super) fn is_timed(&self, op: Op, due: Due) -> bool {
        let weight = due.weight;
        if self.is_shared {
            return weight <= 1 || random(|random| random.u64(..weight)) == 0;
        }
        self.draw(weight, u64::from(is_get(op)));
        true
    }

    /// Geometric gaps have no memory: a new draw at any time causes no bias. `begun` operations bring the turn nearer
    /// when they end, but have had their own turn.
    fn draw(&self, one_in: u64, begun: u64) {
        let turn = if self.is_shared || one_in == 1 {
            EVERY
        } else {
            let gap = gap(one_in, random(|random| random.f64()));
            (self.hits() / ONE + begun + gap - 1) * ONE
        };
        self.turn.store(turn + u64::from(one_in.ilog2()), Relaxed);
    }

    /// Times the next operation and those after it, because the thread has become slow. Their weight is 1, since no
    /// draw chose them. The snapshot calls this beside the cell's writer.
    pub(super) fn time_next(&self) {
        // Relaxed: one word, and a reader may see its value before or after.
        self.turn.store(EVERY, Relaxed);
    }

    /// Returns the current N.
    pub(super) fn one_in(&self) -> u64 {
        1 << (self.turn.load(Relaxed) % ONE)
    }

    /// Returns the word that the turn is compared with.
    #[inline(always)]
    fn hits(&self) -> u64 {
        self.counts.get(slot(Op::Get, Outcome::Hit)).map_or(0, |count| count.load(Relaxed))
    }

    /// Counts an operation of the cell's only writer: a load and a store. The count is read when the operation ends,
    /// because a closure in the operation may use the map too.
    #[inline(always)]
    pub(super) fn count(&self, op: Op, outcome: Outcome) {
        if let Some(count) = self.counts.get(slot(op, outcome)) {
            count.store(count.load(Relaxed).wrapping_add(ONE), Relaxed);
        }
        if is_get(op) && !matches!(outcome, Outcome::Hit) {
            // No hit, so the turn has to move. It stays where it has come already, which a snapshot may have caused.
            let turn = self.turn.load(Relaxed);
            self.turn.store(turn.checked_sub(ONE).unwrap_or(turn), Relaxed);
        }
    }

    /// Counts as [`count`](Self::count) does, out of line.
    #[inline(never)]
    pub(super) fn count_unusual(&self, op: Op, outcome: Outcome) {
        self.count(op, outcome);
    }

    /// Counts an operation of any cell.
    pub(super) fn count_any(&self, op: Op, outcome: Outcome) {
        if !self.is_shared {
            self.count(op, outcome);
        } else if let Some(count) = self.counts.get(slot(op, outcome)) {
            count.fetch_add(ONE, Relaxed);
        }
    }

    /// Records a timed operation on one key, and adapts N at the end of an estimate. On a shared cell threads may lose
    /// each other's updates of the window; then the estimate of the rate is too low and N stays smaller than it could
    /// be.
    pub(super) fn adapt(&self, now: u64, due: Due) {
        let timed = self.window_timed.load(Relaxed).wrapping_add(1);
        self.window_timed.store(timed, Relaxed);
        let elapsed = now.saturating_sub(self.window_start.load(Relaxed));
        if timed < WINDOW_TIMED && elapsed < WINDOW_NANOS {
            return;
        }
        self.window_start.store(now, Relaxed);
        self.window_timed.store(0, Relaxed);
        // If the snapshot has reset N within the window, the estimate is too low, and N rises with the next one.
        let after = one_in(timed.saturating_mul(due.weight), elapsed);
        if after != due.weight {
            self.draw(after, 0);
        }
    }

    /// Times one operation in this many from now on.
    #[cfg(test)]
    pub(super) fn draw_for_test(&self, one_in: u64) {
        self.draw(one_in, 0);
    }

    /// Returns the number of all counted operations.
    pub(super) fn total(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Relaxed) / ONE).sum()
    }

    /// Returns how often the pair was counted.
    pub(super) fn get(&self, op: Op, outcome: Outcome) -> u64 {
        self.counts.get(slot(op, outcome)).map_or(0, |count| count.load(Relaxed) / ONE)
    }
}

/// Returns whether hits of this operation bring the turn nearer.
#[inline(always)]
const fn is_get(op: Op) -> bool {
    matches!(op, Op::Get)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::random::seed_for_test;
    use mapwarden_contract::Count;

    /// Runs one operation as the meter does. Returns its weight if it was timed, otherwise 0.
    fn run(cell: &ThreadCell, op: Op, outcome: Outcome) -> u64 {
        let Some(due) = cell.due(op) else {
            cell.count(op, outcome);
            return 0;
        };
        let is_timed = cell.is_timed(op, due);
        cell.count_any(op, outcome);
        if is_timed { due.weight } else { 0 }
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
    fn sampling_is_unbiased_in_step_with_the_workload() {
        seed_for_test(11);
        for cell in [ThreadCell::exclusive(0), ThreadCell::shared(0)] {
            cell.draw(64, 0);
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

    /// Runs operations in step with a workload of period 64 while N changes at random, also right after timed
    /// operations, and while the snapshot requests operations at random. Returns how far the estimate of the rare kind
    /// is from its number, in standard deviations by the variance that the sampler states.
    fn deviation(is_shared: bool, random: &mut fastrand::Rng) -> f64 {
        let cell = ThreadCell::new(0, is_shared);
        let (mut estimate, mut truth, mut variance) = (0, 0, 0);
        for number in 0..4096_u64 {
            let rare = number % 64 == 0;
            let weight = cell.one_in();
            let (op, outcome) = match number % 64 {
                0 => (Op::Insert, Outcome::Replaced),
                it if it % 3 == 0 => (Op::Get, Outcome::Miss),
                _ => (Op::Get, Outcome::Hit),
            };
            let timed = run(&cell, op, outcome);
            if rare {
                (estimate, truth, variance) = (estimate + timed, truth + 1, variance + weight - 1);
            }
            match random.u32(..) % 256 {
                0 => cell.time_next(),
                1..4 => cell.draw(1 << random.u32(..7), 0),
                _ if timed > 0 && random.bool() => cell.draw(1 << random.u32(..7), 0),
                _ => {}
            }
        }
        (Count::new(estimate).as_f64() - Count::new(truth).as_f64()) / Count::new(variance).as_f64().sqrt()
    }

    #[test]
    fn weights_are_unbiased_with_the_stated_variance_as_n_changes() {
        seed_for_test(23);
        let mut random = fastrand::Rng::with_seed(29);
        for is_shared in [false, true] {
            let runs = 4000_u32;
            let deviations: Vec<f64> = (0..runs).map(|_| deviation(is_shared, &mut random)).collect();
            let mean = deviations.iter().sum::<f64>() / f64::from(runs);
            let variance = deviations.iter().map(|it| it * it).sum::<f64>() / f64::from(runs);
            // The standard errors are 1 / sqrt(4,000) = 1.6 % and some 3 %, because the tails are a little longer than
            // those of a normal distribution. The bounds are 4.5 of them.
            assert!(mean.abs() < 0.071, "biased by {mean} standard deviations");
            assert!((0.86..1.14).contains(&variance), "{variance} of the stated variance");
        }
    }

    #[test]
    fn n_rises_with_the_rate_and_falls_again() {
        let cell = ThreadCell::exclusive(0);
        for timed in 1..=64 {
            cell.adapt(timed * 100, Due::drawn(1));
        }
        assert_eq!(cell.one_in(), 1024, "64 operations in 6.4 us");
        assert!((0..100).any(|_| cell.due(Op::Insert).is_none()), "most operations are no longer timed");
        cell.adapt(10_000_000_000, Due::drawn(1024));
        assert_eq!(cell.one_in(), 1, "1,024 operations in 10 s");
        assert!(
            (0..100).all(|_| cell.due(Op::Insert) == Some(Due::drawn(1))),
            "every operation is timed again"
        );
    }

    #[test]
    fn an_operation_that_the_snapshot_requests_counts_once() {
        let cell = ThreadCell::exclusive(0);
        cell.draw(1024, 0);
        while cell.due(Op::Insert).is_some() {
            cell.draw(1024, 0);
        }
        cell.time_next();
        assert_eq!(run(&cell, Op::Get, Outcome::Hit), 1);
        assert_eq!(cell.one_in(), 1, "until a rate is known again");
    }
}
