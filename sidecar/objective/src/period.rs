//! The time over which a promise is kept.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use mapwarden_contract::Nanos;

/// The period of a budget. A closed set.
#[derive(Clone, Debug, PartialEq)]
pub enum Period {
    /// The last so much time, at every moment.
    Rolling(Nanos),
    /// Months, weeks or whatever the calendar divides, one after the other.
    Calendar(Calendar),
}

/// Calendar periods, one after the other, in a time zone, where a day may have 23 or 25 hours.
#[derive(Clone, Debug, PartialEq)]
pub struct Calendar {
    /// The start of one of them, in the zone.
    pub start: DateTime,
    /// What one of them is long: so many units.
    pub count: u32,
    /// Of this unit.
    pub unit: CalendarUnit,
    /// The zone.
    pub zone: TimeZone,
}

/// What calendar periods are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalendarUnit {
    /// Days of the zone.
    Day,
    /// Weeks of seven such days.
    Week,
    /// Months.
    Month,
    /// Three months.
    Quarter,
    /// Years.
    Year,
}

impl CalendarUnit {
    /// How many days it has in round numbers, where days are counted and not dates: a month 30, a quarter 90, a year 365.
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
    /// How many days a period has in round numbers, see [`CalendarUnit::round_days`].
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
