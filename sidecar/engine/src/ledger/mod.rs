//! What comes in: counts, budgets, and what somebody asks to correct. What goes out: [`LedgerState`] for each objective:
//! its budget after corrections, who spent it, for how long it lasts, and whether it is under planned maintenance. Never
//! changes a raw number, and never reads a clock or does IO.

mod attribution;
mod audit;
mod booked;
mod cuts;
mod exclusion;
mod forecast;

use std::collections::BTreeMap;
use std::sync::Arc;

use mapwarden_contract::{BudgetFraction, Count, Nanos, Ratio, UnixNanos};

pub(crate) use self::attribution::of_fault;
pub use self::attribution::{Attribution, Dimension, Part, Rest, Share};
pub use self::audit::{Line, Standing};
pub use self::cuts::REACH;
pub use self::cuts::{Boundary, Cut};
pub use self::exclusion::Stretch;
pub use self::forecast::student;
pub use self::forecast::{Burn, CONFIDENCE, Forecast, Outlook, Scenario};

use self::audit::Audit;
use self::booked::Booked;
use self::cuts::Cuts;
use crate::aggregate::WindowView;
use crate::aggregate::objective::ObjectiveState;
use crate::aggregate::slot::Counts;
use crate::aggregate::slots::Until;
use crate::budget::{BudgetState, PeriodState};
use crate::correction::{AuditEntry, Proposal, ProposalError, WrittenEntry};

/// How often forecasts and attributions are made anew. Raised, they are older; lowered, a thousand objectives cost more:
/// each takes some ten microseconds.
const REFRESH: Nanos = Nanos::from_secs(5);

/// For how long after planned maintenance telemetry may stay away before somebody is told.
const TELEMETRY_BACK: Nanos = Nanos::from_secs(300);

/// The budget of one objective after corrections, and what can be said about it.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerState {
    /// The period that the budget is of, up to now.
    pub period: Stretch,
    /// What was counted, as the budget has it.
    pub raw: Counts,
    /// What is left of it after corrections.
    pub corrected: Corrected,
    /// For how long the corrected budget lasts.
    pub forecast: Arc<Forecast>,
    /// Who spent it: over the period, and since the onset of the open notice.
    pub attribution: Arc<[Attribution]>,
    /// The maintenance that was planned for now.
    pub maintenance: Option<Maintenance>,
}

/// A budget after corrections.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Corrected {
    /// Events that count as good.
    pub good: Count,
    /// Events that count as bad: never below zero, however much is refunded.
    pub bad: Count,
    /// What is left of the period's budget; none where nothing counts.
    pub remaining: Option<BudgetFraction>,
    /// What was measured within exclusions and counts no more.
    pub excluded: Counts,
    /// Bad events that were added.
    pub deducted: Count,
    /// Bad events that were taken away.
    pub refunded: Count,
    /// The time that is excluded of the period, as its slices can tell it apart: within what was asked for.
    pub exclusions: Vec<Stretch>,
    /// The corrections that act in the period, oldest first, by id.
    pub corrections: Vec<String>,
}

/// Planned maintenance that goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maintenance {
    /// The correction that planned it.
    pub correction: String,
    /// When it ends.
    pub until: UnixNanos,
}

/// What the ledger has that the store has not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unsaved {
    /// Entries of the audit log by their number.
    pub entries: Vec<(u64, AuditEntry)>,
    /// Boundaries of exclusions.
    pub cuts: Vec<Boundary>,
}

/// All corrections and what follows of them. Stage state: pure but for what it keeps.
#[derive(Debug, Default)]
pub struct Ledger {
    audit: Audit,
    booked: Booked,
    log: Arc<[Line]>,
    cuts: BTreeMap<String, Cuts>,
    /// The latest time that was looked at.
    looked_at: UnixNanos,
    slow: BTreeMap<String, Slow>,
}

/// What is not made anew each time.
#[derive(Debug)]
struct Slow {
    at: UnixNanos,
    onset: Option<UnixNanos>,
    corrections: Vec<String>,
    forecast: Arc<Forecast>,
    attribution: Arc<[Attribution]>,
}

