//! The ledger. Comes in: counts, budgets, and proposals of corrections. Goes out: a [`LedgerState`] for each objective: its
//! budget after corrections, what spent it, how long it lasts, and whether it is under planned maintenance. Never changes a
//! raw number, and never reads a clock or does IO.

mod active;
mod attribution;
mod audit;
mod boundaries;
mod exclusion;
mod forecast;
mod state;
mod time_range;

use std::collections::BTreeMap;
use std::sync::Arc;

use mapwarden_contract::{BudgetFraction, Count, Nanos, Ratio, UnixNanos};

pub(crate) use self::attribution::of_fault;
pub use self::attribution::{AttributedPart, Attribution, Dimension, Division, Unattributed};
pub use self::audit::{AuditLine, Standing};
pub use self::boundaries::{Boundary, REACH};
pub use self::forecast::{Burn, CONFIDENCE, Forecast, Outlook, Scenario, student};
pub use self::state::{Corrected, LedgerState, Maintenance};
pub use self::time_range::TimeRange;

use self::active::ActiveCorrections;
use self::audit::Audit;
use self::boundaries::Boundaries;
use crate::aggregate::WindowView;
use crate::aggregate::objective::ObjectiveState;
use crate::aggregate::slot::Counts;
use crate::aggregate::slots::Until;
use crate::budget::{BudgetState, PeriodState};
use crate::correction::{AuditEntry, Proposal, ProposalError, WrittenEntry};

/// How often forecasts and attributions are computed again. Raised, they are older; lowered, a thousand objectives cost more:
/// each takes some ten microseconds.
const REFRESH: Nanos = Nanos::from_secs(5);

/// How long telemetry may be missing after planned maintenance before a notice opens.
const TELEMETRY_BACK: Nanos = Nanos::from_secs(300);

/// What changed in the ledger since it was last saved.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UnsavedCorrections {
    /// Entries of the audit log by their number.
    pub entries: Vec<(u64, AuditEntry)>,
    /// Boundaries of exclusions.
    pub boundaries: Vec<Boundary>,
}

/// All corrections and what follows from them. All functions are pure in their arguments and this state.
#[derive(Debug, Default)]
pub struct Ledger {
    audit: Audit,
    active: ActiveCorrections,
    log: Arc<[AuditLine]>,
    boundaries: BTreeMap<String, Boundaries>,
    /// The time of the last step.
    stepped_at: UnixNanos,
    analyses: BTreeMap<String, CachedAnalysis>,
}

/// Results that are not computed each second.
#[derive(Debug)]
struct CachedAnalysis {
    at: UnixNanos,
    onset: Option<UnixNanos>,
    corrections: Vec<String>,
    forecast: Arc<Forecast>,
    attribution: Arc<[Attribution]>,
}

impl Ledger {
    /// Restores the state from the store: all entries with their numbers, in any order, and boundaries.
    pub fn restore(entries: Vec<(u64, AuditEntry)>, boundaries: Vec<Boundary>, now: UnixNanos) -> Self {
        let mut ledger = Self { audit: Audit::restore(entries), ..Self::default() };
        for Boundary { slo, at, before } in boundaries {
            ledger.boundaries.entry(slo).or_default().restore(at, before);
        }
        ledger.recompute(now);
        ledger.audit.forget(|id| ledger.active.holds(id));
        ledger
    }

    /// Computes which corrections act, and the standing of each in the log.
    fn recompute(&mut self, now: UnixNanos) {
        self.active = ActiveCorrections::of(&self.audit, now);
        self.log = self.audit.newest_first(|id| self.active.holds(id)).into();
    }

    /// Decides about a proposal, and writes it into the audit log.
    ///
    /// # Errors
    /// The correction to withdraw does not exist or is already withdrawn, the key was used for another request, or there is no
    /// room.
    pub fn propose(
        &mut self,
        proposal: Proposal,
        view: &WindowView<'_>,
    ) -> Result<WrittenEntry, ProposalError> {
        if !self.active.has_room(&proposal.action) && !self.audit.knows(&proposal.key) {
            return Err(ProposalError::Full(active::MOST));
        }
        let (entry, is_repeated) = self.audit.write(proposal, view.now)?;
        if !is_repeated {
            self.recompute(view.now);
        }
        let about = self.audit.correction_of(&entry);
        let matching = view.objectives().map(|(id, _)| id);
        let matching = matching.filter(|id| about.is_some_and(|about| about.slo.matches(id)));
        Ok(WrittenEntry { objectives: matching.cloned().collect(), entry, is_repeated })
    }

    /// Returns the state of every objective. `onset` returns the onset of its open notice.
    pub fn step(
        &mut self,
        view: &WindowView<'_>,
        budgets: &BTreeMap<String, BudgetState>,
        onset: impl Fn(&str) -> Option<UnixNanos>,
    ) -> BTreeMap<String, LedgerState> {
        if self.active.is_due(view.now) {
            self.recompute(view.now);
        }
        if view.now < self.stepped_at {
            self.boundaries.values_mut().for_each(|boundaries| boundaries.settle(view.now));
        }
        self.stepped_at = view.now;
        let states = view.objectives().filter_map(|(id, objective)| {
            let period = budgets.get(id)?.period;
            Some((id.clone(), self.state((id, objective), &period, view, onset(id))))
        });
        let states: BTreeMap<_, _> = states.collect();
        self.boundaries.retain(|id, _| states.contains_key(id));
        self.analyses.retain(|id, _| states.contains_key(id));
        states
    }

