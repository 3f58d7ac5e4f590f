//! Exclusions over calendar periods, periods above a month, time slices, and a clock that is set back. The comments of
//! each test derive the expected numbers by hand.

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::tests::{booked, numbers, proposal, withdrawal};
use super::*;
use crate::aggregate::{Aggregate, timestamp};
use crate::budget::evaluate;
use crate::correction::{Action, CorrectionKind, Exclusion, ExclusionAlerts, Recurrence};
use crate::steps::{Step, Steps};
use mapwarden_objective::{Calendar, CalendarUnit, Indicator, Method, Period, Selector, Slo};

const MINUTE: u64 = 60;
const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;

/// 2027-01-15T08:00:00Z: the start of an eight-hour slot.
const START: u64 = 1_800_000_000;

fn at(second: u64) -> UnixNanos {
    UnixNanos::new(second * 1_000_000_000)
}

/// A moment in seconds since 1970.
fn utc(text: &str) -> u64 {
    u64::try_from(text.parse::<jiff::Timestamp>().unwrap().as_second()).unwrap()
}

fn berlin(start: &str, unit: CalendarUnit) -> Period {
    let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    Period::Calendar(Calendar { start: start.parse().unwrap(), count: 1, unit, zone })
}

fn objective(period: Period, method: Method) -> Slo {
    let selector = || Selector { metric: "requests".to_owned(), matching: Vec::new() };
    let indicator = Indicator::Events { total: selector(), bad: selector() };
    Slo { period, method, ..Slo::new("shop", "a", Ratio::new(0.9).unwrap(), indicator) }
}

/// One objective, its ledger, and the time until which it was measured.
struct Story {
    aggregate: Aggregate,
    ledger: Ledger,
    now: u64,
}

impl Story {
    fn new(slo: Slo, start: u64) -> Self {
        let aggregate = Aggregate::new(vec![slo], 1_000, at(start));
        Self { aggregate, ledger: Ledger::default(), now: start }
    }

    /// Measures step by step until a moment; the events of each step are counted in its last second.
    fn measure(&mut self, until: u64, width: u64, counts: impl Fn(u64) -> (u64, u64)) {
        while self.now < until {
            let (good, bad) = counts(self.now);
            let step = Step { from: at(self.now - 1), to: at(self.now + width - 1), good, bad };
            self.now += width;
            let received = at(self.now - 1);
            self.aggregate.take_steps(&Steps { slo: "shop/a".to_owned(), received, steps: vec![step] });
            self.aggregate.advance(at(self.now));
            // The sidecar evaluates each second; once an hour is enough to measure each boundary in time.
            if self.now.is_multiple_of(HOUR) {
                self.state();
            }
        }
    }

    fn state(&mut self) -> LedgerState {
        self.state_at(self.now)
    }

    fn state_at(&mut self, second: u64) -> LedgerState {
        let view = self.aggregate.at(at(second));
        let budget = |objective| evaluate(objective, None, view.now);
        let budgets = view.objectives().map(|(id, objective)| (id.clone(), budget(objective))).collect();
        self.ledger.step(&view, &budgets, |_| None).remove("shop/a").unwrap()
    }

    fn book(&mut self, key: &str, action: Action) -> AuditEntry {
        self.ledger.propose(proposal(key, action), &self.aggregate.at(at(self.now))).unwrap().entry
    }

    fn exclude(&mut self, from: u64, to: u64) -> AuditEntry {
        self.book(&format!("{from} to {to}"), exclusion(from, to, None))
    }

    /// Sets the clock back: the next events are earlier.
    fn set_back(&mut self, to: u64) {
        self.now = to;
        let slo = "shop/a".to_owned();
        // The next step begins in the second before, as each does.
        self.aggregate.take_steps(&Steps { slo, received: at(to - 1), steps: Vec::new() });
    }
}

fn exclusion(from: u64, to: u64, rule: Option<&str>) -> Action {
    let moment = |second| timestamp(at(second));
    let zone = "Europe/Berlin".to_owned();
    let rule = rule.map(|rule| Recurrence { rule: rule.to_owned(), zone });
    booked(CorrectionKind::Exclusion(
        Exclusion::new(moment(from), moment(to), rule, ExclusionAlerts::Suppress).unwrap(),
    ))
}

fn times(state: &LedgerState) -> Vec<(u64, u64)> {
    let second = |at: UnixNanos| at.get() / 1_000_000_000;
    state.corrected.exclusions.iter().map(|time| (second(time.from), second(time.to))).collect()
}

