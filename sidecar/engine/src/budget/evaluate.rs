//! From counts over windows to a budget and its tiers.

use mapwarden_contract::{BudgetFraction, BurnRate, Nanos, Ratio, UnixNanos};

use super::sequential::{Hypothesis, Sequential};
use super::{BudgetState, PeriodState, Rise, Tier, TierState, Window, WindowBurn};
use crate::aggregate::objective::ObjectiveState;
use crate::aggregate::slot::Level;
use mapwarden_objective::MIN_BAD;
use mapwarden_objective::wilson;

/// The share of the period's budget that a rise must have spent before the sequential test alone tells of it: what may
/// be spent in 22 minutes of 30 days, 1.3 s of a total outage for 99.9 %. It is a fortieth of what the quick tier asks.
/// Lowered, a blip that heals by itself wakes somebody; raised, a drop is told later. Each notice that the test opens
/// has spent at least this, so that an objective that keeps its budget has at most 2,000 of them in a period,
/// whatever its traffic is like.
const SHARE: f64 = 0.001;

/// The largest error ratio that the sequential test can guard. Raised, it would have to tell a total outage from nearly
/// one.
const GUARDED: f64 = 0.5;

/// Evaluates one objective at `now`. A tier fires while the burn rate is above its factor in both windows, the
/// long one holds at least 5 bad events, and the lower 95 % bound of its burn rate is above 1. A tier whose
/// short window was not measured at all holds its last state: silence is neither good nor bad.
///
/// Burn rate and budget follow the SRE workbook, chapter 5; the remaining budget is
/// `1 - bad / ((1 - target) x all)` over the events of the period.
pub fn evaluate(objective: &ObjectiveState, previous: Option<&BudgetState>, now: UnixNanos) -> BudgetState {
    let allowed = objective.definition.target.complement();
    let tiers = Tier::of(objective.terms());
    let windows: Vec<WindowBurn> = windows(&tiers, objective.terms().length())
        .into_iter()
        .map(|window| window_burn(objective, window, allowed, now))
        .collect();
    let period = period(objective, &windows, now);
    let remaining = Ratio::of(period.bad, period.total())
        .and_then(|ratio| BudgetFraction::new(1.0 - ratio.get() / allowed.get()).ok());
    let rise = rise(objective, &tiers, &period, previous, now);
    let mut is_inhibited = false;
    let states =
        tiers.into_iter().map(|tier| tier_state(tier, objective, &windows, previous)).map(|mut state| {
            state.is_inhibited = state.is_firing && is_inhibited;
            is_inhibited |= state.is_firing;
            state
        });
    let tiers = states.collect();
    let exhausted_in = exhausted_in(remaining, &windows, &period, now);
    BudgetState { windows, period, remaining, exhausted_in, tiers, rise, is_planned: false }
}

/// Every window that is told of, shortest first: those that the tiers need, the usual ones up to the period, and the
/// period's length.
fn windows(tiers: &[Tier], period: Nanos) -> Vec<Window> {
    let usual = Window::ALL.into_iter().filter(|window| window.length() < period);
    let tiers = tiers.iter().flat_map(|tier| [tier.long(), tier.short()]);
    let whole = Some(Window::new(period)).filter(|_| period <= Level::EightHours.reach());
    let mut windows: Vec<Window> = usual.chain(tiers).chain(whole).collect();
    windows.sort_unstable();
    windows.dedup();
    windows
}

fn period(objective: &ObjectiveState, windows: &[WindowBurn], now: UnixNanos) -> PeriodState {
    let sum =
        |window| find(windows, window).map_or_else(|| objective.window(window, now), WindowBurn::counts);
    let (bounds, counts) = objective.period_with(now, sum);
    let passed = now.since(bounds.start);
    PeriodState {
        start: bounds.start,
        next: (bounds.end > now).then_some(bounds.end),
        length: objective.terms().length(),
        good: counts.good,
        bad: counts.bad,
        coverage: objective.coverage(counts.covered, passed, now),
        covered: counts.covered,
    }
}

/// What the sequential test says; none where the target leaves it no tier to guard, and where slices of time are counted:
/// there are too few of them for it to be sooner than the tiers.
fn rise(
    objective: &ObjectiveState,
    tiers: &[Tier],
    period: &PeriodState,
    previous: Option<&BudgetState>,
    now: UnixNanos,
) -> Option<Rise> {
    let allowed = objective.definition.target.complement();
    let limit =
        |tier: Tier| Ratio::new(tier.factor() * allowed.get()).ok().filter(|limit| limit.get() <= GUARDED);
    let (tier, limit) = tiers.iter().find_map(|tier| Some((*tier, limit(*tier)?)))?;
    let budget = budget(objective, period, allowed, now);
    let memory = tier.long().length();
    // Of the period's budget, the share that the tier asks for.
    let fault = budget.map_or(f64::INFINITY, |budget| {
        budget * tier.factor() * memory.as_secs_f64() / period.length.as_secs_f64()
    });
    let hypothesis = Hypothesis { limit, interval: objective.interval(), memory, fault };
    let before = previous.and_then(|state| state.rise.as_ref());
    let mut test = before.map_or(Sequential::new(), |rise| rise.test);
    let evidence = test.look(objective.slots(), &hypothesis, now);
    let spent = budget.map_or(0.0, |budget| evidence.bad.as_f64() / budget);
    Some(Rise { tier, evidence, spent, share: SHARE, test })
}

