//! Comes in: an objective. Goes out: stories for its slow tiers: days of recorded slots in which only one tier begins
//! to fire and ends, each at one evaluation and not before. Never computes an expected value.

use super::history::{History, Minute};
use super::oracle::{Firing, Oracle, whole};
use super::question::Question;
use super::stories::{Story, begin, both};
use crate::resolved::ResolvedSlo;
use crate::tier::RuleTier;
use crate::window::{RuleWindow, SLOT};

/// The minutes between evaluations: days are evaluated in a second or two. Raised, the ends of two short windows
/// coincide; lowered, promtool takes longer.
pub(super) const STEP: usize = 60;

/// The bad events per minute that spend the budget of that minute. Raised, objectives of many nines need more events
/// than a `u32` holds; lowered, burn rates are rounded.
const BUDGET: f64 = 100.0;

/// The factor of the traffic before the story, so that longer windows see no burn.
const BUSY: u32 = 10;

/// Returns a story for each tier with windows that are long enough to be distinguished. Time slices are counted at
/// their ends, most of which are between evaluations, and so are the minutes of composites.
pub(super) fn all(objective: &ResolvedSlo<'_>) -> Vec<Story> {
    if objective.time_slice().is_some() || !objective.members.is_empty() {
        return Vec::new();
    }
    let slow = objective.tiers.iter().filter(|tier| minutes(tier.short) >= STEP);
    slow.filter_map(|tier| story(objective, tier)).collect()
}

/// Returns the story of a tier: no bad event for a long window, with more traffic before; then a burn slightly below
/// the next faster tier, until this tier fires; then no bad event, until the alert ends.
fn story(objective: &ResolvedSlo<'_>, tier: &RuleTier) -> Option<Story> {
    let (traffic, bad) = traffic(objective, tier)?;
    let others = objective.tiers.iter().filter(|other| other.severity == tier.severity);
    let reach = others.map(|other| minutes(other.long)).max()?;
    let long = minutes(tier.long);
    let before = begin()
        .then(reach.saturating_sub(long), Minute::Events(BUSY.checked_mul(traffic)?, 0))
        .then(long, Minute::Events(traffic, 0));
    let burn = Minute::Events(traffic - bad, bad);
    let judged = unmeasured(before.clone().then(long, burn));
    let oracle = Oracle::every(STEP, objective, &judged);
    let fires = oracle.first_that(tier.severity, 1, Firing::Yes)?;
    let is_alone = oracle.burns_alone(tier, fires);
    // The long window must be the one that did not fire before.
    let was_late = oracle.is_over(tier, tier.short, fires - STEP);
    // Between two evaluations, so that the ends of two short windows differ.
    let stops = fires + STEP / 2;
    let history = before.clone().then(stops - before.minutes.len(), burn);
    let history = unmeasured(history.then(minutes(tier.short) + 2 * STEP, Minute::Events(traffic, 0)));
    let oracle = Oracle::every(STEP, objective, &history);
    let ends = oracle.first_that(tier.severity, fires, Firing::No)?;
    let is_short = oracle.is_over(tier, tier.long, ends) && !oracle.is_over(tier, tier.short, ends);
    let questions = [fires - STEP, fires, ends - STEP, ends].into_iter().flat_map(both);
    let questions =
        questions.chain([fires, ends].into_iter().flat_map(|minute| sums(tier, minute))).collect();
    let minutes = history.minutes.into_iter().take(ends).collect();
    let name = format!("the {} over {} and {} alone", tier.severity.name(), tier.long, tier.short);
    (is_alone && was_late && is_short)
        .then(|| Story::new(&name, History { minutes, ..History::default() }, questions))
}

/// Leaves the minutes of evaluations unmeasured: the rules of slots would record them, and there are no raw series.
fn unmeasured(mut history: History) -> History {
    for (number, minute) in (1_usize..).zip(&mut history.minutes) {
        if number.is_multiple_of(STEP) {
            *minute = Minute::Silent;
        }
    }
    history
}

/// Returns all and bad events of a minute with a burn slightly below the next faster tier, or with nearly all events
/// bad.
fn traffic(objective: &ResolvedSlo<'_>, tier: &RuleTier) -> Option<(u32, u32)> {
    let faster = objective.tiers.iter().map(|other| other.factor).filter(|factor| *factor > tier.factor);
    let most = faster.fold(1.0 / objective.allowed, f64::min);
    let burn = tier.factor + 0.95 * (most - tier.factor);
    let traffic = u32::try_from(whole(BUDGET / objective.allowed).get()).ok()?;
    let bad = u32::try_from(whole(BUDGET * burn).get()).ok()?;
    (bad < traffic).then_some((traffic, bad))
}

fn sums(tier: &RuleTier, minute: usize) -> impl Iterator<Item = (usize, Question)> {
    let of = |window| [Question::Total(window), Question::Bad(window), Question::Ratio(window)];
    [tier.long, tier.short].into_iter().flat_map(of).map(move |question| (minute, question))
}

fn minutes(window: RuleWindow) -> usize {
    usize::try_from(window.seconds() / SLOT).unwrap_or(usize::MAX)
}
