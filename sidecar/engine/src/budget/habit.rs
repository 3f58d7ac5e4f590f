//! How an objective's failures usually come: each by itself, or in runs. Comes in: the events of each second. Goes out: the
//! mean length of a run, in failures. Never decides whether a run is a fault.
//!
//! A burst is what lies between two moments at which nothing speaks against the objective: it begins with a failure and
//! ends when enough good events have outweighed it. Its size is how many failures it had more than the limit allows, at
//! most: 1 for a single failure, whatever the traffic is. For runs of a geometric length, as they are where each request
//! is as likely to end a run as the one before, the sum of squared sizes over the sum of sizes is `2 L - 1`, where `L` is
//! the mean length: the variance over the mean of the number of failures, which is 1 where each fails by itself.

use mapwarden_contract::Count;

use super::sequential::Hypothesis;

/// By what a bet multiplies the odds while a burst is measured: the least rise that the sequential test looks for. Raised,
/// bursts end sooner, and two that follow each other are less often taken for one.
const ODDS: f64 = 2.0;

/// How long a run is taken to be before any was seen. Raised, a service that is new, or had no failure yet, is told of
/// later where it has few requests a second; lowered, its first runs page.
const SUPPOSED: f64 = 5.0;

/// How many failures that were seen weigh as much as what is supposed. Raised, the supposed length is believed for longer.
const WEIGHT: f64 = 10.0;

/// In how many seconds a burst loses half its weight: a week. Raised, a service that has become calm is taken for bursty
/// for longer; lowered, runs that come once a week are news each time.
const HALF_LIFE: f64 = 604_800.0;

/// The bursts of an objective: the same size whatever its traffic is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Habit {
    burst: Burst,
    /// The sizes of bursts that are over, and their squares, each weighed by its age; without the largest.
    sum: f64,
    squares: f64,
    /// The largest of them, fading likewise: what happened once is no habit.
    largest: f64,
    /// The second up to which they are weighed.
    at: u64,
}

/// A burst that may go on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Burst {
    /// What speaks for a rise, in nats; 0 where there is no burst.
    log: f64,
    /// The most that it ever was.
    peak: f64,
    bad: f64,
    since: u64,
}

impl Habit {
    /// Nothing is known yet.
    pub(super) const fn new() -> Self {
        let burst = Burst { log: 0.0, peak: 0.0, bad: 0.0, since: 0 };
        Self { burst, sum: 0.0, squares: 0.0, largest: 0.0, at: 0 }
    }

    /// Counts one second, or one slot of any width, in which a share of at most `limit` would be usual.
    pub(super) fn take(
        &mut self,
        second: u64,
        (bad, total): (Count, Count),
        limit: f64,
        hypothesis: &Hypothesis,
    ) {
        if self.burst.log <= 0.0 {
            if bad == Count::ZERO {
                return;
            }
            self.burst = Burst { since: second, ..Burst::default() };
        }
        let burst = &mut self.burst;
        burst.bad += bad.as_f64();
        burst.log += bad.as_f64() * ODDS.ln() - total.as_f64() * ((ODDS - 1.0) * limit).ln_1p();
        burst.peak = burst.peak.max(burst.log);
        let is_old = second.saturating_sub(burst.since) >= hypothesis.memory_seconds();
        if burst.log <= 0.0 || is_old {
            let (burst, was_told) = (*burst, is_old || burst.bad >= hypothesis.fault);
            self.burst = Burst::default();
            // What a tier tells of is a fault, and no habit. What never was above the limit in any second is no burst.
            if !was_told && burst.peak > 0.0 {
                self.remember((burst.peak / ODDS.ln()).max(1.0), second);
            }
        }
    }

    fn remember(&mut self, size: f64, second: u64) {
        let gone = Count::new(second.saturating_sub(self.at)).as_f64();
        let kept = (-gone / HALF_LIFE).exp2();
        self.at = self.at.max(second);
        let largest = self.largest * kept;
        let smaller = size.min(largest);
        self.sum = self.sum * kept + smaller;
        self.squares = self.squares * kept + smaller * smaller;
        self.largest = size.max(largest);
    }

