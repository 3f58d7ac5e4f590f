//! Random numbers with the distributions of traffic. Comes in: a generator with a seed. Goes out: counts. Never
//! uses randomness of the machine, so that the same seed draws the same traffic.

use std::f64::consts::TAU;

use fastrand::Rng;

/// The mean above which a normal distribution replaces Poisson's. Raised, large counts take longer to draw;
/// lowered, they lose their skewness, which is 7 % here.
const LARGE: f64 = 200.0;

/// Returns a Poisson number with this mean: the count of independent events.
pub(crate) fn poisson(rng: &mut Rng, mean: f64) -> u64 {
    if mean >= LARGE {
        return (mean + mean.sqrt() * normal(rng)).round().max(0.0) as u64;
    }
    let (limit, mut product, mut events) = ((-mean).exp(), rng.f64(), 0);
    while product > limit {
        product *= rng.f64();
        events += 1;
    }
    events
}

/// Returns the length of a run that ends after each of its members with the same probability, at least 1.
pub(crate) fn run_length(rng: &mut Rng, mean: f64) -> u64 {
    if mean <= 1.0 {
        return 1;
    }
    let length = (1.0 - rng.f64()).ln() / (1.0 - 1.0 / mean).ln();
    1 + length as u64
}

/// Returns a normal number with mean 0 and deviation 1 (G. Box and M. Muller, 1958).
fn normal(rng: &mut Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
    radius * (TAU * rng.f64()).cos()
}
