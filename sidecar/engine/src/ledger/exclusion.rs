//! Which time is excluded, and what was measured in it. Comes in: stretches that were asked for. Goes out: stretches that
//! slices can tell apart, and their sum. Never excludes a moment that nobody asked to exclude, nor one twice.

use mapwarden_contract::UnixNanos;

use super::cuts::{Cut, Cuts, Side};
use crate::aggregate::objective::ObjectiveState;
use crate::aggregate::slot::Counts;

/// A stretch of time: from a moment on, up to another one that is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stretch {
    /// The first moment.
    pub from: UnixNanos,
    /// The moment after the last one.
    pub to: UnixNanos,
}

impl Stretch {
    pub(super) fn touches(self, other: Self) -> bool {
        self.from < other.to && other.from < self.to
    }

    /// Whether it holds a moment, its end included: a period ends now.
    pub(super) fn holds(self, at: UnixNanos) -> bool {
        self.from <= at && at <= self.to
    }
}

/// The stretches of a period that are excluded, and what was measured in them. Each of those asked for, and what they are
/// joined where they touch, is moved inwards to where slices can be told apart; what comes out is all of that, once.
/// Ascending, apart from each other; an end after the period is its end. `raw` is what was counted in the period.
pub(super) fn excluded(
    asked: &[Stretch],
    cuts: &mut Cuts,
    objective: &ObjectiveState,
    (period, raw): (Stretch, Counts),
) -> (Vec<Stretch>, Counts) {
    // Each one's own boundaries are measured in time, also where another one covers them: that may be withdrawn later.
    let placed =
        asked.iter().copied().chain(joined(asked).into_iter().filter(|whole| !asked.contains(whole)));
    let mut placed: Vec<Placed> =
        placed.filter_map(|stretch| place(stretch, cuts, objective, (period, raw))).collect();
    placed.sort_unstable_by_key(|placed| placed.stretch);
    let mut apart: Vec<Placed> = Vec::new();
    for placed in placed {
        match apart.last_mut().filter(|last| placed.stretch.from <= last.stretch.to) {
            Some(last) if placed.stretch.to > last.stretch.to => {
                (last.stretch.to, last.until) = (placed.stretch.to, placed.until);
            }
            Some(_) => {}
            None => apart.push(placed),
        }
    }
    let mut sum = Counts::default();
    apart.iter().for_each(|part| sum.add(&part.until.less(&part.before)));
    (apart.into_iter().map(|part| part.stretch).collect(), sum)
}

/// A stretch where slices can be told apart.
struct Placed {
    stretch: Stretch,
    /// What had been counted where it begins.
    before: Counts,
    /// What had been counted where it ends.
    until: Counts,
}

/// Moves a stretch inwards to where slices can be told apart; none where nothing of it is left.
fn place(
    Stretch { from, to }: Stretch,
    cuts: &mut Cuts,
    objective: &ObjectiveState,
    (period, raw): (Stretch, Counts),
) -> Option<Placed> {
    let now = period.to;
    let ends = if to <= now { Some(cuts.place(to, Side::End, objective, now)) } else { None };
    let first = objective.counted().less(&raw);
    let (start, before) = if from <= period.from {
        (period.from, first)
    } else if from < now {
        let (at, Cut { before }) = cuts.place(from, Side::Start, objective, now)?;
        (at, later(before, first))
    } else {
        return None;
    };
    let (end, until) = match ends {
        Some(end) => end.map(|(at, Cut { before })| (at, before))?,
        None => (now, objective.counted()),
    };
    (start < end).then_some(Placed { stretch: Stretch { from: start, to: end }, before, until })
}

/// Stretches joined where they touch or overlap, ascending.
fn joined(asked: &[Stretch]) -> Vec<Stretch> {
    let mut asked = asked.to_vec();
    asked.sort_unstable();
    let mut joined: Vec<Stretch> = Vec::new();
    for stretch in asked {
        match joined.last_mut().filter(|last| stretch.from <= last.to) {
            Some(last) => last.to = last.to.max(stretch.to),
            None => joined.push(stretch),
        }
    }
    joined
}

/// The later of two sums since the same start.
fn later(a: Counts, b: Counts) -> Counts {
    Counts { good: a.good.max(b.good), bad: a.bad.max(b.bad), covered: a.covered.max(b.covered) }
}