    /// How many failures follow one another on average. At least as many as if each came by itself, with the probability
    /// of the limit.
    pub(super) fn run(&self, limit: f64) -> f64 {
        let supposed = WEIGHT * (2.0 * SUPPOSED - 1.0);
        let dispersion = (supposed + self.squares) / (WEIGHT + self.sum);
        f64::midpoint(dispersion, 1.0).max(1.0 / (1.0 - limit))
    }
}

#[cfg(test)]
impl Habit {
    /// One that has seen so many runs of a mean length that nothing else counts, and forgets none.
    pub(super) fn of_runs(run: f64) -> Self {
        let sum = 1e12;
        Self { sum, squares: sum * (2.0 * run - 1.0), at: u64::MAX, ..Self::new() }
    }
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;
    use mapwarden_contract::{Nanos, Ratio};

    use super::*;

    const LIMIT: f64 = 0.014_4;

    const APART: u64 = 7_200;

    fn hypothesis(fault: f64) -> Hypothesis {
        Hypothesis {
            limit: Ratio::new(LIMIT).unwrap(),
            interval: Nanos::from_secs(1),
            memory: Nanos::from_secs(3_600),
            fault,
        }
    }

    /// A service with so many events a second, of which so many fail one after the other every other hour.
    fn learn(habit: &mut Habit, begin: u64, rate: u64, runs: impl IntoIterator<Item = u64>, fault: f64) {
        for (turn, mut left) in (0..).zip(runs) {
            for second in 0..APART {
                let bad = left.min(rate);
                left -= bad;
                let events = (Count::new(bad), Count::new(rate));
                habit.take(begin + APART * turn + second, events, LIMIT, &hypothesis(fault));
            }
        }
    }

    fn geometric(random: &mut Rng, mean: f64) -> u64 {
        let mut length = 1;
        while random.f64() < 1.0 - 1.0 / mean {
            length += 1;
        }
        length
    }

    #[test]
    fn the_mean_length_of_runs_is_learned_whatever_the_rate() {
        for (rate, mean) in [(10, 1.0), (1, 20.0), (10, 20.0), (100, 20.0), (10, 100.0), (1_000, 300.0)] {
            let (mut habit, mut random) = (Habit::new(), Rng::with_seed(17));
            learn(&mut habit, 0, rate, (0..300).map(|_| geometric(&mut random, mean)), f64::INFINITY);
            let run = habit.run(LIMIT);
            println!("{rate}/s, runs of {mean}: {run:.1}");
            assert!((0.7 * mean..1.3 * mean + 0.2).contains(&run), "{rate}/s, runs of {mean}: {run}");
        }
    }

    #[test]
    fn nothing_is_supposed_of_a_service_that_never_failed_but_what_is_usual() {
        let mut habit = Habit::new();
        learn(&mut habit, 0, 100, [0; 3], f64::INFINITY);
        assert_eq!(habit, Habit::new());
        assert!((habit.run(LIMIT) - SUPPOSED).abs() < 1e-9);
        assert!(Habit::of_runs(0.5).run(0.9) >= 10.0, "each by itself, nine of ten follow another one");
    }

    #[test]
    fn what_happened_once_is_no_habit_and_what_happened_twice_is() {
        let mut habit = Habit::new();
        learn(&mut habit, 0, 10, [500], f64::INFINITY);
        assert!(habit.run(LIMIT) <= SUPPOSED, "{habit:?}");
        learn(&mut habit, APART, 10, [500], f64::INFINITY);
        assert!(habit.run(LIMIT) > 200.0, "{habit:?}");
    }

    #[test]
    fn a_fault_is_no_habit() {
        let mut habit = Habit::new();
        learn(&mut habit, 0, 10, [500, 500, 500, 1], 400.0);
        assert!(habit.run(LIMIT) <= SUPPOSED, "{habit:?}");
    }

    #[test]
    fn a_habit_is_forgotten() {
        let (mut habit, week) = (Habit::new(), 604_800);
        learn(&mut habit, 0, 10, [40; 10], f64::INFINITY);
        let known = habit.run(LIMIT);
        let later = |weeks: u64| {
            let mut habit = habit;
            learn(&mut habit, weeks * week, 10, [1; 10], f64::INFINITY);
            habit.run(LIMIT)
        };
        assert!(known > 18.0 && later(1) > 15.0 && later(10) < 5.0, "{known}, {}, {}", later(1), later(10));
    }
}
