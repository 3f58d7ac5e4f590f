//! The time over which an objective is kept.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use mapwarden_contract::Nanos;

/// The period of a budget. A closed set.
#[derive(Clone, Debug, PartialEq)]
pub enum Period {
    /// A window of this length that ends now.
    Rolling(Nanos),
    /// Consecutive periods of a calendar: days, weeks, months.
    Calendar(Calendar),
}

/// Consecutive calendar periods in a time zone, where a day may have 23 or 25 hours.
#[derive(Clone, Debug, PartialEq)]
pub struct Calendar {
    /// The local time at which one of the periods starts.
    pub start: DateTime,
    /// The length of a period, in units.
    pub count: u32,
    /// The unit.
    pub unit: CalendarUnit,
    /// The time zone.
    pub zone: TimeZone,
}

/// The unit of calendar periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalendarUnit {
    /// A day of the time zone.
    Day,
    /// Seven such days.
    Week,
    /// A month.
    Month,
    /// Three months.
    Quarter,
    /// A year.
    Year,
}

impl CalendarUnit {
    /// Returns the nominal length in days, where days are counted and not dates: a month has 30, a quarter 90, a year
    /// 365.
    pub const fn round_days(self) -> u64 {
        match self {
            Self::Day => 1,
            Self::Week => 7,
            Self::Month => 30,
            Self::Quarter => 90,
            Self::Year => 365,
        }
    }
}

impl Calendar {
    /// Returns the nominal length of a period in days, see [`CalendarUnit::round_days`].
    pub fn round_days(&self) -> u64 {
        self.unit.round_days() * u64::from(self.count)
    }
}

impl Period {
    /// 30 rolling days.
    pub const DEFAULT: Self = Self::Rolling(Nanos::from_secs(30 * 86_400));
}

impl Default for Period {
    fn default() -> Self {
        Self::DEFAULT
    }
}