#[test]
fn a_month_of_743_hours_excludes_exactly() {
    // March in Berlin: from 28 February 23:00Z to 31 March 22:00Z, in between a day of 23 hours.
    let mut story = Story::new(
        objective(berlin("2027-01-01T00:00", CalendarUnit::Month), Method::Occurrences),
        utc("2027-02-28T12:00:00Z"),
    );
    // Across the start of the month: 90 minutes of it count.
    story.exclude(utc("2027-02-28T22:00:00Z"), utc("2027-03-01T00:30:00Z"));
    // 01:30 to 03:30 on the 27th, and for two hours from 01:30 on the next two days; on the 28th 02:00 is skipped.
    let (from, to) = (utc("2027-03-27T00:30:00Z"), utc("2027-03-27T02:30:00Z"));
    story.book("daily", exclusion(from, to, Some("FREQ=DAILY;COUNT=3")));
    // Across the end of the month.
    story.exclude(utc("2027-03-31T21:30:00Z"), utc("2027-04-01T02:00:00Z"));
    story.measure(utc("2027-03-31T21:50:00Z"), 10 * MINUTE, |_| (5, 1));
    let state = story.state();
    // 742 h 50 min are 4,457 steps; excluded are 9, 3 times 12, and 2 of them.
    assert_eq!((state.raw.good.get(), state.raw.bad.get()), (4_457 * 5, 4_457));
    assert_eq!(numbers(&state), (4_410 * 5, 4_410, 47 * 5, 47));
    let expected = [
        ("2027-02-28T23:00:00Z", "2027-03-01T00:30:00Z"),
        ("2027-03-27T00:30:00Z", "2027-03-27T02:30:00Z"),
        ("2027-03-28T00:30:00Z", "2027-03-28T02:30:00Z"),
        ("2027-03-28T23:30:00Z", "2027-03-29T01:30:00Z"),
        ("2027-03-31T21:30:00Z", "2027-03-31T21:50:00Z"),
    ];
    assert_eq!(times(&state), expected.map(|(from, to)| (utc(from), utc(to))));
    // In April only the part within April is excluded: three steps, which are all of them.
    story.measure(utc("2027-03-31T22:30:00Z"), 10 * MINUTE, |_| (5, 1));
    let state = story.state();
    assert_eq!(numbers(&state), (0, 0, 15, 3));
    assert_eq!((state.corrected.remaining, state.corrected.corrections.len()), (None, 1));
}

#[test]
fn a_day_of_25_hours_excludes_both_hours_from_two_to_three() {
    let slo = objective(berlin("2027-01-01T00:00", CalendarUnit::Day), Method::Occurrences);
    let mut story = Story::new(slo, utc("2027-10-30T20:00:00Z"));
    story.measure(utc("2027-10-31T22:50:00Z"), 10 * MINUTE, |_| (5, 1));
    // 02:00 summer time to 03:00 winter time.
    story.exclude(utc("2027-10-31T00:00:00Z"), utc("2027-10-31T02:00:00Z"));
    // Since 22:00Z of the 30th: 24 h 50 min, of which two hours are excluded.
    let state = story.state();
    assert_eq!(numbers(&state), (137 * 5, 137, 60, 12));
    // From midnight to midnight nothing is left, so that there is no budget.
    story.exclude(utc("2027-10-30T22:00:00Z"), utc("2027-10-31T23:00:00Z"));
    let state = story.state();
    assert_eq!((numbers(&state), state.corrected.remaining), ((0, 0, 149 * 5, 149), None));
}

#[test]
fn an_exclusion_80_days_ago_shrinks_to_eight_hours() {
    let slo = objective(Period::Rolling(Nanos::from_secs(90 * DAY)), Method::Occurrences);
    let mut story = Story::new(slo, START);
    let day = |day: u64, hour: u64| START + day * DAY + hour * HOUR;
    // From 01:30 to 05:30 after the start of the 20th day: the hours that end at 2, 3, 4 and 5.
    let in_time = story.exclude(day(20, 1) + 30 * MINUTE, day(20, 5) + 30 * MINUTE);
    story.measure(day(80, 0), HOUR, |_| (60, 12));
    assert_eq!(numbers(&story.state()), (1_916 * 60, 1_916 * 12, 240, 48));
    // 60 days later, one hour to 23 hours after the start of the 20th day: slots of eight hours begin at 8, 16, 24.
    let late = story.exclude(day(20, 1), day(20, 23));
    let state = story.state();
    // The boundaries measured in time stay excluded, beside those that slots resolve now.
    let both = [(day(20, 1) + 30 * MINUTE, day(20, 5) + 30 * MINUTE), (day(20, 8), day(20, 16))];
    assert_eq!(times(&state), both);
    assert_eq!(numbers(&state), (1_908 * 60, 1_908 * 12, 720, 144));
    story.book("w", withdrawal(&late.id));
    assert_eq!(numbers(&story.state()), (1_916 * 60, 1_916 * 12, 240, 48));
    // 90 days after its end none of it is left in the period, which holds 270 slots of eight hours, the last of them
    // partial.
    story.measure(day(111, 0), HOUR, |_| (60, 12));
    let state = story.state();
    assert_eq!((state.corrected.excluded.bad.get(), state.corrected.corrections.len()), (0, 0));
    assert!(story.ledger.log().iter().any(|line| line.entry.id == in_time.id));
}

