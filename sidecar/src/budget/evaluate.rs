//! From counts over windows to a budget and its tiers.

use mapwarden::contract::{BudgetFraction, BurnRate, Nanos, Ratio, UnixNanos};

use super::interval::wilson;
use super::sequential::{Hypothesis, Sequential};
use super::{BudgetState, MIN_BAD, Rise, Tier, TierState, Window, WindowBurn};
use crate::aggregate::objective::Objective;

/// The share of the period's budget that a rise must have spent before the sequential test alone tells of it: what may
/// be spent in 22 minutes of 30 days, 1.3 s of a total outage for 99.9 %. It is a fortieth of what the quick tier asks.
/// Lowered, a blip that heals by itself wakes somebody; raised, a drop is told later. Each notice that the test opens
/// has spent at least this, so that an objective that keeps its budget has at most 2,000 of them in a period,
/// whatever its traffic is like.
const SHARE: f64 = 0.000_5;

/// The largest error ratio that the sequential test can guard. Raised, it would have to tell a total outage from nearly
/// one.
const GUARDED: f64 = 0.5;

/// Evaluates one objective at `now`. A tier fires while the burn rate is above its factor in both windows, the
/// long one holds at least 5 bad events, and the lower 95 % bound of its burn rate is above 1. A tier whose
/// short window was not measured at all holds its last state: silence is neither good nor bad.
///
/// Burn rate and budget follow the SRE workbook, chapter 5; the remaining budget is
/// `1 - bad / ((1 - target) x all)` over the events of the period.
pub fn evaluate(objective: &Objective, previous: Option<&BudgetState>, now: UnixNanos) -> BudgetState {
    let allowed = objective.definition.target.complement();
    let windows: Vec<WindowBurn> =
        Window::ALL.iter().map(|window| window_burn(objective, *window, allowed, now)).collect();
    let remaining = find(&windows, Window::D30)
        .and_then(|period| BudgetFraction::new(1.0 - period.error_ratio?.get() / allowed.get()).ok());
    let tiers = Tier::ALL.iter().map(|tier| tier_state(*tier, &windows, allowed, previous)).collect();
    let rise = rise(objective, &windows, previous, now);
    BudgetState { exhausted_in: exhausted_in(remaining, &windows), windows, remaining, tiers, rise }
}

/// What the sequential test says; none where the target leaves it no tier to guard.
fn rise(
    objective: &Objective,
    windows: &[WindowBurn],
    previous: Option<&BudgetState>,
    now: UnixNanos,
) -> Option<Rise> {
    let allowed = objective.definition.target.complement();
    let limit =
        |tier: Tier| Ratio::new(tier.factor() * allowed.get()).ok().filter(|limit| limit.get() <= GUARDED);
    let (tier, limit) = Tier::ALL.into_iter().find_map(|tier| Some((tier, limit(tier)?)))?;
    let hypothesis = Hypothesis { limit, interval: objective.interval(), memory: tier.long().length() };
    let before = previous.and_then(|state| state.rise.as_ref());
    let mut test = before.map_or(Sequential::new(), |rise| rise.test);
    let evidence = test.look(objective.slices(), &hypothesis, now);
    let budget = find(windows, Window::D30).and_then(|period| budget(objective, period, allowed, now));
    let spent = budget.map_or(0.0, |budget| evidence.bad.as_f64() / budget);
    Some(Rise { tier, evidence, spent, share: SHARE, test })
}

/// How many bad events a whole period allows, if its events go on to come as they did in what of it was measured.
fn budget(objective: &Objective, period: &WindowBurn, allowed: Ratio, now: UnixNanos) -> Option<f64> {
    let length = period.window.length().as_secs_f64();
    let known = now.since(objective.since).as_secs_f64().clamp(1.0, length);
    let events = (period.good + period.bad).as_f64() * length / known;
    (events > 0.0).then_some(events * allowed.get())
}

fn find(windows: &[WindowBurn], window: Window) -> Option<&WindowBurn> {
    windows.iter().find(|burn| burn.window == window)
}

fn window_burn(objective: &Objective, window: Window, allowed: Ratio, now: UnixNanos) -> WindowBurn {
    let counts = objective.window(window, now);
    let error_ratio = counts.error_ratio();
    WindowBurn {
        window,
        good: counts.good,
        bad: counts.bad,
        error_ratio,
        burn_rate: error_ratio.and_then(|ratio| burn(ratio, allowed)),
        coverage: objective.coverage(counts.covered, window.length(), now),
    }
}

fn burn(error_ratio: Ratio, allowed: Ratio) -> Option<BurnRate> {
    BurnRate::new(error_ratio.get() / allowed.get()).ok()
}

