//! Comes in: a calendar. Goes out: its periods and the clock changes of its zone, as far as rules can express them.
//! Never writes a rule, and never reads a clock.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use mapwarden_objective::{Calendar, CalendarUnit};

use super::window::RuleWindow;

/// The time from which clock changes are written into rules: 2025. Before it, the offset of that time applies.
const SINCE: Timestamp = Timestamp::constant(1_735_689_600, 0);

/// The time until which clock changes are written into rules: 2041. Raised, rules hold more clock changes, and the
/// later ones are guesses; lowered, rules must be written again earlier. A date and not a number of years, so that the
/// same objectives give the same bytes in every year.
pub(super) const UNTIL: Timestamp = Timestamp::constant(2_240_611_200, 0);

/// A change of the offset of a zone from UTC, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClockChange {
    pub(super) at: Timestamp,
    pub(super) before: i64,
    pub(super) after: i64,
}

/// The periods of a calendar, in a form that rules can express.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Periods {
    /// The local time at which one of the periods begins.
    pub(super) start: DateTime,
    pub(super) count: i64,
    pub(super) unit: CalendarUnit,
    /// The offset of the zone from UTC before the first change, in seconds.
    pub(super) ahead: i64,
    pub(super) changes: Vec<ClockChange>,
}

impl Periods {
    /// Returns the periods of a calendar.
    ///
    /// # Errors
    /// Rules cannot express the periods exactly; the message says what is accepted.
    pub(super) fn new(calendar: &Calendar) -> Result<Self, String> {
        let is_of_months = match calendar.unit {
            CalendarUnit::Day | CalendarUnit::Week => false,
            CalendarUnit::Month | CalendarUnit::Quarter | CalendarUnit::Year => true,
        };
        let start = calendar.start;
        if is_of_months && start.day() > 28 {
            let day = start.day();
            return Err(format!("it begins on day {day} of a month: accepted in rules are days 1 to 28"));
        }
        let changes = changes(&calendar.zone);
        let count = i64::from(calendar.count.max(1));
        let ahead = i64::from(calendar.zone.to_offset(SINCE).seconds());
        let periods = Self { start, count, unit: calendar.unit, ahead, changes };
        match periods.changes.iter().find(|change| periods.begins_twice(change)) {
            None => Ok(periods),
            Some(change) => Err(format!(
                "clocks are set back over its beginning at {}: accepted in rules is a beginning at another time of the day",
                change.at
            )),
        }
    }

    /// Whether clocks that are set back show the beginning of a day of the calendar twice.
    fn begins_twice(&self, change: &ClockChange) -> bool {
        let day = |local: i64| (local - self.since_midnight()).div_euclid(86_400);
        let at = change.at.as_second();
        day(at + change.before - 1) > day(at + change.after)
    }

    /// Returns the offset of the zone from UTC before the first change, in seconds.
    pub(super) const fn ahead(&self) -> i64 {
        self.ahead
    }

    pub(super) fn since_midnight(&self) -> i64 {
        local(self.start).rem_euclid(86_400)
    }

    /// Whether the zone has clock changes, so that rules end with the last written one.
    pub(super) fn is_dated(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Returns the range in which a period began: its longest length, and a day.
    pub(super) fn range(&self) -> String {
        let days = match self.unit {
            CalendarUnit::Day => 1,
            CalendarUnit::Week => 7,
            CalendarUnit::Month => 31,
            CalendarUnit::Quarter => 92,
            CalendarUnit::Year => 366,
        };
        RuleWindow::days(days * self.count.unsigned_abs() + 1).to_string()
    }

    /// Returns the number of months of a period; none where it consists of days.
    pub(super) fn months(&self) -> Option<i64> {
        match self.unit {
            CalendarUnit::Day | CalendarUnit::Week => None,
            CalendarUnit::Month => Some(self.count),
            CalendarUnit::Quarter => Some(3 * self.count),
            CalendarUnit::Year => Some(12 * self.count),
        }
    }

    /// Returns the seconds from the beginning of a month to the beginning of a period.
    pub(super) fn since_month_began(&self) -> i64 {
        (i64::from(self.start.day()) - 1) * 86_400 + self.since_midnight()
    }
}

/// Returns a local time in seconds since 1970 of the same clock.
pub(super) fn local(time: DateTime) -> i64 {
    TimeZone::UTC.to_timestamp(time).map_or(0, Timestamp::as_second)
}

/// Returns the clock changes of a zone from [`SINCE`] to [`UNTIL`].
fn changes(zone: &TimeZone) -> Vec<ClockChange> {
    let mut before = i64::from(zone.to_offset(SINCE).seconds());
    let mut changes = Vec::new();
    for transition in zone.following(SINCE).take_while(|transition| transition.timestamp() < UNTIL) {
        let after = i64::from(transition.offset().seconds());
        // A transition may change only the name of the zone.
        if after != before {
            changes.push(ClockChange { at: transition.timestamp(), before, after });
        }
        before = after;
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(start: &str, zone: &str) -> Calendar {
        Calendar {
            start: start.parse().unwrap(),
            count: 1,
            unit: CalendarUnit::Month,
            zone: TimeZone::get(zone).unwrap(),
        }
    }

    #[test]
    fn inexact_periods_are_refused() {
        let refusal = |start, zone| Periods::new(&calendar(start, zone)).unwrap_err();
        assert_eq!(
            refusal("2026-01-31T00:00", "UTC"),
            "it begins on day 31 of a month: accepted in rules are days 1 to 28"
        );
        let twice = refusal("2026-01-01T02:30", "Europe/Berlin");
        assert!(
            twice.starts_with("clocks are set back over its beginning at 2025-10-26T01:00:00Z"),
            "{twice}"
        );
        assert!(Periods::new(&calendar("2026-01-01T00:00", "America/Havana")).is_ok());
        assert!(Periods::new(&calendar("2026-01-01T02:30", "UTC")).is_ok());
    }

    #[test]
    fn a_range_holds_the_longest_period() {
        let of = |unit, count| {
            Periods::new(&Calendar { unit, count, ..calendar("2026-01-01T00:00", "UTC") }).unwrap().range()
        };
        assert_eq!(of(CalendarUnit::Day, 1), "2d");
        assert_eq!(of(CalendarUnit::Week, 2), "15d");
        assert_eq!(of(CalendarUnit::Month, 1), "32d");
        assert_eq!(of(CalendarUnit::Quarter, 1), "93d");
        assert_eq!(of(CalendarUnit::Year, 1), "367d");
    }
}