#[test]
fn time_that_no_slot_resolves_is_not_excluded() {
    let slo = objective(berlin("2027-01-01T00:00", CalendarUnit::Year), Method::Occurrences);
    let mut story = Story::new(slo, START);
    let day = |day: u64| START + day * DAY;
    let in_time = story.exclude(day(1), day(2));
    story.measure(day(100), HOUR, |_| (60, 12));
    assert_eq!(numbers(&story.state()), (2_376 * 60, 2_376 * 12, 1_440, 288));
    story.book("w", withdrawal(&in_time.id));
    // Slots reach 93 days back, to the seventh day: a range that ended earlier is not resolved.
    let before = story.exclude(day(3), day(4));
    let state = story.state();
    assert_eq!((times(&state), numbers(&state).3), (Vec::new(), 0));
    story.book("w2", withdrawal(&before.id));
    // A range that began earlier begins with the first known slot: 20 days without the eight hours that leave.
    story.exclude(day(3), day(27));
    let state = story.state();
    assert_eq!(times(&state), [(day(7) + 8 * HOUR, day(27))]);
    assert_eq!(numbers(&state), ((2_400 - 472) * 60, (2_400 - 472) * 12, 472 * 60, 472 * 12));
}

#[test]
fn whole_time_slices_are_excluded() {
    let target = Ratio::new(0.95).unwrap();
    let minutes = |minutes: u64| Nanos::from_secs(minutes * MINUTE);
    // (name, how time slices are judged, requested minutes from and to, excluded good and bad parts)
    let whole = Method::Timeslices { slice: minutes(5), target };
    let shares = Method::RatioTimeslices { slice: minutes(5) };
    let hours = Method::Timeslices { slice: minutes(60), target };
    let cases = [
        ("whole slices", whole, (15, 30), (0, 3)),
        ("a part of one at each end counts in full", whole, (12, 33), (0, 3)),
        ("within one slice", whole, (16, 19), (0, 0)),
        ("good ones, too", whole, (0, 60), (7, 5)),
        ("by their share", shares, (9, 36), (2_500, 2_500)),
        ("hours", hours, (1, 180), (1, 1)),
        ("longer slices", hours, (0, 59), (0, 0)),
    ];
    for (name, method, (from, to), expected) in cases {
        let mut story = Story::new(objective(Period::default(), method), START);
        story.exclude(START + from * MINUTE, START + to * MINUTE);
        // Half of the events from minute 10 to 35 fail, and in the third hour all.
        story.measure(START + 4 * HOUR, MINUTE, |second| match (second - START) / MINUTE {
            10..35 => (5, 5),
            120..180 => (0, 10),
            _ => (10, 0),
        });
        story.aggregate.advance(at(story.now + 10));
        let (_, _, good, bad) = numbers(&story.state_at(story.now + 10));
        assert_eq!((good, bad), expected, "{name}");
    }
}

#[test]
fn a_clock_set_back_does_not_change_an_exclusion() {
    let minute = |minute: u64| START + minute * MINUTE;
    // (name, set back from a minute to a minute, excluded minutes of the measured 60 to 540)
    let cases = [
        ("not", 560, 560, 480),
        ("after its end, to after its end", 560, 545, 480),
        ("after its end, to within", 560, 530, 480),
        ("within, to within", 500, 470, 480),
        ("by an hour and a half, as on a machine with a wrong zone", 650, 560, 480),
        // Only quarters of an hour reach back there: the five minutes of the quarter with the current time are dropped.
        ("by eight hours, to within", 1_020, 530, 475),
        ("by eight hours, to after its end", 1_030, 545, 480),
    ];
    for (name, from, to, expected) in cases {
        let mut story = Story::new(objective(Period::default(), Method::Occurrences), START);
        story.exclude(minute(60), minute(540));
        story.measure(minute(from), MINUTE, |_| (9, 1));
        story.state();
        story.set_back(minute(to));
        story.state();
        // Minutes ahead of the clock are removed, and measured again when they come.
        story.measure(minute(from.max(600) + 30), MINUTE, |_| (9, 1));
        let state = story.state();
        assert_eq!(times(&state), [(minute(60), minute(540))], "{name}");
        assert_eq!(state.corrected.excluded.bad.get(), expected, "{name}");
        assert_eq!(state.corrected.excluded.good.get(), 9 * expected, "{name}");
    }
}