fn tier_state(
    tier: Tier,
    windows: &[WindowBurn],
    allowed: Ratio,
    previous: Option<&BudgetState>,
) -> TierState {
    let can_fire = tier.factor() * allowed.get() <= 1.0;
    let is_over = |window: Window| {
        let rate = find(windows, window).and_then(|burn| burn.burn_rate);
        rate.is_some_and(|rate| rate.get() > tier.factor())
    };
    let is_sure = find(windows, tier.long()).is_some_and(|long| {
        let lower = wilson(long.bad, long.good + long.bad).map(|interval| interval.0);
        long.bad >= MIN_BAD && lower.is_some_and(|lower| lower.get() > allowed.get())
    });
    let is_silent = find(windows, tier.short()).is_some_and(|short| {
        short.error_ratio.is_none() && short.coverage.is_some_and(|coverage| coverage == Ratio::ZERO)
    });
    let was_firing =
        previous.is_some_and(|state| state.tiers.iter().any(|old| old.tier == tier && old.is_firing));
    let is_burning = is_over(tier.long()) && is_over(tier.short()) && is_sure;
    TierState { tier, can_fire, is_firing: can_fire && if is_silent { was_firing } else { is_burning } }
}

/// When the budget is spent if it goes on as in the last hour; none where it is spent, or not burning.
fn exhausted_in(remaining: Option<BudgetFraction>, windows: &[WindowBurn]) -> Option<Nanos> {
    let left = remaining?.get();
    let rate = find(windows, Window::H1)?.burn_rate?.get();
    (left > 0.0 && rate > 0.0).then(|| time_left(left, rate))
}

/// The time in which a burn rate spends a share of the period's budget, at most a hundred periods.
pub(crate) fn time_left(share: f64, burn_rate: f64) -> Nanos {
    let period = Window::D30.length().to_duration();
    Nanos::from(period.mul_f64((share / burn_rate).clamp(0.0, 100.0)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::aggregate::objective::{About, Definition, Events, Place, SliKind};

    /// (name, target, events as (age, good, bad), tiers that fire)
    type Case<'a> = (&'a str, f64, Vec<(u64, u64, u64)>, &'a [&'a str]);

    const NOW: u64 = 1_800_000_000;

    fn at(age: u64) -> UnixNanos {
        UnixNanos::new((NOW - age) * 1_000_000_000)
    }

    /// An objective with (age in seconds, good, bad).
    fn objective(target: f64, events: &[(u64, u64, u64)]) -> Objective {
        let definition = Definition {
            service: Arc::from("shop"),
            name: Arc::from("availability"),
            team: None,
            sli: SliKind::Availability,
            about: About::Scope(Arc::from("checkout")),
            target: Ratio::new(target).unwrap(),
        };
        let mut objective = Objective::new(definition, at(3_000_000));
        let place = Place { version: Arc::from(""), region: Arc::from("") };
        for (age, good, bad) in events {
            objective.count(Events { from: at(age + 1), to: at(*age), good: *good, bad: *bad }, &place);
        }
        objective
    }

    fn firing(state: &BudgetState) -> Vec<&'static str> {
        state.tiers.iter().filter(|tier| tier.is_firing).map(|tier| tier.tier.name()).collect()
    }

    #[test]
    fn tiers_fire_when_they_should_and_only_then() {
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
            assert_eq!(firing(&evaluate(&objective(target, &events), None, at(0))), expected, "{name}");
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
    fn silence_holds_a_firing_tier() {
        let events: Vec<_> = (301..900).rev().step_by(10).map(|age| (age, 50, 50)).collect();
        let mut objective = objective(0.999, &events);
        let before = evaluate(&objective, None, at(301));
        assert!(firing(&before).contains(&"quick_page"));
        let silent = evaluate(&objective, Some(&before), at(0));
        assert!(firing(&silent).contains(&"quick_page"), "{:?}", silent.tiers);
        let place = Place { version: Arc::from(""), region: Arc::from("") };
        objective.count(Events { from: at(301), to: at(0), good: 0, bad: 0 }, &place);
        let quiet = evaluate(&objective, Some(&before), at(0));
        assert!(!firing(&quiet).contains(&"quick_page"), "{:?}", quiet.tiers);
    }

    #[test]
    fn the_budget_lasts_as_the_burn_says() {
        let state = evaluate(&objective(0.99, &[(200_000, 98_000, 0), (60, 1_980, 20)]), None, at(0));
        let left = state.remaining.unwrap().get();
        assert!((left - 0.98).abs() < 1e-9);
        let days = state.exhausted_in.unwrap().as_secs_f64() / 86_400.0;
        assert!((days - 30.0 * 0.98).abs() < 1e-3, "{days}");
    }
}
