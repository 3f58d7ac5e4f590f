//! Boundaries of exclusions. Comes in: an objective's events, while fine slices still reach back. Goes out: how much had been
//! counted at a boundary, for as long as a period may hold it. Never measures anew what could only be measured more
//! coarsely: that is why an exclusion keeps its numbers when slices grow coarse.

use std::collections::{BTreeMap, BTreeSet};

use mapwarden_contract::{Nanos, UnixNanos};

use crate::aggregate::objective::ObjectiveState;
use crate::aggregate::slot::{Counts, Level};

/// How many boundaries of one objective are kept; further ones are measured as coarsely as slices are by then. 64 bytes
/// each.
const MOST: usize = 4_096;

/// The widths at which boundaries are told apart, the finest first.
const LEVELS: [Level; 4] = [Level::Minute, Level::Quarter, Level::TwoHours, Level::EightHours];

/// What had been counted at a boundary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// Everything that was counted before, since the objective is measured, but for what a clock that was set back made
    /// forget: what lies between two boundaries is a
    /// difference.
    pub before: Counts,
}

/// A boundary of one objective, as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boundary {
    /// The objective.
    pub slo: String,
    /// The boundary: a whole minute.
    pub at: UnixNanos,
    /// What lay before it.
    pub cut: Cut,
}

/// Which side of a boundary counts: an exclusion is never made longer than it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// An exclusion begins: later, where it cannot be told apart.
    Start,
    /// An exclusion ends: earlier.
    End,
}

/// The boundaries of one objective.
#[derive(Debug, Default)]
pub(super) struct Cuts {
    kept: BTreeMap<UnixNanos, Cut>,
    changed: BTreeSet<UnixNanos>,
    /// Boundaries up to this one are not measured again: none, unless a clock was set back.
    settled: UnixNanos,
}

impl Cuts {
    pub(super) fn restore(&mut self, at: UnixNanos, cut: Cut) {
        self.kept.insert(at, cut);
    }

    /// The moment nearest to `asked`, on the side that shortens an exclusion, at which slices can be told apart, and what
    /// had been counted then: a whole minute while minutes reach back or where it was measured while they did; else a
    /// whole quarter of an hour, then two hours, then eight; a start of before all of these is where they begin. None of an
    /// end of before every slice. What is measured is kept. Slots of time that began before a start are not part of it.
    pub(super) fn place(
        &mut self,
        asked: UnixNanos,
        side: Side,
        objective: &ObjectiveState,
        now: UnixNanos,
    ) -> Option<(UnixNanos, Cut)> {
        let asked = match (side, objective.timeslice()) {
            (Side::Start, Some(slice)) => rounded(asked, slice, side),
            (Side::Start | Side::End, _) => asked,
        };
        let mut place = |asked| {
            LEVELS.into_iter().find_map(|level| {
                let at = rounded(asked, level.width(), side);
                Some((at, self.measure(at, level, objective, now)?))
            })
        };
        place(asked).or_else(|| {
            let reach = LEVELS.into_iter().filter_map(|level| objective.slots().reach_of(level)).max()?;
            let known = now.before(reach) + Nanos::new(1);
            (side == Side::Start && asked < known).then(|| place(known)).flatten()
        })
    }

    fn measure(
        &mut self,
        at: UnixNanos,
        level: Level,
        objective: &ObjectiveState,
        now: UnixNanos,
    ) -> Option<Cut> {
        let kept = self.kept.get(&at).copied();
        let is_fine = level == Level::Minute && now.since(at) < level.reach();
        let is_there = is_fine || now.since(at) < objective.slots().reach_of(level)?;
        // What was measured finely is not measured coarsely; while minutes reach back, late events are still let in, but for
        // those of before a clock that was set back: fine slices do not reach there any more.
        if !is_there || kept.is_some() && (!is_fine || at <= self.settled) {
            return kept;
        }
        // A boundary is a whole slot of its level; finer ones may have lost it to a clock that was set back.
        let mut since = Counts::default();
        objective.slots().at_level(level, at).for_each(|(_, slice)| since.add(&slice));
        let cut = Cut { before: objective.counted().less(&since) };
        let has_room = kept.is_some() || self.kept.len() < MOST;
        if kept != Some(cut) && has_room {
            self.kept.insert(at, cut);
            self.changed.insert(at);
        }
        Some(cut)
    }

    /// The clock was set back to `now`: what was measured of before stays as it is.
    pub(super) fn settle(&mut self, now: UnixNanos) {
        self.settled = now;
    }

    pub(super) fn take_changed(&mut self) -> Vec<(UnixNanos, Cut)> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().filter_map(|at| Some((at, *self.kept.get(&at)?))).collect()
    }

    pub(super) fn mark_changed(&mut self, at: UnixNanos) {
        self.changed.insert(at);
    }

    /// Forgets boundaries that no period holds any more.
    pub(super) fn forget(&mut self, now: UnixNanos) {
        let oldest = now.before(REACH);
        if self.kept.first_key_value().is_some_and(|(at, _)| *at < oldest) {
            self.kept = self.kept.split_off(&oldest);
        }
    }
}

/// How far back corrections act: a year and a day, as long as the longest period.
pub const REACH: Nanos = Nanos::from_secs(367 * 86_400);

fn rounded(at: UnixNanos, width: Nanos, side: Side) -> UnixNanos {
    let slots = match side {
        Side::Start => at.get().div_ceil(width.get()),
        Side::End => at.get() / width.get(),
    };
    UnixNanos::new(slots.saturating_mul(width.get()))
}
