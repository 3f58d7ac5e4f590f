//! Comes in: an objective. Goes out: what its slow tiers are tried on: days of recorded slices in which one tier alone begins
//! to fire and ends, each at one evaluation and not before. Never says what the answer is.

use super::Question;
use super::history::{History, Minute};
use super::judge::{Firing, Judge, whole};
use super::stories::{Story, begin, both, told};
use crate::subject::Subject;
use crate::tier::Tier;
use crate::window::{SLICE, Window};

/// How far evaluations are apart, in minutes: days are evaluated in a second or two. Raised, the end of a short window is not
/// told from that of another; lowered, promtool takes longer.
pub(super) const STEP: usize = 60;

/// How many bad events a minute spend the budget of that minute. Raised, objectives of many nines have more events than are
/// counted here; lowered, burns are rounded.
const BUDGET: f64 = 100.0;

/// How many times more traffic there was before, so that windows that reach further back see no burn.
const BUSY: u32 = 10;

/// The story of each tier whose windows are long enough to be told apart. Slices of time are counted at their ends, most of
/// which lie between evaluations, and so are the minutes of what is composed of others.
pub(super) fn all(subject: &Subject<'_>) -> Vec<Story> {
    if subject.timeslice().is_some() || !subject.parts.is_empty() {
        return Vec::new();
    }
    let slow = subject.tiers.iter().filter(|tier| minutes(tier.short) >= STEP);
    slow.filter_map(|tier| story(subject, tier)).collect()
}

/// It is in order for a long window, and busier before; then it burns a little less than the next faster tier asks for, until
/// this one has fired; then it is in order again, until it ends.
fn story(subject: &Subject<'_>, tier: &Tier) -> Option<Story> {
    let (traffic, bad) = traffic(subject, tier)?;
    let others = subject.tiers.iter().filter(|other| other.severity == tier.severity);
    let reach = others.map(|other| minutes(other.long)).max()?;
    let long = minutes(tier.long);
    let before = begin()
        .then(reach.saturating_sub(long), Minute::Events(BUSY.checked_mul(traffic)?, 0))
        .then(long, Minute::Events(traffic, 0));
    let burn = Minute::Events(traffic - bad, bad);
    let judged = unmeasured(before.clone().then(long, burn));
    let judge = Judge::every(STEP, subject, &judged);
    let fires = judge.first_that(tier.severity, 1, Firing::Yes)?;
    let is_alone = judge.burns_alone(tier, fires);
    // So that it was the long window that did not ask for it before.
    let was_late = judge.is_over(tier, tier.short, fires - STEP);
    // Between two evaluations, so that the end of one short window is told from that of another.
    let stops = fires + STEP / 2;
    let history = before.clone().then(stops - before.minutes.len(), burn);
    let history = unmeasured(history.then(minutes(tier.short) + 2 * STEP, Minute::Events(traffic, 0)));
    let judge = Judge::every(STEP, subject, &history);
    let ends = judge.first_that(tier.severity, fires, Firing::No)?;
    let is_short = judge.is_over(tier, tier.long, ends) && !judge.is_over(tier, tier.short, ends);
    let questions = [fires - STEP, fires, ends - STEP, ends].into_iter().flat_map(both);
    let questions =
        questions.chain([fires, ends].into_iter().flat_map(|minute| sums(tier, minute))).collect();
    let minutes = history.minutes.into_iter().take(ends).collect();
    let name = format!("the {} over {} and {} alone", tier.severity.name(), tier.long, tier.short);
    (is_alone && was_late && is_short)
        .then(|| told(&name, History { minutes, ..History::default() }, questions))
}

/// The rules that count slices would count those of the minutes in which they are evaluated, of which there are no raw series:
/// these are not measured.
fn unmeasured(mut history: History) -> History {
    for (number, minute) in (1_usize..).zip(&mut history.minutes) {
        if number.is_multiple_of(STEP) {
            *minute = Minute::Silent;
        }
    }
    history
}

/// All and bad events of a minute that burns a little less than the next faster tier asks for, or nearly all there is.
fn traffic(subject: &Subject<'_>, tier: &Tier) -> Option<(u32, u32)> {
    let faster = subject.tiers.iter().map(|other| other.factor).filter(|factor| *factor > tier.factor);
    let most = faster.fold(1.0 / subject.allowed, f64::min);
    let burn = tier.factor + 0.95 * (most - tier.factor);
    let traffic = u32::try_from(whole(BUDGET / subject.allowed).get()).ok()?;
    let bad = u32::try_from(whole(BUDGET * burn).get()).ok()?;
    (bad < traffic).then_some((traffic, bad))
}

fn sums(tier: &Tier, minute: usize) -> impl Iterator<Item = (usize, Question)> {
    let of = |window| [Question::Total(window), Question::Bad(window), Question::Ratio(window)];
    [tier.long, tier.short].into_iter().flat_map(of).map(move |question| (minute, question))
}

fn minutes(window: Window) -> usize {
    usize::try_from(window.seconds() / SLICE).unwrap_or(usize::MAX)
}