    fn state(
        &mut self,
        (id, objective): (&String, &ObjectiveState),
        budget: &PeriodState,
        view: &WindowView<'_>,
        onset: Option<UnixNanos>,
    ) -> LedgerState {
        let period = TimeRange { from: budget.start, to: view.now };
        let raw = budget.counts();
        let corrected = self.corrected(id, objective, raw, period);
        let cached = self.analyses.get(id).filter(|cached| {
            let is_fresh = cached.at <= view.now && view.now.since(cached.at) < REFRESH;
            is_fresh && cached.onset == onset && cached.corrections == corrected.corrections
        });
        let known = cached.map(|cached| (cached.forecast.clone(), cached.attribution.clone()));
        let (forecast, attribution) = known.unwrap_or_else(|| {
            let until = Until::Through(view.now);
            let of_onset = |since| attribution::of_fault(view, objective, (since, until), raw);
            let of_period = attribution::of_period(view, objective, period, raw);
            let analysis = CachedAnalysis {
                at: view.now,
                onset,
                corrections: corrected.corrections.clone(),
                forecast: Arc::new(forecast::forecast(objective, corrected.remaining, budget, view.now)),
                attribution: std::iter::once(of_period).chain(onset.map(of_onset)).collect(),
            };
            let computed = (analysis.forecast.clone(), analysis.attribution.clone());
            self.analyses.insert(id.clone(), analysis);
            computed
        });
        let maintenance = self.active.maintenance(id, view.now);
        LedgerState { period, raw, corrected, forecast, attribution, maintenance }
    }

    fn corrected(
        &mut self,
        id: &str,
        objective: &ObjectiveState,
        raw: Counts,
        period: TimeRange,
    ) -> Corrected {
        let acting = self.active.acting(id, period);
        let mut corrected =
            Corrected { deducted: acting.deducted, refunded: acting.refunded, ..Corrected::default() };
        if !acting.exclusions.is_empty() {
            let boundaries = self.boundaries.entry(id.to_owned()).or_default();
            let period = (period, raw);
            (corrected.exclusions, corrected.excluded) =
                exclusion::excluded(&acting.exclusions, boundaries, objective, period);
        }
        corrected.corrections = acting.ids;
        let measured_bad = raw.bad - corrected.excluded.bad;
        corrected.good = raw.good - corrected.excluded.good;
        corrected.bad = (measured_bad + corrected.deducted) - corrected.refunded;
        corrected.remaining = remaining(corrected.good, corrected.bad, objective.definition.target);
        corrected
    }

    /// Returns the reported budgets by id: under planned maintenance neither a tier nor the sequential test
    /// fires. Neither fires for the length of the tier's short window after its end, which still holds planned time.
    pub fn judge(
        &self,
        budgets: &Arc<BTreeMap<String, BudgetState>>,
        now: UnixNanos,
    ) -> Arc<BTreeMap<String, BudgetState>> {
        if self.active.len() == 0 {
            return budgets.clone();
        }
        let judged = budgets.iter().map(|(id, budget)| (id.clone(), self.judge_one(id, budget, now)));
        Arc::new(judged.collect())
    }

    fn judge_one(&self, id: &str, budget: &BudgetState, now: UnixNanos) -> BudgetState {
        let mut judged = budget.clone();
        let is_planned = |tail: Nanos| self.active.is_planned(id, now.before(tail), now);
        for state in &mut judged.tiers {
            state.is_firing &= !is_planned(state.tier.short().length());
            state.is_inhibited &= state.is_firing;
        }
        judged.sequential = judged.sequential.filter(|state| !is_planned(state.tier.short().length()));
        judged.is_planned = is_planned(TELEMETRY_BACK);
        judged
    }

    /// Returns the audit log that is in memory, newest first, with the standing of each correction.
    pub fn log(&self) -> Arc<[AuditLine]> {
        self.log.clone()
    }

    /// Returns how many corrections act or are planned.
    pub fn active(&self) -> usize {
        self.active.len()
    }

    /// Returns what changed since the last call.
    pub fn unsaved(&mut self) -> UnsavedCorrections {
        let boundaries = self.boundaries.iter_mut().flat_map(|(slo, boundaries)| {
            let changed = boundaries.take_changed().into_iter();
            changed.map(|(at, before)| Boundary { slo: slo.clone(), at, before })
        });
        UnsavedCorrections { boundaries: boundaries.collect(), entries: self.audit.take_unsaved() }
    }

    /// Marks changes that the store could not save as unsaved again.
    pub fn redirty(&mut self, unsaved: &UnsavedCorrections) {
        let UnsavedCorrections { entries, boundaries } = unsaved;
        self.audit.put_back(entries);
        for Boundary { slo, at, .. } in boundaries {
            if let Some(boundaries) = self.boundaries.get_mut(slo) {
                boundaries.mark_changed(*at);
            }
        }
    }

    /// Removes boundaries that no period holds, and old entries from memory; the store keeps every entry.
    pub fn forget(&mut self, now: UnixNanos) {
        self.boundaries.values_mut().for_each(|boundaries| boundaries.forget(now));
        self.audit.forget(|id| self.active.holds(id));
    }
}

/// Returns `1 - bad / ((1 - target) x all)`; none where there is no event.
fn remaining(good: Count, bad: Count, target: Ratio) -> Option<BudgetFraction> {
    let ratio = Ratio::of(bad, good + bad)?;
    BudgetFraction::new(1.0 - ratio.get() / target.complement().get()).ok()
}

#[cfg(test)]
mod exclusion_tests;
#[cfg(test)]
mod tests;
