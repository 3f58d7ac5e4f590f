//! Sums by periods of the calendar: months, weeks, quarters of a time zone, which begin and end at its exact midnight,
//! also on days of 23 or 25 hours. Comes in: events with their time. Goes out: the sum of a period, to the event. Never
//! reads a clock.

use std::collections::VecDeque;

use jiff::{Span, Timestamp};
use mapwarden_contract::{Nanos, UnixNanos};
use serde::{Deserialize, Serialize};

use super::slot::Counts;
use super::time::timestamp;
use mapwarden_objective::{Calendar, CalendarUnit};

/// How many periods are kept: the present one and the one before, for events that come late.
const KEPT: usize = 2;

/// Where a period begins and ends: half-open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Its first moment.
    pub start: UnixNanos,
    /// The first moment of the next one.
    pub end: UnixNanos,
}

/// The sum of one period, as the store keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptPeriod {
    start: u64,
    end: u64,
    counts: Counts,
}

/// Sums by the periods of one calendar.
#[derive(Clone, Debug)]
pub(super) struct CalendarSums {
    calendar: Calendar,
    /// Ascending.
    periods: VecDeque<(Bounds, Counts)>,
}

impl CalendarSums {
    pub(super) const fn new(calendar: Calendar) -> Self {
        Self { calendar, periods: VecDeque::new() }
    }

    pub(super) const fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// Adds to the period that holds `time`; events that come more than a period late are dropped.
    pub(super) fn add(&mut self, time: UnixNanos, counts: &Counts) {
        if let Some(sum) = self.at(time) {
            sum.add(counts);
        }
    }

    /// Notes measured time, divided where one period ends and the next begins.
    pub(super) fn cover(&mut self, from: UnixNanos, to: UnixNanos) {
        let Some(mut part) = self.bounds(to) else { return };
        let mut to = to;
        for _ in 0..KEPT {
            let start = part.start.max(from);
            if to > start {
                let covered = Counts { covered: to.since(start), ..Counts::default() };
                self.add(start, &covered);
            }
            if from >= part.start {
                return;
            }
            to = part.start;
            let Some(before) = self.bounds(part.start.before(Nanos::new(1))) else { return };
            part = before;
        }
    }

    /// The period that holds `now`, and what happened in it; none outside of the calendar's reach.
    pub(super) fn period(&self, now: UnixNanos) -> Option<(Bounds, Counts)> {
        let known = self.periods.iter().find(|(bounds, _)| bounds.holds(now)).copied();
        known.or_else(|| Some((self.bounds(now)?, Counts::default())))
    }

    /// Takes away what happened after `now`, of which `gone` is the part in the period of `now`.
    pub(super) fn forget_after(&mut self, now: UnixNanos, gone: &Counts) {
        self.periods.retain(|(bounds, _)| bounds.start <= now);
        if let Some((_, sum)) = self.periods.iter_mut().find(|(bounds, _)| bounds.holds(now)) {
            sum.good = sum.good.saturating_sub(gone.good);
            sum.bad = sum.bad.saturating_sub(gone.bad);
            sum.covered = sum.covered.saturating_sub(gone.covered);
        }
    }

    pub(super) fn keep(&self) -> Vec<KeptPeriod> {
        let kept = |(bounds, counts): &(Bounds, Counts)| KeptPeriod {
            start: bounds.start.get(),
            end: bounds.end.get(),
            counts: *counts,
        };
        self.periods.iter().map(kept).collect()
    }

    /// Puts back what the store kept, as far as it is of this calendar: one that was changed begins with what
    /// `otherwise` returns for the time since the start of the period.
    pub(super) fn restore(
        &mut self,
        kept: &[KeptPeriod],
        now: UnixNanos,
        otherwise: impl Fn(Bounds) -> Counts,
    ) {
        for KeptPeriod { start, end, counts } in kept {
            let bounds = Bounds { start: UnixNanos::new(*start), end: UnixNanos::new(*end) };
            if self.bounds(bounds.start) == Some(bounds) {
                self.periods.push_back((bounds, *counts));
            }
        }
        if let (true, Some(bounds)) = (self.periods.is_empty(), self.bounds(now)) {
            self.periods.push_back((bounds, otherwise(bounds)));
        }
    }

