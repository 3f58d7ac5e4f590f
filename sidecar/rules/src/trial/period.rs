//! Comes in: a calendar and a local time. Goes out: the local time at which the period began, by calendar arithmetic.
//! Never reads a rule.

use jiff::civil::DateTime;
use jiff::{Span, Unit};
use mapwarden_objective::{Calendar, CalendarUnit};

/// Returns the beginning of the period of a time; none outside of the years that jiff supports.
pub(super) fn beginning(calendar: &Calendar, now: DateTime) -> Option<DateTime> {
    let (unit, factor) = match calendar.unit {
        CalendarUnit::Day => (Unit::Day, 1),
        CalendarUnit::Week => (Unit::Day, 7),
        CalendarUnit::Month => (Unit::Month, 1),
        CalendarUnit::Quarter => (Unit::Month, 3),
        CalendarUnit::Year => (Unit::Month, 12),
    };
    let length = factor * i64::from(calendar.count.max(1));
    let whole = now.since((unit, calendar.start)).ok()?;
    let so_far = if unit == Unit::Day { i64::from(whole.get_days()) } else { i64::from(whole.get_months()) };
    // Rounded towards the start, so that before the start the guess may be one period too late.
    let at = |number: i64| {
        let units = number.checked_mul(length)?;
        let span =
            if unit == Unit::Day { Span::new().try_days(units) } else { Span::new().try_months(units) };
        calendar.start.checked_add(span.ok()?).ok()
    };
    let number = so_far.div_euclid(length);
    let guess = at(number)?;
    if guess <= now { Some(guess) } else { at(number - 1) }
}