impl Ledger {
    /// Puts back what the store kept: all entries with their numbers, in any order, and boundaries.
    pub fn restore(entries: Vec<(u64, AuditEntry)>, cuts: Vec<Boundary>, now: UnixNanos) -> Self {
        let mut ledger = Self { audit: Audit::restore(entries), ..Self::default() };
        for Boundary { slo, at, cut } in cuts {
            ledger.cuts.entry(slo).or_default().restore(at, cut);
        }
        ledger.work_out(now);
        ledger.audit.forget(&ledger.booked);
        ledger
    }

    /// Works out anew what stands of the log.
    fn work_out(&mut self, now: UnixNanos) {
        self.booked = Booked::of(&self.audit, now);
        self.log = self.audit.newest_first(&self.booked).into();
    }

    /// Decides about what somebody asks, and writes it into the audit log.
    ///
    /// # Errors
    /// What is withdrawn is not there or withdrawn already, the key was used for something else, or there is no room.
    pub fn propose(
        &mut self,
        proposal: Proposal,
        view: &WindowView<'_>,
    ) -> Result<WrittenEntry, ProposalError> {
        if !self.booked.has_room(&proposal.action) && !self.audit.knows(&proposal.key) {
            return Err(ProposalError::Full(booked::MOST));
        }
        let (entry, is_repeated) = self.audit.write(proposal, view.now)?;
        if !is_repeated {
            self.work_out(view.now);
        }
        let about = self.audit.correction_of(&entry);
        let matching = view.objectives().map(|(id, _)| id);
        let matching = matching.filter(|id| about.is_some_and(|about| about.slo.matches(id)));
        Ok(WrittenEntry { objectives: matching.cloned().collect(), entry, is_repeated })
    }

    /// The state of every objective. `onset` tells since when a notice is open for it.
    pub fn step(
        &mut self,
        view: &WindowView<'_>,
        budgets: &BTreeMap<String, BudgetState>,
        onset: impl Fn(&str) -> Option<UnixNanos>,
    ) -> BTreeMap<String, LedgerState> {
        if self.booked.is_due(view.now) {
            self.work_out(view.now);
        }
        if view.now < self.looked_at {
            self.cuts.values_mut().for_each(|cuts| cuts.settle(view.now));
        }
        self.looked_at = view.now;
        let states = view.objectives().filter_map(|(id, objective)| {
            let period = budgets.get(id)?.period;
            Some((id.clone(), self.state((id, objective), &period, view, onset(id))))
        });
        let states: BTreeMap<_, _> = states.collect();
        self.cuts.retain(|id, _| states.contains_key(id));
        self.slow.retain(|id, _| states.contains_key(id));
        states
    }

    fn state(
        &mut self,
        (id, objective): (&String, &ObjectiveState),
        budget: &PeriodState,
        view: &WindowView<'_>,
        onset: Option<UnixNanos>,
    ) -> LedgerState {
        let period = Stretch { from: budget.start, to: view.now };
        let raw = budget.counts();
        let corrected = self.corrected(id, objective, raw, period);
        let kept = self.slow.get(id).filter(|slow| {
            let is_fresh = slow.at <= view.now && view.now.since(slow.at) < REFRESH;
            is_fresh && slow.onset == onset && slow.corrections == corrected.corrections
        });
        let known = kept.map(|slow| (slow.forecast.clone(), slow.attribution.clone()));
        let (forecast, attribution) = known.unwrap_or_else(|| {
            let until = Until::Through(view.now);
            let of_onset = |since| attribution::of_fault(view, objective, (since, until), raw);
            let of_period = attribution::of_period(view, objective, period, raw);
            let slow = Slow {
                at: view.now,
                onset,
                corrections: corrected.corrections.clone(),
                forecast: Arc::new(forecast::forecast(objective, corrected.remaining, budget, view.now)),
                attribution: std::iter::once(of_period).chain(onset.map(of_onset)).collect(),
            };
            let made = (slow.forecast.clone(), slow.attribution.clone());
            self.slow.insert(id.clone(), slow);
            made
        });
        let maintenance = self.booked.maintenance(id, view.now);
        LedgerState { period, raw, corrected, forecast, attribution, maintenance }
    }