    fn at(&mut self, time: UnixNanos) -> Option<&mut Counts> {
        if !self.periods.iter().any(|(bounds, _)| bounds.holds(time)) {
            let bounds = self.bounds(time)?;
            let at = self.periods.partition_point(|(known, _)| known.start < bounds.start);
            self.periods.insert(at, (bounds, Counts::default()));
            while self.periods.len() > KEPT {
                self.periods.pop_front();
            }
        }
        self.periods.iter_mut().find(|(bounds, _)| bounds.holds(time)).map(|(_, counts)| counts)
    }

    /// The period that holds a moment; none where the years of the calendar end.
    fn bounds(&self, time: UnixNanos) -> Option<Bounds> {
        let mut number = self.near(time)?;
        // The guess is at most one off: by the length of a month, by the hours of a day.
        while self.start(number)? > time {
            number -= 1;
        }
        while self.start(number + 1)? <= time {
            number += 1;
        }
        Some(Bounds { start: self.start(number)?, end: self.start(number + 1)? })
    }

    /// Returns the number of a period near a moment, counted from the one that the calendar names.
    fn near(&self, time: UnixNanos) -> Option<i64> {
        let first = self.calendar.start.to_zoned(self.calendar.zone.clone()).ok()?.timestamp();
        let days = timestamp(time).duration_since(first).as_secs() / 86_400;
        let length = match self.calendar.unit {
            CalendarUnit::Day => 1,
            CalendarUnit::Week => 7,
            CalendarUnit::Month => 30,
            CalendarUnit::Quarter => 91,
            CalendarUnit::Year => 365,
        };
        Some(days / (length * i64::from(self.calendar.count.max(1))))
    }

    /// Returns the first moment of a period, counted from the one that the calendar names: the first after midnight where a
    /// zone skips its midnight.
    fn start(&self, number: i64) -> Option<UnixNanos> {
        let units = number.checked_mul(i64::from(self.calendar.count.max(1)))?;
        let span = match self.calendar.unit {
            CalendarUnit::Day => Span::new().try_days(units),
            CalendarUnit::Week => Span::new().try_weeks(units),
            CalendarUnit::Month => Span::new().try_months(units),
            CalendarUnit::Quarter => Span::new().try_months(units.checked_mul(3)?),
            CalendarUnit::Year => Span::new().try_years(units),
        };
        let civil = self.calendar.start.checked_add(span.ok()?).ok()?;
        nanos(civil.to_zoned(self.calendar.zone.clone()).ok()?.timestamp())
    }
}

impl Bounds {
    /// Whether a moment lies in it.
    pub fn holds(&self, time: UnixNanos) -> bool {
        self.start <= time && time < self.end
    }
}

