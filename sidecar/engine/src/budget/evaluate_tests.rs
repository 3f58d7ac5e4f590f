//! Budgets and tiers of small histories, with the answers worked out by hand.

use std::sync::Arc;

use super::*;
use crate::aggregate::objective::{About, Definition, Events, KeptObjective, Place, SliKind};
use crate::aggregate::terms::Terms;
use mapwarden_objective::{BurnTier, Calendar, CalendarUnit, Period, Severity};

/// (name, target, events as (age, good, bad), tiers that fire)
type Case<'a> = (&'a str, f64, Vec<(u64, u64, u64)>, &'a [&'a str]);

const NOW: u64 = 1_800_000_000;

fn at(age: u64) -> UnixNanos {
    UnixNanos::new((NOW - age) * 1_000_000_000)
}

/// An objective with (age in seconds, good, bad).
fn objective(target: f64, events: &[(u64, u64, u64)]) -> ObjectiveState {
    let definition = Definition {
        service: Arc::from("shop"),
        name: Arc::from("availability"),
        team: None,
        sli: SliKind::Availability,
        about: About::Scope(Arc::from("checkout")),
        target: Ratio::new(target).unwrap(),
    };
    let mut objective = ObjectiveState::new(definition, at(3_000_000));
    let place = Place { version: Arc::from(""), region: Arc::from("") };
    for (age, good, bad) in events {
        objective.count(Events { from: at(age + 1), to: at(*age), good: *good, bad: *bad }, &place);
    }
    objective
}

fn firing(state: &BudgetState) -> Vec<String> {
    state.tiers.iter().filter(|tier| tier.is_firing).map(|tier| tier.tier.name().into_owned()).collect()
}

#[test]
fn tiers_fire_when_they_should() {
    let steady: Vec<_> = (0..300).rev().map(|minute| (minute * 60, 100, 0)).collect();
    let with = |bad: &[(u64, u64, u64)]| {
        let mut events = steady.clone();
        events.extend_from_slice(bad);
        events.sort_by_key(|event| std::cmp::Reverse(event.0));
        events
    };
    let cases: [Case<'_>; 6] = [
        ("all is well", 0.999, steady.clone(), &[]),
        (
            "an outage now",
            0.999,
            with(&[(30, 0, 200)]),
            &["quick_page", "slow_page", "quick_ticket", "slow_ticket"],
        ),
        (
            "an outage that is over",
            0.999,
            with(&[(1_500, 0, 200)]),
            &["slow_page", "quick_ticket", "slow_ticket"],
        ),
        (
            "one failure at one request a minute",
            0.999,
            (0..60).rev().map(|m| (m * 60, u64::from(m != 2), u64::from(m == 2))).collect(),
            &[],
        ),
        (
            "a total outage at one request a minute",
            0.999,
            (0..60).rev().map(|m| (m * 60, u64::from(m > 4), u64::from(m <= 4))).collect(),
            &["quick_page", "slow_page", "quick_ticket", "slow_ticket"],
        ),
        (
            "a target that quick pages cannot guard",
            0.9,
            with(&[(30, 0, 300_000)]),
            &["slow_page", "quick_ticket", "slow_ticket"],
        ),
    ];
    for (name, target, events, expected) in cases {
        let state = evaluate(&objective(target, &events), None, at(0));
        assert_eq!(firing(&state), expected, "{name}");
        let reported = state.tiers.iter().filter(|tier| tier.is_firing && !tier.is_inhibited);
        let reported: Vec<_> = reported.map(|tier| tier.tier.name()).collect();
        assert_eq!(reported, expected[..expected.len().min(1)], "{name}: only the fastest is reported");
    }
}

#[test]
fn a_quiet_hour_is_no_measurement_and_leaves_the_budget_exact() {
    let state = evaluate(&objective(0.99, &[(90_000, 9_950, 50)]), None, at(0));
    let hour = find(&state.windows, Window::H1).unwrap();
    assert_eq!((hour.error_ratio, hour.burn_rate), (None, None));
    assert!((state.remaining.unwrap().get() - 0.5).abs() < 1e-9);
    assert_eq!(state.exhausted_in, None);
}

#[test]
fn sparse_errors_weigh_by_events_not_by_time() {
    let state = evaluate(&objective(0.999, &[(600_000, 999_900, 0), (100, 0, 100)]), None, at(0));
    assert!((state.remaining.unwrap().get() - 0.9).abs() < 1e-9, "{:?}", state.remaining);
}

