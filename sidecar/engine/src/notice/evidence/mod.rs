//! What is known about a fault: one file for each part of a notice. Every part comes from the view alone, and
//! says why where it cannot be had.

mod changes;
mod dependencies;
mod examples;
mod impact;
mod keys;
mod maps;
mod slis;
mod spenders;

use mapwarden_contract::{Count, Nanos, Ratio, UnixNanos, UserSketch};

pub(super) use self::changes::recent_changes;
pub(super) use self::dependencies::dependencies;
pub use self::dependencies::health;
pub(super) use self::examples::examples;
pub(super) use self::impact::{impact, region_traffic};
pub(super) use self::maps::map;
pub(super) use self::slis::slis;
pub(super) use self::spenders::spent_by;
pub use self::spenders::{SpentBy, SpentShare};
use super::onset::Onset;
use super::{Budget, Known};
use crate::aggregate::WindowView;
use crate::aggregate::objective::ObjectiveState;
use crate::aggregate::slot::Counts;
use crate::aggregate::slots::Until;
use crate::budget::{BudgetState, time_left};

/// How long before the onset the baseline reaches back.
const BASELINE: Nanos = Nanos::from_secs(3_600);

/// One fault: which objective, since when, until when, and who.
pub(super) struct Fault<'a> {
    /// Everything known, and now.
    pub(super) view: &'a WindowView<'a>,
    /// The objective.
    pub(super) objective: &'a ObjectiveState,
    /// Its budget.
    pub(super) budget: &'a BudgetState,
    /// When it began.
    pub(super) onset: Onset,
    /// The end of what is counted: now, or where it ended.
    pub(super) until: UnixNanos,
    /// Not before this is anything part of this fault or its baseline: the end of the fault before.
    pub(super) floor: UnixNanos,
    /// From when users are counted.
    pub(super) users_since: UnixNanos,
    /// Users since then.
    pub(super) users: &'a Crowd,
    /// Tenants since then.
    pub(super) tenants: &'a Crowd,
}

/// Users or tenants since the onset of a fault.
#[derive(Clone, Debug, Default)]
pub(super) struct Crowd {
    /// Those who met a bad event.
    pub(super) affected: UserSketch,
    /// Those who were there.
    pub(super) active: UserSketch,
}

impl Crowd {
    /// Whether nobody was told.
    fn is_empty(&self) -> bool {
        self.affected.is_empty() && self.active.is_empty()
    }
}

impl Fault<'_> {
    /// When the baseline begins.
    fn baseline_from(&self) -> UnixNanos {
        self.onset.at.before(BASELINE).max(self.floor).max(self.objective.since)
    }

    /// Events before the onset.
    fn before(&self) -> Counts {
        self.objective.slots().between(self.baseline_from(), Until::Before(self.onset.at), self.view.now)
    }

    /// Events since the onset.
    pub(super) fn since(&self) -> Counts {
        self.objective.slots().between(self.onset.at, self.end(), self.view.now)
    }

    /// The end of what is counted.
    const fn end(&self) -> Until {
        Until::Through(self.until)
    }

    /// What the fault costs.
    pub(super) fn cost(&self) -> Budget {
        let target = self.objective.definition.target;
        let allowed = target.complement().get();
        let since = self.since();
        let period = &self.budget.period;
        let spent = Ratio::of(since.bad, period.total()).map(|share| share.get() / allowed);
        let remaining = self.budget.remaining;
        let rate = since.error_ratio().map(|ratio| ratio.get() / allowed);
        let exhausted_in = match (remaining.map(mapwarden_contract::BudgetFraction::get), rate) {
            (Some(left), _) if left <= 0.0 => Known::missing("the budget is spent"),
            (Some(left), Some(rate)) if rate > 0.0 => Known::Value(time_left(left, rate, period.length)),
            (Some(_), _) => Known::missing("nothing is being spent"),
            (None, _) => Known::missing("nothing was measured in the period"),
        };
        Budget {
            target,
            remaining: remaining
                .map_or_else(|| Known::missing("nothing was measured in the period"), Known::Value),
            spent_by_this: spent
                .map_or_else(|| Known::missing("nothing was measured in the period"), Known::Value),
            exhausted_in,
            known_for: self.view.now.since(self.objective.since),
        }
    }

    /// Share of the time since the onset for which telemetry arrived.
    pub(super) fn coverage(&self) -> Known<Ratio> {
        let span = self.until.since(self.onset.at);
        let covered = self.since().covered.get().min(span.get());
        match Ratio::of(Count::new(covered), Count::new(span.get())) {
            Some(ratio) if span > Nanos::from_secs(2) => Known::Value(ratio),
            Some(_) | None => Known::missing("the fault is younger than two seconds"),
        }
    }
}
