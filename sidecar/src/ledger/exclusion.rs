//! Which time is excluded, and what was measured in it. Comes in: stretches that were asked for. Goes out: stretches that
//! slices can tell apart, and their sum. Never excludes a moment that nobody asked to exclude, nor one twice.

use mapwarden::contract::{Nanos, UnixNanos};

use super::cuts::{Cut, Cuts, Side, less};
use crate::aggregate::objective::Objective;
use crate::aggregate::slices::Counts;

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

/// The stretches of a period that are excluded, and what was measured in them. Those asked for are joined where they
/// touch, and each is moved inwards to where slices can be told apart. Ascending, apart from each other; an end after
/// the period is its end. `raw` is what was counted in the period.
pub(super) fn excluded(
    asked: &[Stretch],
    cuts: &mut Cuts,
    objective: &Objective,
    (period, raw): (Stretch, Counts),
) -> (Vec<Stretch>, Counts) {
    let now = period.to;
    // Each one's own boundaries are measured in time, also where another one covers them: that may be withdrawn later.
    for stretch in asked {
        for (at, side) in [(stretch.from, Side::Start), (stretch.to, Side::End)] {
            if at <= now {
                cuts.place(at, side, objective, now);
            }
        }
    }
    let first = less(objective.totals, raw);
    let mut stretches = Vec::new();
    let mut sum = Counts::default();
    for Stretch { from, to } in joined(asked).into_iter().filter(|stretch| stretch.from < now) {
        let begins = if from <= period.from { None } else { cuts.place(from, Side::Start, objective, now) };
        let (start, before) =
            begins.map_or((period.from, first), |(at, Cut { before })| (at, later(before, first)));
        let ends = if to > now { None } else { cuts.place(to, Side::End, objective, now) };
        let (end, until) = match ends {
            Some((at, Cut { before })) => (at, before),
            None if to > now => (now, objective.totals),
            None => continue,
        };
        if start < end {
            stretches.push(Stretch { from: start, to: end });
            sum = plus(sum, less(until, before));
        }
    }
    (stretches, sum)
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

fn plus(a: Counts, b: Counts) -> Counts {
    let covered = Nanos::new(a.covered.get().saturating_add(b.covered.get()));
    Counts { good: a.good + b.good, bad: a.bad + b.bad, covered }
}
