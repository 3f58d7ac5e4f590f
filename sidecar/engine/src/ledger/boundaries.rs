//! Boundaries of exclusions. Comes in: an objective's events, while fine slots still reach back. Goes out: the counts
//! at each boundary, for as long as a period may hold it. Never measures again with coarser slots, so that an exclusion
//! keeps its numbers when slots grow coarse.

use std::collections::{BTreeMap, BTreeSet};

use mapwarden_contract::{Nanos, UnixNanos};

use crate::aggregate::objective::ObjectiveState;
use crate::aggregate::slot::{Counts, Level};

/// How many boundaries of one objective are kept; further ones are measured with the slots that remain. Each takes 64
/// bytes.
const MOST: usize = 4_096;

/// The widths at which boundaries are resolved, the finest first.
const LEVELS: [Level; 4] = [Level::Minute, Level::Quarter, Level::TwoHours, Level::EightHours];

/// A boundary of one objective, as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boundary {
    /// The objective.
    pub slo: String,
    /// The boundary: a whole minute.
    pub at: UnixNanos,
    /// All events before it since the first measurement of the objective, without those forgotten when a clock was set
    /// back. The events between two boundaries are a difference.
    pub before: Counts,
}

/// Which end of an exclusion a boundary is: an exclusion never becomes longer than requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The start of an exclusion: later, where no slot begins there.
    Start,
    /// The end of an exclusion: earlier, where no slot ends there.
    End,
}

/// The boundaries of one objective.
#[derive(Debug, Default)]
pub(super) struct Boundaries {
    /// The counts before each.
    kept: BTreeMap<UnixNanos, Counts>,
    changed: BTreeSet<UnixNanos>,
    /// Boundaries up to this moment are not measured again: none, unless a clock was set back.
    settled: UnixNanos,
}

impl Boundaries {
    pub(super) fn restore(&mut self, at: UnixNanos, before: Counts) {
        self.kept.insert(at, before);
    }

    /// Returns the moment nearest to `asked`, on the side that shortens an exclusion, that slots resolve, and the
    /// counts at that moment: a whole minute while minutes reach back or where it was measured while they did; else a
    /// whole quarter of an hour, then two hours, then eight. A start before all of these is where they begin; an end
    /// before every slot is none. A measured boundary is kept. Time slices that began before a start are not part of
    /// it.
    pub(super) fn resolve(
        &mut self,
        asked: UnixNanos,
        side: Side,
        objective: &ObjectiveState,
        now: UnixNanos,
    ) -> Option<(UnixNanos, Counts)> {
        let asked = match (side, objective.timeslice()) {
            (Side::Start, Some(slice)) => rounded(asked, slice, side),
            (Side::Start | Side::End, _) => asked,
        };
        let mut resolve = |asked| {
            LEVELS.into_iter().find_map(|level| {
                let at = rounded(asked, level.width(), side);
                Some((at, self.measure(at, level, objective, now)?))
            })
        };
        resolve(asked).or_else(|| {
            let reach = LEVELS.into_iter().filter_map(|level| objective.slots().reach_of(level)).max()?;
            let known = now.before(reach) + Nanos::new(1);
            (side == Side::Start && asked < known).then(|| resolve(known)).flatten()
        })
    }

    fn measure(
        &mut self,
        at: UnixNanos,
        level: Level,
        objective: &ObjectiveState,
        now: UnixNanos,
    ) -> Option<Counts> {
        let kept = self.kept.get(&at).copied();
        let is_fine = level == Level::Minute && now.since(at) < level.reach();
        let is_there = is_fine || now.since(at) < objective.slots().reach_of(level)?;
        // A boundary measured with fine slots is not measured again with coarse ones. While minutes reach back, late
        // events still count, except those from before a clock was set back: fine slots no longer reach there.
        if !is_there || kept.is_some() && (!is_fine || at <= self.settled) {
            return kept;
        }
        // A boundary is a whole slot of its level; finer slots may have been removed when a clock was set back.
        let mut since = Counts::default();
        objective.slots().at_level(level, at).for_each(|(_, slice)| since.add(&slice));
        let before = objective.counted().less(&since);
        let has_room = kept.is_some() || self.kept.len() < MOST;
        if kept != Some(before) && has_room {
            self.kept.insert(at, before);
            self.changed.insert(at);
        }
        Some(before)
    }

    /// Keeps the boundaries up to `now` unchanged, because the clock was set back to `now`.
    pub(super) fn settle(&mut self, now: UnixNanos) {
        self.settled = now;
    }

    pub(super) fn take_changed(&mut self) -> Vec<(UnixNanos, Counts)> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().filter_map(|at| Some((at, *self.kept.get(&at)?))).collect()
    }

    pub(super) fn mark_changed(&mut self, at: UnixNanos) {
        self.changed.insert(at);
    }

    /// Removes boundaries that no period holds any longer.
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