    fn corrected(&mut self, id: &str, objective: &ObjectiveState, raw: Counts, period: Stretch) -> Corrected {
        let acting = self.booked.acting(id, period);
        let mut corrected =
            Corrected { deducted: acting.deducted, refunded: acting.refunded, ..Corrected::default() };
        if !acting.exclusions.is_empty() {
            let cuts = self.cuts.entry(id.to_owned()).or_default();
            let period = (period, raw);
            (corrected.exclusions, corrected.excluded) =
                exclusion::excluded(&acting.exclusions, cuts, objective, period);
        }
        corrected.corrections = acting.ids;
        let measured_bad = raw.bad - corrected.excluded.bad;
        corrected.good = raw.good - corrected.excluded.good;
        corrected.bad = (measured_bad + corrected.deducted) - corrected.refunded;
        corrected.remaining = remaining(corrected.good, corrected.bad, objective.definition.target);
        corrected
    }

    /// The budgets as they are told, by id: under planned maintenance no tier fires and the sequential test says nothing, and
    /// for the length of its short window after the end neither, because that window still holds what was planned.
    pub fn judge(
        &self,
        budgets: &Arc<BTreeMap<String, BudgetState>>,
        now: UnixNanos,
    ) -> Arc<BTreeMap<String, BudgetState>> {
        if self.booked.len() == 0 {
            return budgets.clone();
        }
        let judged = budgets.iter().map(|(id, budget)| (id.clone(), self.judge_one(id, budget, now)));
        Arc::new(judged.collect())
    }

    fn judge_one(&self, id: &str, budget: &BudgetState, now: UnixNanos) -> BudgetState {
        let mut judged = budget.clone();
        let is_planned = |tail: Nanos| self.booked.is_planned(id, now.before(tail), now);
        for state in &mut judged.tiers {
            state.is_firing &= !is_planned(state.tier.short().length());
            state.is_inhibited &= state.is_firing;
        }
        judged.rise = judged.rise.filter(|rise| !is_planned(rise.tier.short().length()));
        judged.is_planned = is_planned(TELEMETRY_BACK);
        judged
    }

    /// The audit log that is in memory, newest first, with where each correction stands.
    pub fn log(&self) -> Arc<[Line]> {
        self.log.clone()
    }

    /// How many corrections act or are planned.
    pub fn active(&self) -> usize {
        self.booked.len()
    }

    /// What changed since the last call.
    pub fn unsaved(&mut self) -> Unsaved {
        let cuts = self.cuts.iter_mut().flat_map(|(slo, cuts)| {
            let changed = cuts.take_changed().into_iter();
            changed.map(|(at, cut)| Boundary { slo: slo.clone(), at, cut })
        });
        Unsaved { cuts: cuts.collect(), entries: self.audit.take_unsaved() }
    }

    /// Takes back what the store did not take.
    pub fn redirty(&mut self, unsaved: &Unsaved) {
        let Unsaved { entries, cuts } = unsaved;
        self.audit.put_back(entries);
        for Boundary { slo, at, .. } in cuts {
            if let Some(cuts) = self.cuts.get_mut(slo) {
                cuts.mark_changed(*at);
            }
        }
    }

    /// Forgets boundaries of before any period, and lets old entries go from memory; the store keeps every entry.
    pub fn forget(&mut self, now: UnixNanos) {
        self.cuts.values_mut().for_each(|cuts| cuts.forget(now));
        self.audit.forget(&self.booked);
    }
}

/// `1 - bad / ((1 - target) x all)`; none where there is no event.
fn remaining(good: Count, bad: Count, target: Ratio) -> Option<BudgetFraction> {
    let ratio = Ratio::of(bad, good + bad)?;
    BudgetFraction::new(1.0 - ratio.get() / target.complement().get()).ok()
}

#[cfg(test)]
mod exclusion_tests;
#[cfg(test)]
mod tests;
