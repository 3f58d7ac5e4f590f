//! The requests and failures of a service, as counts of intervals. Comes in: a rate, a share of errors, and how errors
//! cluster. Goes out: counts of good and bad events. Never draws single events.

use fastrand::Rng;

use crate::draw;

/// How failures are distributed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Errors {
    /// Failures are independent.
    Single,
    /// Requests fail in runs of consecutive requests, of this length on average: the variance is larger by about twice
    /// this factor.
    Runs(f64),
    /// Requests fail independently, but bad minutes have this multiple of the errors of other minutes; their mean
    /// length is a minute, and their share of the time is such that half of all errors are in them.
    Minutes(f64),
}

/// The mean length of a bad minute, in seconds.
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
    /// How many of the next requests, or of the next seconds, have the same result, and whether it is bad.
    run: (u64, bool),
}

impl Traffic {
    /// Returns traffic that follows from the seed.
    pub(crate) fn new(rate: f64, share: f64, errors: Errors, seed: u64) -> Self {
        Self { rate, share, errors, rng: Rng::with_seed(seed), run: (0, true) }
    }

    /// Returns the same service with this share of failing requests.
    pub(crate) fn failing(self, share: f64) -> Self {
        Self { share, ..self }
    }

    /// Returns the good and bad events of one second.
    pub(crate) fn second(&mut self) -> (u64, u64) {
        let mean = self.rate;
        match self.errors {
            // Events of a Poisson process that are divided at random form two Poisson processes.
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

    /// Returns the share that fails in this second of a service with bad minutes.
    fn share_of_minute(&mut self, times: f64) -> f64 {
        if self.run.0 == 0 {
            let is_bad = !self.run.1;
            self.run =
                (draw::run_length(&mut self.rng, if is_bad { MINUTE } else { MINUTE * times }), is_bad);
        }
        self.run.0 -= 1;
        // Bad minutes are 1 of `times + 1`, and hold half of the errors.
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
