//! Comes in: the periods of a calendar. Goes out: rules that record the current period and mark each slot with its
//! period, so that a budget is a sum of whole slots. Never reads a clock: the rules hold the clock changes of the zone
//! as dated constants.

use std::fmt::Write as _;

use mapwarden_objective::CalendarUnit;

use super::document::Rule;
use super::periods::{ClockChange, Periods, UNTIL, local};
use super::resolved::ResolvedSlo;
use super::slots::{TOTAL, counted_names, record};

/// The label that marks slots with their period: the local date on which the period begins, as `20261001`.
pub(super) const PERIOD: &str = "slo_period";

/// The local time, in seconds since 1970 of the same clock.
const CLOCK: &str = "mapwarden:period_clock:seconds";
/// The month with which the period begins, counted from March of the year 0.
const MONTH: &str = "mapwarden:period_month:number";
/// The local time at which the period began.
const FIRST: &str = "mapwarden:period_first:seconds";
/// The time at which the period began, in seconds since 1970.
pub(super) const START: &str = "mapwarden:period_start:timestamp";

/// The middle of the slot that is recorded, in PromQL. The slot belongs to the period of its middle.
const NOW: &str = "(time() - 60)";

/// Returns the rules that record the period and mark slots with it.
pub(super) fn rules(periods: &Periods, objective: &ResolvedSlo<'_>) -> Vec<Rule> {
    let of = |name: &str| objective.series(name);
    let mut rules = vec![record(objective, CLOCK, clock(periods))];
    if let Some(months) = periods.months() {
        rules.push(record(objective, MONTH, month(periods, &of(CLOCK), months)));
    }
    rules.push(record(objective, FIRST, first(periods, &of(CLOCK), &of(MONTH))));
    rules.push(record(objective, START, begun(periods, &of(FIRST))));
    let (total, bad) = counted_names(objective);
    let mut names = vec![TOTAL, total, bad];
    names.dedup();
    rules.extend(names.into_iter().map(|name| {
        let slot = objective.fold("sum", &of(name));
        let period = format!("+ on () group_left ({PERIOD})\n(0 * topk(1, {}))", of(START));
        record(objective, marked(name), format!("{slot}\n{period}"))
    }));
    rules
}

/// Returns the local time; no sample after the last known clock change.
fn clock(periods: &Periods) -> String {
    let mut text = format!("vector(\n  {NOW} + {}", periods.ahead);
    for ClockChange { at, before, after } in &periods.changes {
        let (sign, by) = by(after - before);
        // Writing to a String never fails.
        let _ = write!(text, "\n  {sign} {by} * ({NOW} >= bool {})  # {at}", at.as_second());
    }
    text.push_str("\n)");
    if periods.is_dated() {
        let _ = write!(text, "\nand on ()\n(vector(time()) < {})  # {UNTIL}", UNTIL.as_second());
    }
    text
}

fn month(periods: &Periods, clock: &str, months: i64) -> String {
    let first = 12 * i64::from(periods.start.year()) + i64::from(periods.start.month()) - 3;
    let clock = format!("{clock} - {}", periods.since_month_began());
    format!("floor((12 * year({clock}) + month({clock}) - {}) / {months}) * {months} + {first}", first + 3)
}

fn first(periods: &Periods, clock: &str, month: &str) -> String {
    let start = local(periods.start);
    let length = match periods.unit {
        CalendarUnit::Day => 86_400 * periods.count,
        CalendarUnit::Week => 604_800 * periods.count,
        CalendarUnit::Month | CalendarUnit::Quarter | CalendarUnit::Year => {
            return days_of_month(month, periods.since_month_began());
        }
    };
    format!("floor(({clock} - {start}) / {length}) * {length} + {start}")
}

/// Returns the time of a local time, by the offset before any change at that time: a period with a skipped beginning
/// begins with the change.
fn begun(periods: &Periods, first: &str) -> String {
    let mut text = format!("(\n  {first} - {}", periods.ahead);
    for ClockChange { at, before, after } in &periods.changes {
        let ((sign, by), shown) = (by(before - after), at.as_second() + before);
        let _ = write!(text, "\n  {sign} {by} * ({first} > bool {shown})");
    }
    let date = format!("10000 * year({first}) + 100 * month({first}) + day_of_month({first})");
    let _ = write!(text, "\n)\n+ on () group_left ({PERIOD})\n(0 * count_values(\"{PERIOD}\", {date}))");
    text
}

/// Returns the name of slots that are marked with their period.
pub(super) fn marked(slots: &str) -> String {
    slots.replacen("mapwarden:", "mapwarden:period_", 1)
}

/// Returns the beginning of a month plus `later` seconds, in seconds since 1970. Months are counted from March of the
/// year 0, so that the day that is not in every year is the last one.
fn days_of_month(month: &str, later: i64) -> String {
    let year = format!("floor({month} / 12)");
    format!(
        "86400 * (\n  365 * {year} + floor({month} / 48) - floor({month} / 1200) + floor({month} / 4800)\n  \
         + floor((153 * ({month} - 12 * {year}) + 2) / 5) - 719468\n) + {later}"
    )
}

/// Returns the sign of a number and its absolute value.
const fn by(seconds: i64) -> (char, u64) {
    (if seconds < 0 { '-' } else { '+' }, seconds.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use mapwarden_objective::Calendar;

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
    fn clock_changes_are_written_until_a_date() {
        let berlin = Periods::new(&calendar("2026-01-01T00:00", "Europe/Berlin")).unwrap();
        assert_eq!(berlin.changes.len(), 32, "two a year");
        assert_eq!((berlin.ahead, berlin.changes[0].after), (3_600, 7_200));
        let text = clock(&berlin);
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
        assert_eq!(clock(&kolkata), "vector(\n  (time() - 60) + 19800\n)");
    }
}
