//! The excluded time of a period, and its events. Comes in: the requested ranges. Goes out: the ranges that slots
//! resolve, and the sum of their events. Never excludes a moment that was not requested, and never excludes one twice.

use super::boundaries::{Boundaries, Side};
use super::time_range::TimeRange;
use crate::aggregate::objective::ObjectiveState;
use crate::aggregate::slot::Counts;

/// Returns the excluded ranges of a period, and the events in them. Each requested range, and each join of ranges
/// that touch, shrinks to where slots resolve it; the result covers each moment once. Ascending and disjoint; an end
/// after the period is its end. `raw` are the events of the period.
pub(super) fn excluded(
    asked: &[TimeRange],
    boundaries: &mut Boundaries,
    objective: &ObjectiveState,
    (period, raw): (TimeRange, Counts),
) -> (Vec<TimeRange>, Counts) {
    // The boundaries of each range are measured, also where another range covers them, because that one may be
    // withdrawn.
    let resolved =
        asked.iter().copied().chain(joined(asked).into_iter().filter(|whole| !asked.contains(whole)));
    let mut resolved: Vec<ResolvedRange> =
        resolved.filter_map(|range| resolve(range, boundaries, objective, (period, raw))).collect();
    resolved.sort_unstable_by_key(|resolved| resolved.range);
    let mut apart: Vec<ResolvedRange> = Vec::new();
    for resolved in resolved {
        match apart.last_mut().filter(|last| resolved.range.from <= last.range.to) {
            Some(last) if resolved.range.to > last.range.to => {
                (last.range.to, last.until) = (resolved.range.to, resolved.until);
            }
            Some(_) => {}
            None => apart.push(resolved),
        }
    }
    let mut sum = Counts::default();
    apart.iter().for_each(|part| sum.add(&part.until.less(&part.before)));
    (apart.into_iter().map(|part| part.range).collect(), sum)
}

/// A range that slots resolve, with the counts at its boundaries.
struct ResolvedRange {
    range: TimeRange,
    /// The counts at its start.
    before: Counts,
    /// The counts at its end.
    until: Counts,
}

/// Shrinks a range to where slots resolve it; none where nothing of it is left.
fn resolve(
    TimeRange { from, to }: TimeRange,
    boundaries: &mut Boundaries,
    objective: &ObjectiveState,
    (period, raw): (TimeRange, Counts),
) -> Option<ResolvedRange> {
    let now = period.to;
    let ends = if to <= now { Some(boundaries.resolve(to, Side::End, objective, now)) } else { None };
    let first = objective.counted().less(&raw);
    let (start, before) = if from <= period.from {
        (period.from, first)
    } else if from < now {
        let (at, before) = boundaries.resolve(from, Side::Start, objective, now)?;
        (at, later(before, first))
    } else {
        return None;
    };
    let (end, until) = match ends {
        Some(end) => end?,
        None => (now, objective.counted()),
    };
    (start < end).then_some(ResolvedRange { range: TimeRange { from: start, to: end }, before, until })
}

/// Joins ranges that touch or overlap; ascending.
fn joined(asked: &[TimeRange]) -> Vec<TimeRange> {
    let mut asked = asked.to_vec();
    asked.sort_unstable();
    let mut joined: Vec<TimeRange> = Vec::new();
    for range in asked {
        match joined.last_mut().filter(|last| range.from <= last.to) {
            Some(last) => last.to = last.to.max(range.to),
            None => joined.push(range),
        }
    }
    joined
}

/// Returns the later of two sums since the same start.
fn later(a: Counts, b: Counts) -> Counts {
    Counts { good: a.good.max(b.good), bad: a.bad.max(b.bad), covered: a.covered.max(b.covered) }
}
