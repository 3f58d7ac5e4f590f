//! One fault: what every part of a notice is measured from. Comes in: the view, an objective, an interval. Goes out: events
//! before and since the onset. Never counts events after the fault ended.

use std::collections::BTreeMap;
use std::sync::Arc;

use mapwarden_contract::{Count, Nanos, Ratio, UnixNanos, UserSketch};

use crate::aggregate::WindowView;
use crate::aggregate::objective::{ObjectiveState, Place};
use crate::aggregate::slot::Counts;
use crate::aggregate::slots::Until;
use crate::budget::BudgetState;
use crate::notice::known::Known;
use crate::notice::onset::Onset;

/// How long before the onset the baseline reaches back.
const BASELINE: Nanos = Nanos::from_secs(3_600);

/// One fault: its objective, its interval, and its users.
pub(in crate::notice) struct ObservedFault<'a> {
    /// Everything known, and now.
    pub(in crate::notice) view: &'a WindowView<'a>,
    /// The objective.
    pub(in crate::notice) objective: &'a ObjectiveState,
    /// Its budget.
    pub(in crate::notice) budget: &'a BudgetState,
    /// When it began.
    pub(in crate::notice) onset: Onset,
    /// The end of what is counted: now, or where it ended.
    pub(in crate::notice) until: UnixNanos,
    /// The end of the previous fault: nothing before it is part of this fault or its baseline.
    pub(in crate::notice) floor: UnixNanos,
    /// From when users are counted.
    pub(in crate::notice) users_since: UnixNanos,
    /// Users since then.
    pub(in crate::notice) users: &'a ImpactSketches,
    /// Tenants since then.
    pub(in crate::notice) tenants: &'a ImpactSketches,
}

/// Users or tenants since the onset of a fault.
#[derive(Clone, Debug, Default)]
pub(in crate::notice) struct ImpactSketches {
    /// Those with a bad event.
    pub(in crate::notice) affected: UserSketch,
    /// Those with any event.
    pub(in crate::notice) active: UserSketch,
}

impl ImpactSketches {
    /// Whether no user was reported.
    pub(super) fn is_empty(&self) -> bool {
        self.affected.is_empty() && self.active.is_empty()
    }
}

impl ObservedFault<'_> {
    /// When the baseline begins.
    pub(super) fn baseline_from(&self) -> UnixNanos {
        self.onset.at.before(BASELINE).max(self.floor).max(self.objective.since)
    }

    /// Events before the onset.
    pub(super) fn before(&self) -> Counts {
        self.objective.slots().between(self.baseline_from(), Until::Before(self.onset.at), self.view.now)
    }

    /// Events since the onset.
    pub(super) fn since(&self) -> Counts {
        self.objective.slots().between(self.onset.at, self.end(), self.view.now)
    }

    /// The end of what is counted.
    pub(super) const fn end(&self) -> Until {
        Until::Through(self.until)
    }

    /// Bad events and all events since the onset, by version or region.
    pub(super) fn events_by(
        &self,
        dimension: impl Fn(&Place) -> Arc<str>,
    ) -> BTreeMap<Arc<str>, (Count, Count)> {
        let mut by: BTreeMap<Arc<str>, (Count, Count)> = BTreeMap::new();
        for (place, slots) in self.objective.places() {
            let counts = slots.between(self.onset.at, self.end(), self.view.now);
            let sum = by.entry(dimension(place)).or_default();
            sum.0 += counts.bad;
            sum.1 += counts.total();
        }
        by
    }

    /// Share of the time since the onset for which telemetry arrived.
    pub(in crate::notice) fn coverage(&self) -> Known<Ratio> {
        let span = self.until.since(self.onset.at);
        let covered = self.since().covered.get().min(span.get());
        match Ratio::of(Count::new(covered), Count::new(span.get())) {
            Some(ratio) if span > Nanos::from_secs(2) => Known::Value(ratio),
            Some(_) | None => Known::missing("the fault is younger than two seconds"),
        }
    }
}
