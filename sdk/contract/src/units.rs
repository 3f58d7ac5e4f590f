//! Quantities as types. A number becomes one of these at the edge of the system and text at the other edge.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The error for a number outside the range of its unit.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{quantity} {value} is not in {accepted}")]
pub struct OutOfRange {
    quantity: &'static str,
    value: f64,
    accepted: &'static str,
}

/// A span of time in nanoseconds, at most 584 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(u64);

impl Nanos {
    /// Zero nanoseconds.
    pub const ZERO: Self = Self(0);

    /// Creates a span of this many nanoseconds.
    pub const fn new(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Creates a span of whole seconds; saturates at 584 years.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// Creates a span of whole milliseconds; saturates at 584 years.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Returns the number of nanoseconds.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the span in seconds; exact to 53 bits.
    #[expect(clippy::as_conversions, reason = "u64 to f64 rounds at 2^53 ns, which is 104 days")]
    pub const fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Returns the span as a standard duration.
    pub const fn to_duration(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// Returns the difference, or zero if `other` is longer.
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl From<Duration> for Nanos {
    /// Saturates at 584 years.
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }
}

/// A point in time: nanoseconds since 1970-01-01T00:00:00Z, as OTLP's `time_unix_nano`. Zero means unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixNanos(u64);

impl UnixNanos {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// Creates a point in time from nanoseconds since 1970.
    pub const fn new(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Reads the clock of the system. Only the edges of the system call this; the stages take `now` as an argument.
    pub fn now() -> Self {
        Self::from(SystemTime::now())
    }

    /// Returns the nanoseconds since 1970.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the time from `earlier` to `self`, or zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Nanos {
        Nanos(self.0.saturating_sub(earlier.0))
    }

    /// Returns the point in time that is `span` before `self`, at the earliest 1970.
    pub const fn before(self, span: Nanos) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl From<SystemTime> for UnixNanos {
    fn from(time: SystemTime) -> Self {
        Self(Nanos::from(time.duration_since(UNIX_EPOCH).unwrap_or_default()).0)
    }
}

impl Add<Nanos> for UnixNanos {
    type Output = Self;

    fn add(self, span: Nanos) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

/// A number of events; sums saturate instead of wrapping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Count(u64);

impl Count {
    /// Zero events.
    pub const ZERO: Self = Self(0);

    /// Creates a count of this many events.
    pub const fn new(count: u64) -> Self {
        Self(count)
    }

    /// Returns the number of events.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the count as a float, for a ratio; exact to 2^53.
    #[expect(clippy::as_conversions, reason = "a count above 2^53 rounds, far below any printed digit")]
    pub const fn as_f64(self) -> f64 {
        self.0 as f64
    }

    /// Returns the difference, or zero if `other` is larger.
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add for Count {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Count {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.saturating_sub(other)
    }
}

impl std::iter::Sum for Count {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// A part of a whole, in [0, 1].
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Ratio(f64);

impl Ratio {
    /// The ratio 0.
    pub const ZERO: Self = Self(0.0);
    /// The ratio 1.
    pub const ONE: Self = Self(1.0);

    /// Creates a ratio from a number in [0, 1].
    ///
    /// # Errors
    /// Any other number, NaN included.
    pub fn new(value: f64) -> Result<Self, OutOfRange> {
        if (0.0..=1.0).contains(&value) {
            Ok(Self(value))
        } else {
            Err(OutOfRange { quantity: "ratio", value, accepted: "[0, 1]" })
        }
    }

    /// Returns `part / whole`, or `None` if the whole is empty, because 0/0 is not a measurement. A part above the whole
    /// counts as the whole.
    pub fn of(part: Count, whole: Count) -> Option<Self> {
        (whole > Count::ZERO).then(|| Self((part.as_f64() / whole.as_f64()).min(1.0)))
    }

    /// Returns the number in [0, 1].
    pub const fn get(self) -> f64 {
        self.0
    }

    /// Returns the rest of the whole, `1 - self`.
    pub fn complement(self) -> Self {
        Self(1.0 - self.0)
    }
}

/// A share of an error budget: 1 is all of it, 0 is none left, negative is overspent.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct BudgetFraction(f64);

impl BudgetFraction {
    /// Creates a share of at most 1.
    ///
    /// # Errors
    /// A number above 1, or one that is not finite.
    pub fn new(value: f64) -> Result<Self, OutOfRange> {
        if value.is_finite() && value <= 1.0 {
            Ok(Self(value))
        } else {
            Err(OutOfRange { quantity: "budget fraction", value, accepted: "(-inf, 1]" })
        }
    }

    /// Returns the share.
    pub const fn get(self) -> f64 {
        self.0
    }
}

/// How many times faster than allowed a budget is spent: 1 spends exactly the budget over the whole period
/// (SRE workbook, chapter 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct BurnRate(f64);

impl BurnRate {
    /// Creates a rate of at least 0.
    ///
    /// # Errors
    /// A negative number, or one that is not finite.
    pub fn new(value: f64) -> Result<Self, OutOfRange> {
        if value.is_finite() && value >= 0.0 {
            Ok(Self(value))
        } else {
            Err(OutOfRange { quantity: "burn rate", value, accepted: "[0, inf)" })
        }
    }

    /// Returns the rate.
    pub const fn get(self) -> f64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratio_of_an_empty_whole_is_none() {
        assert_eq!(Ratio::of(Count::ZERO, Count::ZERO), None);
        assert_eq!(Ratio::of(Count::new(1), Count::new(4)), Some(Ratio(0.25)));
    }

    #[test]
    fn out_of_range_numbers_name_their_unit() {
        let cases = [
            ("above", Ratio::new(1.2).map(Ratio::get), "ratio 1.2 is not in [0, 1]"),
            ("burn", BurnRate::new(-1.0).map(BurnRate::get), "burn rate -1 is not in [0, inf)"),
            (
                "budget",
                BudgetFraction::new(2.0).map(BudgetFraction::get),
                "budget fraction 2 is not in (-inf, 1]",
            ),
        ];
        for (name, got, message) in cases {
            assert_eq!(got.unwrap_err().to_string(), message, "{name}");
        }
        assert!(Ratio::new(f64::NAN).is_err());
    }

    #[test]
    fn time_saturates_at_zero() {
        let (early, late) = (UnixNanos::new(10), UnixNanos::new(30));
        assert_eq!(late.since(early), Nanos::new(20));
        assert_eq!(early.since(late), Nanos::ZERO);
        assert_eq!(early.before(Nanos::new(99)), UnixNanos::EPOCH);
    }
}
