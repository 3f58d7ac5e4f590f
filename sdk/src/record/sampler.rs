//! Decides when to time an operation. Comes in: the rate of a thread. Goes out: N, and the gap to the next timed
//! operation. Pure: randomness and time are arguments.
//!
//! A coin of probability 1/N decides for every operation whether it is timed, and a timed operation counts N times.
//! The coins are drawn ahead as geometric gaps, which have no memory: given everything that happened before, the
//! next operation is timed with probability exactly 1/N, at any rhythm of the workload and after any change of N. So
//! the weighted count of any kind of operation is an unbiased estimate of its true count n, with variance n (N - 1),
//! a relative standard error of `sqrt((N - 1) / n)` (Bernoulli sampling with the Horvitz-Thompson estimator). A
//! fixed stride would lock to a periodic workload. The snapshot may also change N for a thread that has become slow: an
//! operation that is timed because of that has weight 1.

/// The largest N. Raised, a busy map pays less for its clock reads and rare slow operations are seen less often.
pub(super) const MAX_ONE_IN: u64 = 1024;

/// The least number of operations that a thread times a second, if N allows it; the most is twice as many. Raised,
/// estimates get better and busy threads slower: a timed operation costs about 0.2 us, so that 4,096 of them take less
/// than
/// 0.1 % of a thread.
const TIMED_PER_SECOND: u64 = 2048;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Returns N for a thread that ended `operations` in `elapsed` nanoseconds: the power of two that keeps it at or below
/// twice [`TIMED_PER_SECOND`], at most [`MAX_ONE_IN`]. One at low rates, where every operation is timed.
pub(super) fn one_in(operations: u64, elapsed: u64) -> u64 {
    let per_second = u128::from(operations) * u128::from(NANOS_PER_SECOND) / u128::from(elapsed.max(1));
    let wanted = u64::try_from(per_second).unwrap_or(u64::MAX) / TIMED_PER_SECOND;
    if wanted >= MAX_ONE_IN { MAX_ONE_IN } else { 1 << wanted.max(1).ilog2() }
}

/// Returns a geometric gap of mean N, at least 1: the number of operations until the coin of probability 1/N shows
/// heads. `uniform` lies in [0, 1).
#[expect(
    clippy::as_conversions,
    reason = "n is at most 2^10 and exact as a float; a float to integer cast saturates"
)]
pub(super) fn gap(one_in: u64, uniform: f64) -> u64 {
    if one_in <= 1 {
        return 1;
    }
    // Inverse of the distribution function 1 - (1 - 1/N)^gap.
    1 + ((1.0 - uniform).ln() / (-1.0 / one_in as f64).ln_1p()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n_follows_the_rate() {
        let second = NANOS_PER_SECOND;
        let cases = [
            ("idle", 0, second, 1),
            ("slow", 1000, second, 1),
            ("below twice the target", 4095, second, 1),
            ("above", 4096, second, 2),
            ("a million a second", 64, 64_000, 256),
            ("as fast as maps go", 65_536, 2_000_000, 1024),
            ("a clock that stood still", 64, 0, 1024),
        ];
        for (name, operations, elapsed, expected) in cases {
            assert_eq!(one_in(operations, elapsed), expected, "{name}");
        }
    }

    #[test]
    fn gaps_have_the_mean_and_the_ends_of_their_distribution() {
        assert_eq!(gap(1, 0.7), 1);
        assert_eq!(gap(1024, 0.0), 1);
        assert!(gap(1024, 1.0 - f64::EPSILON) > 1024 * 30, "the tail is long");
        let mut random = fastrand::Rng::with_seed(7);
        for one_in in [2_u64, 64, 1024] {
            let draws = 200_000_u64;
            let total: u64 = (0..draws).map(|_| gap(one_in, random.f64())).sum();
            // The standard error of the mean is below N / sqrt(200,000) = 0.0022 N; 0.01 N is 4.5 of them.
            let (low, high) = (draws * one_in * 99 / 100, draws * one_in * 101 / 100);
            assert!((low..=high).contains(&total), "{one_in}: {total}");
        }
    }
}
