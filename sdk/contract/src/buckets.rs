//! The bucket bounds of every latency histogram: 8 buckets an octave from 1 ns to 252 s, which are exactly the buckets
//! of an OTLP exponential histogram of scale 3 in nanoseconds. A quantile read from them is within 4.5 % of the exact one
//! (half a bucket, 2^(1/16)).

use super::Nanos;

/// OTLP's `scale`: the upper bound of a bucket is 2^(1/8) times its lower bound. Raised by one, a histogram takes twice
/// the memory and halves the error; both ends of the wire must agree.
pub const SCALE: i32 = 3;

/// The number of buckets. Raised by 8, the longest time that has a bucket of its own doubles.
pub const BUCKETS: usize = 304;

/// Buckets in an octave, `2^SCALE`.
const PER_OCTAVE: u32 = 8;

/// `floor(2^(63 + k/8))`: the end of each bucket of an octave, for a time shifted so that its top bit is bit 63.
/// The bounds but the first are irrational, so no integer time lies on one.
const OCTAVE_BOUNDS: [u64; 8] = [
    9_223_372_036_854_775_808,
    10_058_158_527_438_640_870,
    10_968_499_650_544_839_023,
    11_961_233_684_655_323_370,
    13_043_817_825_332_782_212,
    14_224_384_202_002_324_189,
    15_511_800_964_685_064_948,
    16_915_738_899_553_466_670,
];

/// Returns the bucket that holds `time`: the first with an upper bound (see [`bucket_bounds`]) that is not below it. Times
/// above the last bound count in the last bucket, 0 ns counts in the first. No loop, no float, no allocation.
///
/// A bucket `b` is OTLP's bucket index `b - 1`, so that `offset` is -1 on the wire.
#[expect(clippy::as_conversions, reason = "u32 to usize in const arithmetic, the value is below 520")]
pub fn bucket_of(time: Nanos) -> usize {
    let nanos = time.get().max(1);
    let octave = 63 - nanos.leading_zeros();
    let mantissa = nanos << nanos.leading_zeros();
    let below: u32 = OCTAVE_BOUNDS.iter().map(|bound| u32::from(mantissa > *bound)).sum();
    ((octave * PER_OCTAVE + below) as usize).min(BUCKETS - 1)
}

/// Returns the bounds `(lower, upper]` of a bucket in nanoseconds: `2^((b-1)/8)` and `2^(b/8)`.
pub fn bucket_bounds(bucket: usize) -> (f64, f64) {
    let exponent = f64::from(u32::try_from(bucket).unwrap_or(u32::MAX));
    let octave = f64::from(PER_OCTAVE);
    (((exponent - 1.0) / octave).exp2(), (exponent / octave).exp2())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_lies_within_the_bounds_of_its_bucket() {
        let mut nanos = 1_u64;
        while nanos < 126_000_000_000 {
            for time in [nanos, nanos + 1, nanos * 2 - 1] {
                let (lower, upper) = bucket_bounds(bucket_of(Nanos::new(time)));
                let time = f64::from(u32::try_from(time >> 8).unwrap()) * 256.0
                    + f64::from(u8::try_from(time & 255).unwrap());
                assert!(lower < time && time <= upper, "{time} in ({lower}, {upper}]");
            }
            nanos = nanos * 3 / 2 + 1;
        }
    }

    #[test]
    fn the_ends_are_clamped() {
        assert_eq!(bucket_of(Nanos::ZERO), 0);
        assert_eq!(bucket_of(Nanos::new(1)), 0);
        assert_eq!(bucket_of(Nanos::new(2)), 8);
        assert_eq!(bucket_of(Nanos::new(u64::MAX)), BUCKETS - 1);
    }
}
