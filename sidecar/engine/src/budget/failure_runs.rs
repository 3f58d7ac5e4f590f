//! The failure run length of an objective: whether its failures are usually independent, or come in runs. Comes in: the
//! events of each second. Goes out: the mean length of a run, in failures. Never decides whether a run is a fault.
//!
//! A burst lies between two moments at which there is no evidence against the objective: it begins with a failure and ends
//! when enough good events have outweighed it. Its size is the most failures that it had above what the limit allows: 1 for
//! a single failure, with any traffic. For runs of a geometric length, where each request is as likely to end a run as the
//! previous one, the sum of squared sizes over the sum of sizes is `2 L - 1`, where `L` is
//! the mean length: the variance over the mean of the number of failures, which is 1 where failures are independent.

use mapwarden_contract::Count;

use super::hypothesis::NullHypothesis;

/// The factor by which a bet multiplies the odds while a burst is measured: the smallest increase that the sequential test
/// looks for. Raised, bursts end sooner, and two that follow each other are less often taken for one.
const ODDS: f64 = 2.0;

/// The assumed run length before any run was seen. Raised, a fault of a service that is new, or had no failure yet, is
/// notified later where it has few requests a second; lowered, its first runs page.
const ASSUMED: f64 = 5.0;

/// How many observed failures weigh as much as the assumption. Raised, the assumed length is kept for longer.
const WEIGHT: f64 = 10.0;

/// The number of seconds in which a burst loses half its weight: a week. Raised, a service that has become calm counts as
/// bursty for longer; lowered, runs that come once a week are unusual each time.
const HALF_LIFE: f64 = 604_800.0;

/// The bursts of an objective. Its size in memory does not depend on the traffic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct FailureRuns {
    burst: Burst,
    /// The sum of the sizes of bursts that are over, each weighed by its age; without the largest.
    sum: f64,
    /// The sum of their squares.
    squares: f64,
    /// The largest of them, with the same decay: what happened once is not usual.
    largest: f64,
    /// The second up to which the weights are computed.
    at: u64,
}

/// A burst that may continue.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Burst {
    /// The evidence of a burst, in nats; 0 where there is none.
    log: f64,
    /// The largest evidence so far.
    peak: f64,
    bad: f64,
    since: u64,
}

impl FailureRuns {
    /// Returns an estimate that has seen nothing.
    pub(super) const fn new() -> Self {
        let burst = Burst { log: 0.0, peak: 0.0, bad: 0.0, since: 0 };
        Self { burst, sum: 0.0, squares: 0.0, largest: 0.0, at: 0 }
    }

    /// Counts one second, or one slot of any width, in which an error ratio of at most `limit` is usual.
    pub(super) fn take(
        &mut self,
        second: u64,
        (bad, total): (Count, Count),
        limit: f64,
        hypothesis: &NullHypothesis,
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
            let (burst, is_fault) = (*burst, is_old || burst.bad >= hypothesis.fault);
            self.burst = Burst::default();
            // What makes a tier fire is a fault, not a usual run. What was never above the limit in any second is no burst.
            if !is_fault && burst.peak > 0.0 {
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

    /// Returns how many failures follow one another on average: at least as many as if they were independent, with the
    /// probability of the limit.
    pub(super) fn run(&self, limit: f64) -> f64 {
        let assumed = WEIGHT * (2.0 * ASSUMED - 1.0);
        let dispersion = (assumed + self.squares) / (WEIGHT + self.sum);
        f64::midpoint(dispersion, 1.0).max(1.0 / (1.0 - limit))
    }
}

#[cfg(test)]
impl FailureRuns {
    /// Returns an estimate from so many runs of a mean length that nothing else counts; it forgets none.
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

    fn hypothesis(fault: f64) -> NullHypothesis {
        NullHypothesis {
            limit: Ratio::new(LIMIT).unwrap(),
            interval: Nanos::from_secs(1),
            memory: Nanos::from_secs(3_600),
            fault,
        }
    }

    /// A service with `rate` events a second, of which a run of failures occurs every other hour.
    fn learn(
        learned: &mut FailureRuns,
        begin: u64,
        rate: u64,
        runs: impl IntoIterator<Item = u64>,
        fault: f64,
    ) {
        for (turn, mut left) in (0..).zip(runs) {
            for second in 0..APART {
                let bad = left.min(rate);
                left -= bad;
                let events = (Count::new(bad), Count::new(rate));
                learned.take(begin + APART * turn + second, events, LIMIT, &hypothesis(fault));
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
    fn the_mean_run_length_is_learned_at_any_rate() {
        for (rate, mean) in [(10, 1.0), (1, 20.0), (10, 20.0), (100, 20.0), (10, 100.0), (1_000, 300.0)] {
            let (mut runs, mut random) = (FailureRuns::new(), Rng::with_seed(17));
            learn(&mut runs, 0, rate, (0..300).map(|_| geometric(&mut random, mean)), f64::INFINITY);
            let run = runs.run(LIMIT);
            println!("{rate}/s, runs of {mean}: {run:.1}");
            assert!((0.7 * mean..1.3 * mean + 0.2).contains(&run), "{rate}/s, runs of {mean}: {run}");
        }
    }

    #[test]
    fn a_service_that_never_failed_has_the_assumed_run_length() {
        let mut runs = FailureRuns::new();
        learn(&mut runs, 0, 100, [0; 3], f64::INFINITY);
        assert_eq!(runs, FailureRuns::new());
        assert!((runs.run(LIMIT) - ASSUMED).abs() < 1e-9);
        assert!(
            FailureRuns::of_runs(0.5).run(0.9) >= 10.0,
            "independent failures: nine of ten follow another one"
        );
    }

    #[test]
    fn a_run_counts_from_its_second_occurrence_on() {
        let mut runs = FailureRuns::new();
        learn(&mut runs, 0, 10, [500], f64::INFINITY);
        assert!(runs.run(LIMIT) <= ASSUMED, "{runs:?}");
        learn(&mut runs, APART, 10, [500], f64::INFINITY);
        assert!(runs.run(LIMIT) > 200.0, "{runs:?}");
    }

    #[test]
    fn a_fault_does_not_count_as_a_run() {
        let mut runs = FailureRuns::new();
        learn(&mut runs, 0, 10, [500, 500, 500, 1], 400.0);
        assert!(runs.run(LIMIT) <= ASSUMED, "{runs:?}");
    }

    #[test]
    fn old_runs_are_forgotten() {
        let (mut runs, week) = (FailureRuns::new(), 604_800);
        learn(&mut runs, 0, 10, [40; 10], f64::INFINITY);
        let known = runs.run(LIMIT);
        let later = |weeks: u64| {
            let mut runs = runs;
            learn(&mut runs, weeks * week, 10, [1; 10], f64::INFINITY);
            runs.run(LIMIT)
        };
        assert!(known > 18.0 && later(1) > 15.0 && later(10) < 5.0, "{known}, {}, {}", later(1), later(10));
    }
}