/// Ranges within this many minutes, by start and length.
fn ranges(minutes: u64) -> impl Strategy<Value = Vec<(u64, u64)>> {
    prop::collection::vec((0..minutes, 1_u64..200), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn an_exclusion_without_events_changes_nothing(
        counts in prop::collection::vec((0_u64..9, 0_u64..5), 60), away in 60_u64..300, length in 1_u64..60
    ) {
        let mut story = Story::new(objective(Period::default(), Method::Occurrences), START);
        // An hour of events, and then hours without events.
        let minute = |second: u64| usize::try_from((second - START) / MINUTE).unwrap();
        story.measure(START + 6 * HOUR, MINUTE, |second| counts.get(minute(second)).copied().unwrap_or_default());
        let before = story.state();
        story.exclude(START + away * MINUTE, START + (away + length) * MINUTE);
        let after = story.state();
        prop_assert_eq!(numbers(&after), numbers(&before));
        prop_assert_eq!(after.corrected.remaining, before.corrected.remaining);
        prop_assert_eq!(after.raw, before.raw);
    }

    #[test]
    fn time_slices_within_an_exclusion_are_excluded(
        slice in 1_u64..20, counts in prop::collection::vec(prop::bool::ANY, 300), ranges in ranges(300),
    ) {
        let method = Method::Timeslices { slice: Nanos::from_secs(slice * MINUTE), target: Ratio::ONE };
        let mut story = Story::new(objective(Period::default(), method), START / HOUR * HOUR);
        let start = story.now;
        for (from, length) in &ranges {
            story.exclude(start + from * MINUTE, start + (from + length) * MINUTE);
        }
        let is_bad = |minute: u64| counts[usize::try_from(minute).unwrap()];
        story.measure(start + 300 * MINUTE, MINUTE, |second| {
            if is_bad((second - start) / MINUTE) { (0, 1) } else { (1, 0) }
        });
        story.aggregate.advance(at(story.now + 10));
        let excluded = story.state_at(story.now + 10).corrected.excluded;
        let is_excluded = |minute: u64| ranges.iter().any(|(from, length)| (*from..from + length).contains(&minute));
        // Slots are aligned to 1970; the first and the last may hold minutes that were not measured.
        let begun = start / MINUTE;
        let mut expected = (0, 0);
        for slot in begun / slice..(begun + 300) / slice {
            let minutes: Vec<u64> = (slot * slice..(slot + 1) * slice).map(|minute| minute.wrapping_sub(begun)).collect();
            if minutes.iter().all(|minute| is_excluded(*minute)) {
                let bad = u64::from(minutes.iter().any(|minute| is_bad(*minute)));
                expected = (expected.0 + 1 - bad, expected.1 + bad);
            }
        }
        prop_assert_eq!((excluded.good.get(), excluded.bad.get()), expected);
    }

    #[test]
    fn a_calendar_day_is_its_steps_without_the_excluded(
        begun in 0_u64..72, steps in 30_u64..150, ranges in ranges(1_500)
    ) {
        // Around the day of 25 hours; measured and excluded in steps of ten minutes.
        let start = utc("2027-10-29T22:00:00Z") + begun * 10 * MINUTE;
        let slo = objective(berlin("2027-01-01T00:00", CalendarUnit::Day), Method::Occurrences);
        let mut story = Story::new(slo, start);
        for (from, length) in &ranges {
            let from = start + from / 10 * 10 * MINUTE;
            story.exclude(from, from + (length / 10 + 1) * 10 * MINUTE);
        }
        let counts = |second: u64| (second / 600 % 7, second / 600 % 3);
        story.measure(start + steps * 10 * MINUTE, 10 * MINUTE, counts);
        let midnights = ["2027-10-29T22:00:00Z", "2027-10-30T22:00:00Z", "2027-10-31T23:00:00Z"].map(utc);
        let today = midnights.into_iter().rfind(|midnight| *midnight <= story.now).unwrap();
        let is_excluded = |second: u64| ranges.iter().any(|(from, length)| {
            let from = start + from / 10 * 10 * MINUTE;
            (from..from + (length / 10 + 1) * 10 * MINUTE).contains(&second)
        });
        let mut expected = (0, 0, 0, 0);
        for second in (0..steps).map(|step| start + step * 10 * MINUTE).filter(|second| *second >= today) {
            let (good, bad) = counts(second);
            if is_excluded(second) {
                (expected.2, expected.3) = (expected.2 + good, expected.3 + bad);
            } else {
                (expected.0, expected.1) = (expected.0 + good, expected.1 + bad);
            }
        }
        prop_assert_eq!(numbers(&story.state()), expected);
    }
}
