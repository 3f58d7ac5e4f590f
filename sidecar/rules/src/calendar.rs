//! Comes in: a period of the calendar, in its time zone. Goes out: the rules that tell which period it is and that mark
//! each slice with it, so that a budget is a sum of whole slices. Never reads a clock: what PromQL does not know of time
//! zones stands in the rules as dated constants.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::document::Rule;
use super::slices::{TOTAL, counted_names, record};
use super::subject::Subject;
use super::window::Window;
use mapwarden_objective::{Calendar, CalendarUnit};

/// The label that tells slices of different periods apart: the local date on which the period begins, as `20261001`.
pub(super) const PERIOD: &str = "slo_period";

/// What the zone's clocks show, in seconds since their 1970.
const CLOCK: &str = "mapwarden:period_clock:seconds";
/// The month with which the period begins, counted from March of the year 0.
const MONTH: &str = "mapwarden:period_month:number";
/// What the zone's clocks showed when the period began.
const FIRST: &str = "mapwarden:period_first:seconds";
/// When it began, in seconds since 1970.
pub(super) const START: &str = "mapwarden:period_start:timestamp";

/// The first moment whose clock changes are written down: before it, clocks are as they were then.
const SINCE: Timestamp = Timestamp::constant(1_735_689_600, 0);

/// The first moment that rules know nothing of any more: 2041. Raised, rules hold more clock changes, of which later ones
/// are guesses; lowered, they must be written anew earlier. A date and not a number of years, so that the same
/// objectives are the same bytes in every year.
const UNTIL: Timestamp = Timestamp::constant(2_240_611_200, 0);

/// The middle of the slice that is recorded: its period is that of the slice. In PromQL.
const NOW: &str = "(time() - 60)";

/// A change of a zone's clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Change {
    at: Timestamp,
    before: i64,
    after: i64,
}

/// A calendar whose periods rules can tell.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Periods {
    /// Where one of them begins, on the zone's clocks.
    start: DateTime,
    count: i64,
    unit: CalendarUnit,
    /// What the zone's clocks are ahead of UTC by at first, in seconds.
    ahead: i64,
    changes: Vec<Change>,
}

impl Periods {
    /// The periods of a calendar.
    ///
    /// # Errors
    /// Why rules cannot tell them exactly, and what they could.
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

    /// Whether clocks that are set back show a time before the beginning of a day of the calendar again.
    fn begins_twice(&self, change: &Change) -> bool {
        let day = |local: i64| (local - self.since_midnight()).div_euclid(86_400);
        let at = change.at.as_second();
        day(at + change.before - 1) > day(at + change.after)
    }

    /// What the zone's clocks are ahead of UTC by before any change that is written down, in seconds.
    pub(super) const fn ahead(&self) -> i64 {
        self.ahead
    }

    fn since_midnight(&self) -> i64 {
        local(self.start).rem_euclid(86_400)
    }

    /// Whether clocks change, so that rules end with what is written of them.
    pub(super) fn is_dated(&self) -> bool {
        !self.changes.is_empty()
    }

    /// How far back a period may have begun: its longest, and a day.
    pub(super) fn range(&self) -> String {
        let days = match self.unit {
            CalendarUnit::Day => 1,
            CalendarUnit::Week => 7,
            CalendarUnit::Month => 31,
            CalendarUnit::Quarter => 92,
            CalendarUnit::Year => 366,
        };
        Window::days(days * self.count.unsigned_abs() + 1).to_string()
    }

    /// The rules that tell the period, and mark slices with it.
    pub(super) fn rules(&self, subject: &Subject<'_>) -> Vec<Rule> {
        let of = |name: &str| subject.series(name);
        let mut rules = vec![record(subject, CLOCK, self.clock())];
        if let Some(months) = self.months() {
            rules.push(record(subject, MONTH, self.month(&of(CLOCK), months)));
        }
        rules.push(record(subject, FIRST, self.first(&of(CLOCK), &of(MONTH))));
        rules.push(record(subject, START, self.begun(&of(FIRST))));
        let (total, bad) = counted_names(subject);
        let mut marked = vec![TOTAL, total, bad];
        marked.dedup();
        rules.extend(marked.into_iter().map(|name| {
            let slice = subject.fold("sum", &of(name));
            let period = format!("+ on () group_left ({PERIOD})\n(0 * topk(1, {}))", of(START));
            record(subject, self::marked(name), format!("{slice}\n{period}"))
        }));
        rules
    }

    /// What the zone's clocks show; nothing where changes are not known any more.
    fn clock(&self) -> String {
        let mut text = format!("vector(\n  {NOW} + {}", self.ahead);
        for Change { at, before, after } in &self.changes {
            let (sign, by) = by(after - before);
            // Writing to a String never fails.
            let _ = write!(text, "\n  {sign} {by} * ({NOW} >= bool {})  # {at}", at.as_second());
        }
        text.push_str("\n)");
        if self.is_dated() {
            let _ = write!(text, "\nand on ()\n(vector(time()) < {})  # {UNTIL}", UNTIL.as_second());
        }
        text
    }

