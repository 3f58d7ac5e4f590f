//! The evaluation of a budget and its tiers. Comes in: counts over windows, and the previous state. Goes out: the state at
//! `now`. Never counts silence as good or bad.

use mapwarden_contract::{BudgetFraction, BurnRate, Nanos, Ratio, UnixNanos};

use super::period_state::PeriodState;
use super::sequential_state::sequential_state;
use super::state::{BudgetState, TierState, WindowBurn};
use super::tier::Tier;
use crate::aggregate::Window;
use crate::aggregate::objective::ObjectiveState;
use crate::aggregate::slot::Level;
use mapwarden_objective::MIN_BAD;
use mapwarden_objective::wilson;

/// Evaluates one objective at `now`. A tier fires while the burn rate is above its factor in both windows, the
/// long one holds at least 5 bad events, and the lower 95 % bound of its burn rate is above 1. A tier
/// with an unmeasured short window holds its last state: silence is neither good nor bad.
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
    let before = previous.and_then(|state| state.sequential.as_ref());
    let sequential = sequential_state(objective, &tiers, &period, before, now);
    let mut is_inhibited = false;
    let states =
        tiers.into_iter().map(|tier| tier_state(tier, objective, &windows, previous)).map(|mut state| {
            state.is_inhibited = state.is_firing && is_inhibited;
            is_inhibited |= state.is_firing;
            state
        });
    let tiers = states.collect();
    let exhausted_in = exhausted_in(remaining, &windows, &period, now);
    BudgetState { windows, period, remaining, exhausted_in, tiers, sequential, is_planned: false }
}

/// Every reported window, shortest first: those that the tiers need, the usual ones up to the period, and the period's
/// length.
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

/// How long the budget lasts at the burn rate of the last hour; none where it is spent or not burning, or where its period
/// ends before.
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

/// Returns the time in which a burn rate spends a share of a period's budget, at most a hundred periods.
pub(crate) fn time_left(share: f64, burn_rate: f64, period: Nanos) -> Nanos {
    Nanos::from(period.to_duration().mul_f64((share / burn_rate).clamp(0.0, 100.0)))
}

#[cfg(test)]
#[path = "evaluate_tests.rs"]
mod tests;
