//! A service's requests and failures, as counts of intervals. Comes in: a rate, a share of errors, how they
//! cluster. Goes out: good and bad events. Never single events.

use fastrand::Rng;

use crate::draw;

/// How errors come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Errors {
    /// Failures are independent.
    Single,
    /// Requests fail in runs, one after the other, of this length on average: a variance about twice as many times
    /// as large.
    Runs(f64),
    /// Each request fails by itself, in minutes of which each has so many times the errors of the others; their mean
    /// length is a minute, their part of the time such that half of all errors are theirs.
    Minutes(f64),
}

/// How long a bad minute lasts on average, in seconds.
const MINUTE: f64 = 60.0;

/// Requests at a rate, of which a share fails.
#[derive(Clone, Debug)]
pub(crate) struct Traffic {
    /// Requests a second.
    rate: f64,
    /// The share that fails.
    share: f64,
    errors: Errors,
    rng: Rng,
    /// How many of the coming requests end alike, or how many seconds are alike, and whether badly.
    run: (u64, bool),
}

impl Traffic {
    /// Traffic that the seed decides.
    pub(crate) fn new(rate: f64, share: f64, errors: Errors, seed: u64) -> Self {
        Self { rate, share, errors, rng: Rng::with_seed(seed), run: (0, true) }
    }

    /// The same service, now failing in this share of its requests.
    pub(crate) fn failing(self, share: f64) -> Self {
        Self { share, ..self }
    }

    /// Good and bad events of one second.
    pub(crate) fn second(&mut self) -> (u64, u64) {
        let mean = self.rate;
        match self.errors {
            // Events of a Poisson process that are sorted by chance make two Poisson processes.
            Errors::Single => self.pass_single(mean, self.share),
            Errors::Minutes(times) => {
                let share = self.share_of_minute(times);
                self.pass_single(mean, share)
            }
            Errors::Runs(length) => self.pass_runs(mean, length),
        }
    }

    fn pass_single(&mut self, mean: f64, share: f64) -> (u64, u64) {
        let good = draw::poisson(&mut self.rng, mean * (1.0 - share));
        (good, draw::poisson(&mut self.rng, mean * share))
    }

    /// The share that fails in this second of a service with bad minutes.
    fn share_of_minute(&mut self, times: f64) -> f64 {
        if self.run.0 == 0 {
            let is_bad = !self.run.1;
            self.run =
                (draw::run_length(&mut self.rng, if is_bad { MINUTE } else { MINUTE * times }), is_bad);
        }
        self.run.0 -= 1;
        // Bad minutes are 1 of `times + 1`, and half of the errors are theirs.
        let usual = 0.5 * self.share * (times + 1.0) / times;
        if self.run.1 { (usual * times).min(1.0) } else { usual }
    }

    fn pass_runs(&mut self, mean: f64, length: f64) -> (u64, u64) {
        let mut left = draw::poisson(&mut self.rng, mean);
        let (mut good, mut bad) = (0, 0);
        while left > 0 {
            if self.run.0 == 0 {
                let is_bad = !self.run.1;
                let between = length * (1.0 - self.share) / self.share;
                self.run = (draw::run_length(&mut self.rng, if is_bad { length } else { between }), is_bad);
            }
            let passed = left.min(self.run.0);
            *(if self.run.1 { &mut bad } else { &mut good }) += passed;
            self.run.0 -= passed;
            left -= passed;
        }
        (good, bad)
    }
}