/// Returns a time as nanoseconds; none before 1970.
fn nanos(time: Timestamp) -> Option<UnixNanos> {
    u64::try_from(time.as_nanosecond()).ok().map(UnixNanos::new)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use mapwarden_contract::Count;

    use super::*;

    fn at(text: &str) -> UnixNanos {
        nanos(text.parse().unwrap()).unwrap()
    }

    fn berlin(start: &str, count: u32, unit: CalendarUnit) -> CalendarSums {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        CalendarSums::new(Calendar { start: start.parse().unwrap(), count, unit, zone })
    }

    #[test]
    fn a_period_begins_and_ends_at_the_midnight_of_its_zone() {
        use CalendarUnit::{Day, Month, Quarter, Week, Year};
        // (name, the start that the calendar names, units, of which, a moment, where its period begins, where it ends)
        let cases = [
            ("a month", "2026-01-01", 1, Month, "11-21T10:00:00Z", "10-31T23:00:00Z", "11-30T23:00:00Z"),
            ("in summer", "2026-01-01", 1, Month, "07-31T21:59:59Z", "06-30T22:00:00Z", "07-31T22:00:00Z"),
            ("at its end", "2026-01-01", 1, Month, "07-31T22:00:00Z", "07-31T22:00:00Z", "08-31T22:00:00Z"),
            ("23 hours", "2026-01-01", 1, Day, "03-29T12:00:00Z", "03-28T23:00:00Z", "03-29T22:00:00Z"),
            ("25 hours", "2026-01-01", 1, Day, "10-25T12:00:00Z", "10-24T22:00:00Z", "10-25T23:00:00Z"),
            ("two weeks", "2026-01-05", 2, Week, "02-01T00:00:00Z", "01-18T23:00:00Z", "02-01T23:00:00Z"),
            ("before", "2027-01-01", 1, Quarter, "12-31T22:59:59Z", "09-30T22:00:00Z", "12-31T23:00:00Z"),
            ("a year", "2020-07-01", 1, Year, "06-30T21:59:59Z", "2025-06-30T22:00:00Z", "06-30T22:00:00Z"),
            (
                "from the 31st",
                "2026-01-31",
                1,
                Month,
                "03-01T12:00:00Z",
                "02-27T23:00:00Z",
                "03-30T22:00:00Z",
            ),
        ];
        let in_2026 =
            |text: &str| at(&if text.len() < 20 { format!("2026-{text}") } else { text.to_owned() });
        for (name, start, count, unit, time, from, until) in cases {
            let bounds = berlin(&format!("{start}T00:00"), count, unit).bounds(in_2026(time)).unwrap();
            assert_eq!(bounds, Bounds { start: in_2026(from), end: in_2026(until) }, "{name}");
        }
    }

    fn events(good: u64, bad: u64) -> Counts {
        Counts { good: Count::new(good), bad: Count::new(bad), covered: Nanos::ZERO }
    }

    #[test]
    fn a_late_event_belongs_to_the_period_in_which_it_happened() {
        let mut sums = berlin("2026-01-01T00:00", 1, CalendarUnit::Day);
        let (before, after) = (at("2026-10-25T22:59:59Z"), at("2026-10-25T23:00:00Z"));
        sums.add(before, &events(5, 1));
        sums.add(after, &events(7, 0));
        sums.add(before, &events(0, 2));
        let counted = |time| sums.period(time).map(|(_, counts)| (counts.good.get(), counts.bad.get()));
        assert_eq!((counted(before), counted(after)), (Some((5, 3)), Some((7, 0))));
        assert_eq!(counted(at("2026-10-28T00:00:00Z")), Some((0, 0)), "a new day begins without an event");
        let kept = sums.keep();
        let mut again = berlin("2026-01-01T00:00", 1, CalendarUnit::Day);
        again.restore(&kept, after, |_| unreachable!("it is kept"));
        assert_eq!(again.period(before), sums.period(before));
        let mut changed = berlin("2026-01-01T00:00", 1, CalendarUnit::Week);
        changed.restore(&kept, after, |bounds| events(bounds.start.get() / 1_000_000_000, 0));
        assert_eq!(
            changed.period(after).unwrap().1.good.get(),
            at("2026-10-21T22:00:00Z").get() / 1_000_000_000
        );
    }

    #[test]
    fn measured_time_is_divided_at_midnight() {
        let mut sums = berlin("2026-01-01T00:00", 1, CalendarUnit::Day);
        sums.cover(at("2026-03-28T20:00:00Z"), at("2026-03-29T22:00:00Z"));
        sums.cover(at("2026-03-29T22:00:00Z"), at("2026-03-29T22:00:10Z"));
        let covered = |time| sums.period(at(time)).unwrap().1.covered;
        assert_eq!(covered("2026-03-29T01:00:00Z"), Nanos::from_secs(23 * 3_600), "a day of 23 hours");
        assert_eq!(covered("2026-03-29T22:00:01Z"), Nanos::from_secs(10));
    }
}