#[test]
fn a_period_of_the_calendar_has_a_budget_of_its_own() {
    let zone = jiff::tz::TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    let start = "2027-01-01T00:00".parse().unwrap();
    let calendar = Calendar { start, count: 1, unit: CalendarUnit::Day, zone };
    // NOW is 2027-01-15T08:00:00Z, so the day of the zone is nine hours old.
    let midnight = 9 * 3_600;
    let mut objective = objective(0.99, &[]);
    objective.set_terms(Terms { period: Period::Calendar(calendar), ..Terms::default() }, at(midnight + 100));
    let place = Place { version: Arc::from(""), region: Arc::from("") };
    let mut count = |age: u64, good, bad| {
        objective.count(Events { from: at(age + 10), to: at(age), good, bad }, &place);
    };
    count(midnight + 1, 0, 500);
    count(midnight - 1, 990, 5);
    count(60, 5, 0);
    // Late, and of yesterday.
    count(midnight + 50, 0, 1);
    let state = evaluate(&objective, None, at(0));
    assert_eq!((state.period.good.get(), state.period.bad.get()), (995, 5));
    assert!((state.remaining.unwrap().get() - 0.5).abs() < 1e-9, "{:?}", state.remaining);
    assert_eq!(
        (state.period.start, state.period.next),
        (at(midnight), Some(at(0) + Nanos::from_secs(15 * 3_600)))
    );
    let before = evaluate(&objective, None, at(midnight + 1));
    assert_eq!(before.period.bad.get(), 501);
    let restored = {
        let mut restored = ObjectiveState::restore(objective.keep());
        restored.set_terms(objective.terms().clone(), at(0));
        restored.restore_sums(&objective.keep().calendar, &[], at(0));
        restored
    };
    assert_eq!(evaluate(&restored, None, at(0)).remaining, state.remaining);
    // At the next midnight the budget is whole again, and nothing was measured yet.
    let next = evaluate(&objective, None, at(0) + Nanos::from_secs(15 * 3_600));
    assert_eq!((next.remaining, next.period.total().get()), (None, 0));
}

#[test]
fn a_row_without_a_calendar_is_read() {
    let kept = KeptObjective { only_place: Vec::new(), ..objective(0.99, &[(10, 3, 2)]).keep() };
    let row = postcard::to_stdvec(&kept).unwrap();
    let (_, last) = row.split_last_chunk::<4>().unwrap();
    assert_eq!(*last, [0; 4], "no sum by the calendar, no slice of time, nothing forgotten, no only place");
    // Each of them came in a version of its own, the last one last.
    for end in row.len() - 4..row.len() {
        assert_eq!(postcard::from_bytes::<KeptObjective>(&row[..end]).unwrap(), kept);
    }
}

#[test]
fn own_tiers_fire_over_their_own_windows() {
    let tier = BurnTier {
        severity: Severity::Page,
        long: Nanos::from_secs(420),
        short: Nanos::from_secs(60),
        factor: 20.0,
    };
    let mut objective = objective(0.99, &[(500, 0, 1_000), (400, 100, 0), (30, 60, 40)]);
    objective.set_terms(Terms { tiers: vec![tier], ..Terms::default() }, at(0));
    let state = evaluate(&objective, None, at(0));
    assert!(!state.tiers[0].is_firing && state.windows.iter().any(|burn| burn.window.name() == "7m"));
    let place = Place { version: Arc::from(""), region: Arc::from("") };
    objective.count(Events { from: at(1), to: at(0), good: 0, bad: 20 }, &place);
    assert_eq!(firing(&evaluate(&objective, None, at(0))), ["page_7m_1m"], "60 of 220 is 27 %");
}

#[test]
fn silence_holds_a_firing_tier() {
    let events: Vec<_> = (301..900).rev().step_by(10).map(|age| (age, 50, 50)).collect();
    let mut objective = objective(0.999, &events);
    let before = evaluate(&objective, None, at(301));
    assert!(firing(&before).contains(&"quick_page".to_owned()));
    let silent = evaluate(&objective, Some(&before), at(0));
    assert!(firing(&silent).contains(&"quick_page".to_owned()), "{:?}", silent.tiers);
    let place = Place { version: Arc::from(""), region: Arc::from("") };
    objective.count(Events { from: at(301), to: at(0), good: 0, bad: 0 }, &place);
    let quiet = evaluate(&objective, Some(&before), at(0));
    assert!(!firing(&quiet).contains(&"quick_page".to_owned()), "{:?}", quiet.tiers);
}

#[test]
fn the_burn_rate_decides_how_long_the_budget_lasts() {
    let state = evaluate(&objective(0.99, &[(200_000, 98_000, 0), (60, 1_980, 20)]), None, at(0));
    let left = state.remaining.unwrap().get();
    assert!((left - 0.98).abs() < 1e-9);
    let days = state.exhausted_in.unwrap().as_secs_f64() / 86_400.0;
    assert!((days - 30.0 * 0.98).abs() < 1e-3, "{days}");
}
