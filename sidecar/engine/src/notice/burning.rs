//! Whether a fault continues. Comes in: the last seconds of events, and a tier. Goes out: yes, no, or undecided. Never
//! looks at events of the previous fault.

use mapwarden_contract::{Count, Nanos, UnixNanos};
use mapwarden_objective::wilson;

use crate::aggregate::objective::ObjectiveState;
use crate::aggregate::slot::{Counts, Level};
use crate::budget::{BudgetState, Tier};

/// The shortest interval that decides whether a fault continues.
const RECENT: Nanos = Nanos::from_secs(10);

/// Whether a fault continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Burning {
    Yes,
    /// Certainly not, by these events.
    No(Counts),
    Undecided,
}

/// Returns whether the burn rate of the last seconds is certainly above or below a tier's factor. The interval is doubled
/// until that is decided, up to the tier's short window, and never reaches back before `floor`.
pub(super) fn burning(tier: Tier, objective: &ObjectiveState, floor: UnixNanos, now: UnixNanos) -> Burning {
    let mut span = RECENT;
    while span <= tier.short().length() {
        let from = now.before(span).max(floor);
        let counts = objective.slots().since(from, now);
        let evidence = objective.as_evidence(counts);
        if let Some((lower, upper)) = wilson(evidence.bad, evidence.total()) {
            if lower.get() > limit(tier, objective) {
                return Burning::Yes;
            }
            if upper.get() < limit(tier, objective) {
                return Burning::No(counts);
            }
        }
        span = Nanos::new(span.get() * 2);
    }
    Burning::Undecided
}

/// The error ratio above which a tier burns.
fn limit(tier: Tier, objective: &ObjectiveState) -> f64 {
    tier.factor() * objective.definition.target.complement().get()
}

/// Whether events certainly burn a tier.
fn is_over(tier: Tier, objective: &ObjectiveState, counts: &Counts) -> bool {
    let evidence = objective.as_evidence(*counts);
    wilson(evidence.bad, evidence.total()).is_some_and(|(lower, _)| lower.get() > limit(tier, objective))
}

/// Returns the tiers that fire, loudest first.
pub(super) fn firing(budget: &BudgetState) -> impl Iterator<Item = Tier> {
    budget.tiers.iter().filter(|state| state.is_firing).map(|state| state.tier)
}

/// Returns the tier of the same severity that fires and that the events against `tier` certainly burn: the fault has become
/// smaller, but is not over.
pub(super) fn quieter(
    tier: Tier,
    objective: &ObjectiveState,
    budget: &BudgetState,
    counts: &Counts,
) -> Option<Tier> {
    firing(budget)
        .filter(|other| other.severity() == tier.severity())
        .find(|other| is_over(*other, objective, counts))
}

/// Returns the end of the last recent second that certainly burned; where seconds hold too few events to be certain, of the
/// last one with a bad event; now, where there is none.
pub(super) fn last_bad(tier: Tier, objective: &ObjectiveState, now: UnixNanos) -> UnixNanos {
    let slots = || objective.slots().at_level(Level::Second, now.before(RECENT));
    let sure = slots().filter(|(_, counts)| is_over(tier, objective, counts)).last();
    let last = sure.or_else(|| slots().filter(|(_, counts)| counts.bad > Count::ZERO).last());
    last.map_or(now, |(start, _)| (start + Level::Second.width()).min(now))
}

/// Whether the objective has been met, and measured, for at least `recovery` since the fault last burned.
pub(super) fn is_recovered(
    objective: &ObjectiveState,
    burning_at: UnixNanos,
    recovery: Nanos,
    now: UnixNanos,
) -> bool {
    let quiet = now.since(burning_at);
    let covered = objective.slots().since(burning_at, now).covered;
    quiet >= recovery && covered.get() >= quiet.get() / 2
}

/// Returns the objective's own tier of that name; where it has none, after a restart or under other terms, the quietest of
/// the same severity.
pub(super) fn current_tier(tier: Tier, budget: &BudgetState) -> Tier {
    let own = || budget.tiers.iter().map(|state| state.tier);
    let named = own().find(|own| own.name() == tier.name());
    named.or_else(|| own().rfind(|own| own.severity() == tier.severity())).unwrap_or(tier)
}