    /// How many months a period has; none where it is made of days.
    fn months(&self) -> Option<i64> {
        match self.unit {
            CalendarUnit::Day | CalendarUnit::Week => None,
            CalendarUnit::Month => Some(self.count),
            CalendarUnit::Quarter => Some(3 * self.count),
            CalendarUnit::Year => Some(12 * self.count),
        }
    }

    /// For how long a month has lasted when a period begins, in seconds.
    fn since_month_began(&self) -> i64 {
        (i64::from(self.start.day()) - 1) * 86_400 + self.since_midnight()
    }

    fn month(&self, clock: &str, months: i64) -> String {
        let first = 12 * i64::from(self.start.year()) + i64::from(self.start.month()) - 3;
        let clock = format!("{clock} - {}", self.since_month_began());
        format!(
            "floor((12 * year({clock}) + month({clock}) - {}) / {months}) * {months} + {first}",
            first + 3
        )
    }

    fn first(&self, clock: &str, month: &str) -> String {
        let start = local(self.start);
        let length = match self.unit {
            CalendarUnit::Day => 86_400 * self.count,
            CalendarUnit::Week => 604_800 * self.count,
            CalendarUnit::Month | CalendarUnit::Quarter | CalendarUnit::Year => {
                return days_of_month(month, self.since_month_began());
            }
        };
        format!("floor(({clock} - {start}) / {length}) * {length} + {start}")
    }

    /// The moment that the zone's clocks showed, where they were set then as they had been before any change at that time:
    /// a period whose beginning is skipped begins with the change.
    fn begun(&self, first: &str) -> String {
        let mut text = format!("(\n  {first} - {}", self.ahead);
        for Change { at, before, after } in &self.changes {
            let ((sign, by), shown) = (by(before - after), at.as_second() + before);
            let _ = write!(text, "\n  {sign} {by} * ({first} > bool {shown})");
        }
        let date = format!("10000 * year({first}) + 100 * month({first}) + day_of_month({first})");
        let _ = write!(text, "\n)\n+ on () group_left ({PERIOD})\n(0 * count_values(\"{PERIOD}\", {date}))");
        text
    }
}

/// The name of slices that are marked with their period.
pub(super) fn marked(slices: &str) -> String {
    slices.replacen("mapwarden:", "mapwarden:period_", 1)
}

/// The first moment of a month that is counted from March of the year 0, in seconds since 1970, and so many later. Months
/// are counted from March on, so that the day that is not in every year is the last one.
fn days_of_month(month: &str, later: i64) -> String {
    let year = format!("floor({month} / 12)");
    format!(
        "86400 * (\n  365 * {year} + floor({month} / 48) - floor({month} / 1200) + floor({month} / 4800)\n  \
         + floor((153 * ({month} - 12 * {year}) + 2) / 5) - 719468\n) + {later}"
    )
}

/// A number with its sign apart.
const fn by(seconds: i64) -> (char, u64) {
    (if seconds < 0 { '-' } else { '+' }, seconds.unsigned_abs())
}

/// What clocks show, in seconds since their 1970.
fn local(time: DateTime) -> i64 {
    TimeZone::UTC.to_timestamp(time).map_or(0, Timestamp::as_second)
}

/// What a zone's clocks do from [`SINCE`] to [`UNTIL`].
fn changes(zone: &TimeZone) -> Vec<Change> {
    let mut before = i64::from(zone.to_offset(SINCE).seconds());
    let mut changes = Vec::new();
    for transition in zone.following(SINCE).take_while(|transition| transition.timestamp() < UNTIL) {
        let after = i64::from(transition.offset().seconds());
        // A zone may change its name alone.
        if after != before {
            changes.push(Change { at: transition.timestamp(), before, after });
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
    fn clock_changes_are_written_down_until_a_date() {
        let berlin = Periods::new(&calendar("2026-01-01T00:00", "Europe/Berlin")).unwrap();
        assert_eq!(berlin.changes.len(), 32, "two a year");
        assert_eq!((berlin.ahead, berlin.changes[0].after), (3_600, 7_200));
        let text = berlin.clock();
        assert!(
            text.contains("+ 3600 * ((time() - 60) >= bool 1743296400)  # 2025-03-30T01:00:00Z"),
            "{text}"
        );
        assert!(
            text.contains("- 3600 * ((time() - 60) >= bool 1792890000)  # 2026-10-25T01:00:00Z"),
            "{text}"
        );
        assert!(text.ends_with("(vector(time()) < 2240611200)  # 2041-01-01T00:00:00Z"), "{text}");
        let kolkata = Periods::new(&calendar("2026-01-01T00:00", "Asia/Kolkata")).unwrap();
        assert_eq!(kolkata.clock(), "vector(\n  (time() - 60) + 19800\n)");
    }

    #[test]
    fn what_could_not_be_told_exactly_is_refused() {
        let told = |start, zone| Periods::new(&calendar(start, zone)).unwrap_err();
        assert_eq!(
            told("2026-01-31T00:00", "UTC"),
            "it begins on day 31 of a month: accepted in rules are days 1 to 28"
        );
        let twice = told("2026-01-01T02:30", "Europe/Berlin");
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