/// How many bad events a whole period allows, if its events go on to come as they did in what of it was measured.
fn budget(objective: &ObjectiveState, period: &PeriodState, allowed: Ratio, now: UnixNanos) -> Option<f64> {
    // A period of the calendar that has just begun says nothing yet of how many events come.
    let (events, over) = match period.next {
        Some(_) => {
            let over = period.length.min(Window::D30.length());
            (objective.window(Window::new(over), now).total(), over)
        }
        None => (period.total(), period.length),
    };
    let known = now.since(objective.since).as_secs_f64().clamp(1.0, over.as_secs_f64());
    let events = events.as_f64() * period.length.as_secs_f64() / known;
    (events > 0.0).then_some(events * allowed.get())
}

fn find(windows: &[WindowBurn], window: Window) -> Option<&WindowBurn> {
    windows.iter().find(|burn| burn.window == window)
}

fn window_burn(objective: &ObjectiveState, window: Window, allowed: Ratio, now: UnixNanos) -> WindowBurn {
    let counts = objective.window(window, now);
    let error_ratio = counts.error_ratio();
    WindowBurn {
        window,
        good: counts.good,
        bad: counts.bad,
        error_ratio,
        burn_rate: error_ratio.and_then(|ratio| burn(ratio, allowed)),
        coverage: objective.coverage(counts.covered, window.length(), now),
        covered: counts.covered,
    }
}

fn burn(error_ratio: Ratio, allowed: Ratio) -> Option<BurnRate> {
    BurnRate::new(error_ratio.get() / allowed.get()).ok()
}

fn tier_state(
    tier: Tier,
    objective: &ObjectiveState,
    windows: &[WindowBurn],
    previous: Option<&BudgetState>,
) -> TierState {
    let allowed = objective.definition.target.complement();
    let can_fire = tier.can_fire(allowed);
    let is_over = |window: Window| {
        let rate = find(windows, window).and_then(|burn| burn.burn_rate);
        rate.is_some_and(|rate| rate.get() > tier.factor())
    };
    let is_sure = find(windows, tier.long()).is_some_and(|long| {
        let evidence = objective.as_evidence(long.counts());
        let lower = wilson(evidence.bad, evidence.total()).map(|interval| interval.0);
        evidence.bad >= MIN_BAD && lower.is_some_and(|lower| lower.get() > allowed.get())
    });
    let is_silent = find(windows, tier.short()).is_some_and(|short| {
        short.error_ratio.is_none() && short.coverage.is_some_and(|coverage| coverage == Ratio::ZERO)
    });
    let was_firing =
        previous.is_some_and(|state| state.tiers.iter().any(|old| old.tier == tier && old.is_firing));
    let is_burning = is_over(tier.long()) && is_over(tier.short()) && is_sure;
    let is_firing = can_fire && if is_silent { was_firing } else { is_burning };
    TierState { tier, can_fire, is_firing, is_inhibited: false }
}

/// When the budget is spent if it goes on as in the last hour; none where it is spent, or not burning, or where its
/// period ends before.
fn exhausted_in(
    remaining: Option<BudgetFraction>,
    windows: &[WindowBurn],
    period: &PeriodState,
    now: UnixNanos,
) -> Option<Nanos> {
    let left = remaining?.get();
    let rate = find(windows, Window::H1)?.burn_rate?.get();
    let spent_in = (left > 0.0 && rate > 0.0).then(|| time_left(left, rate, period.length))?;
    period.next.is_none_or(|next| now + spent_in < next).then_some(spent_in)
}

/// The time in which a burn rate spends a share of a period's budget, at most a hundred periods.
pub(crate) fn time_left(share: f64, burn_rate: f64, period: Nanos) -> Nanos {
    Nanos::from(period.to_duration().mul_f64((share / burn_rate).clamp(0.0, 100.0)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::aggregate::objective::{About, Definition, Events, KeptObjective, Place, SliKind};
    use crate::aggregate::terms::Terms;
    use mapwarden_objective::{BurnTier, Calendar, CalendarUnit, Period};

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
            let state = evaluate(&objective(target, &events), None, at(0));
            assert_eq!(firing(&state), expected, "{name}");
            let told = state.tiers.iter().filter(|tier| tier.is_firing && !tier.is_inhibited);
            let told: Vec<_> = told.map(|tier| tier.tier.name()).collect();
            assert_eq!(told, expected[..expected.len().min(1)], "{name}: the fastest alone is told");
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
        objective
            .set_terms(Terms { period: Period::Calendar(calendar), ..Terms::default() }, at(midnight + 100));
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
    fn a_row_of_before_there_were_calendars_is_read() {
        let kept = KeptObjective { only_place: Vec::new(), ..objective(0.99, &[(10, 3, 2)]).keep() };
        let row = postcard::to_stdvec(&kept).unwrap();
        let (_, last) = row.split_last_chunk::<4>().unwrap();
        assert_eq!(
            *last, [0; 4],
            "no sum by the calendar, no slice of time, nothing forgotten, no only place"
        );
        // Each of them came in a version of its own, the last one last.
        for end in row.len() - 4..row.len() {
            assert_eq!(postcard::from_bytes::<KeptObjective>(&row[..end]).unwrap(), kept);
        }
    }

    #[test]
    fn ones_own_tiers_fire_over_their_own_windows() {
        let tier = BurnTier {
            is_page: true,
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
    fn the_budget_lasts_as_the_burn_says() {
        let state = evaluate(&objective(0.99, &[(200_000, 98_000, 0), (60, 1_980, 20)]), None, at(0));
        let left = state.remaining.unwrap().get();
        assert!((left - 0.98).abs() < 1e-9);
        let days = state.exhausted_in.unwrap().as_secs_f64() / 86_400.0;
        assert!((days - 30.0 * 0.98).abs() < 1e-3, "{days}");
    }
}
