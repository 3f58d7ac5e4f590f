//! Objectives that are made of others. Comes in: the slots of their members. Goes out: the share of good of each time
//! slice that is over. Never counts an event itself.
//!
//! With weights, a time slice is as good as the weighted mean of its members' shares of good events; a member that was measured
//! and had no event does not count in it. Without weights, it is good if each of its members kept its target in it. A time
//! slice in which any member was not measured is not measured.

use mapwarden_contract::{Nanos, Ratio, UnixNanos};

use super::objective::ObjectiveState;
use super::slot::{Counts, Level};
use super::slots::Until;
use super::timeslices::{GRACE, JudgedTimeslice};
use mapwarden_objective::Member;

/// How far back members are still read, when the sidecar was not running or had no time: as far as their seconds reach.
const CATCH_UP: Nanos = Level::Second.reach();

/// What one member did in a time slice.
#[derive(Clone, Copy, Debug, PartialEq)]
enum MemberShare {
    /// Good events of all.
    Share(Ratio),
    /// It was measured, and nothing happened.
    Quiet,
    /// It was not measured.
    Unmeasured,
}

/// Returns the time slices of a composite objective that are over at `now` and were not judged before, and until when they
/// are judged now.
pub(super) fn judge<'a>(
    composite: &ObjectiveState,
    objective: impl Fn(&str) -> Option<&'a ObjectiveState>,
    now: UnixNanos,
) -> Option<(Vec<JudgedTimeslice>, UnixNanos)> {
    let members = &composite.terms().members;
    let rule = composite.timeslice_rule()?;
    let width = rule.length().get();
    let known: Vec<(&Member, &ObjectiveState)> =
        members.iter().filter_map(|member| Some((member, objective(&member.slo)?))).collect();
    // Members that are judged by time slices themselves are judged a grace later, and can be read only then.
    let ready = known.iter().map(|(_, member)| member.judged_until(now)).min().unwrap_or(now);
    let until = ready.before(GRACE).get() / width;
    let first = composite.composed_until().max(now.before(CATCH_UP)).get().div_ceil(width);
    let mut verdicts = Vec::new();
    for slot in first..until {
        let (start, end) = (UnixNanos::new(slot * width), UnixNanos::new((slot + 1) * width));
        let parts: Vec<(&Member, MemberShare, Ratio)> = known
            .iter()
            .map(|(member, objective)| {
                (*member, part(objective, start, end, now), objective.definition.target)
            })
            .collect();
        let good = if known.len() == members.len() { share(&parts) } else { None };
        if let Some(good) = good {
            let (good, bad) = rule.parts(good);
            verdicts.push(JudgedTimeslice { start, counts: Counts { good, bad, covered: end.since(start) } });
        }
    }
    Some((verdicts, UnixNanos::new(until.saturating_mul(width))))
}

fn part(member: &ObjectiveState, start: UnixNanos, end: UnixNanos, now: UnixNanos) -> MemberShare {
    let counts = member.slots().between(start, Until::Before(end), now);
    let is_measured = counts.covered.get() >= end.since(start).get() / 2;
    match Ratio::of(counts.good, counts.total()) {
        Some(good) => MemberShare::Share(good),
        None if is_measured => MemberShare::Quiet,
        None => MemberShare::Unmeasured,
    }
}

/// Returns the share of good of a time slice; none where it is not measured.
fn share(parts: &[(&Member, MemberShare, Ratio)]) -> Option<Ratio> {
    if parts.is_empty() || parts.iter().any(|(_, part, _)| *part == MemberShare::Unmeasured) {
        return None;
    }
    let (mut good, mut weights) = (0.0, 0.0);
    for (member, part, target) in parts {
        match (member.weight, part) {
            (Some(weight), MemberShare::Share(share)) => {
                good += weight * share.get();
                weights += weight;
            }
            (None, MemberShare::Share(share)) if share < target => return Some(Ratio::ZERO),
            (None, MemberShare::Share(_))
            | (Some(_) | None, MemberShare::Quiet | MemberShare::Unmeasured) => {}
        }
    }
    if weights > 0.0 { Ratio::new((good / weights).min(1.0)).ok() } else { Some(Ratio::ONE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_weighed_and_targets_must_all_hold() {
        let member = |weight| Member { slo: "a/b".to_owned(), weight };
        let ratio = |value| Ratio::new(value).unwrap();
        let (half, full) = (MemberShare::Share(ratio(0.5)), MemberShare::Share(Ratio::ONE));
        let weighed = [Some(3.0), Some(1.0)];
        let cases = [
            ("weighed", weighed, [half, full], Some(0.625)),
            ("quiet does not count", weighed, [MemberShare::Quiet, half], Some(0.5)),
            ("all quiet", weighed, [MemberShare::Quiet, MemberShare::Quiet], Some(1.0)),
            ("one is not measured", weighed, [half, MemberShare::Unmeasured], None),
            ("both hold", [None, None], [full, MemberShare::Share(ratio(0.9))], Some(1.0)),
            ("one does not", [None, None], [full, half], Some(0.0)),
            ("quiet holds", [None, None], [full, MemberShare::Quiet], Some(1.0)),
            ("not measured, though the other fails", [None, None], [MemberShare::Unmeasured, half], None),
        ];
        for (name, weights, parts, expected) in cases {
            let members = weights.map(member);
            let parts: Vec<_> =
                members.iter().zip(parts).map(|(member, part)| (member, part, ratio(0.9))).collect();
            assert_eq!(share(&parts).map(Ratio::get), expected, "{name}");
        }
    }
}
