//! The compared paging policies, each a function of the same budget.

use mapwarden_engine::budget::{BudgetState, TierState, Window};
use mapwarden_objective::Severity;

/// A policy.
#[derive(Debug)]
pub(crate) struct Policy {
    /// Its name in the tables and the plot.
    pub(crate) name: &'static str,
    /// Whether the policy pages at this moment, where the sequential test has this multiple of its first cost.
    pub(crate) pages: fn(&BudgetState, f64) -> bool,
}

/// Every policy, in the order of the columns.
pub(crate) const POLICIES: [Policy; 3] = [
    Policy { name: "plain tiers", pages: plain },
    Policy { name: "Mapwarden", pages: default },
    Policy { name: "its tiers alone", pages: with_evidence },
];

/// The page tiers of the SRE workbook, chapter 5: both burn rates above the factor, and nothing else.
fn plain(state: &BudgetState, _: f64) -> bool {
    let burn = |window: Window| {
        let found = state.windows.iter().find(|burn| burn.window == window);
        found.and_then(|burn| burn.burn_rate).map_or(0.0, |rate| rate.get())
    };
    page_tiers(state)
        .any(|TierState { tier, .. }| burn(tier.long()) > tier.factor() && burn(tier.short()) > tier.factor())
}

/// The policy of the sidecar: the tiers with evidence, and beside them the sequential test.
fn default(state: &BudgetState, times: f64) -> bool {
    let sequential = state.sequential.as_ref().filter(|test| test.tier.severity() == Severity::Page);
    sequential.is_some_and(|test| test.is_firing(times)) || with_evidence(state, times)
}

/// The same tiers with a minimum of bad events and a lower bound of the burn, without the sequential test.
fn with_evidence(state: &BudgetState, _: f64) -> bool {
    page_tiers(state).any(|tier| tier.is_firing)
}

/// Whether a page tier agrees with the sequential test.
pub(crate) fn is_joined(state: &BudgetState) -> bool {
    page_tiers(state).any(|tier| tier.is_firing)
}

fn page_tiers(state: &BudgetState) -> impl Iterator<Item = &TierState> {
    state.tiers.iter().filter(|tier| tier.tier.severity() == Severity::Page)
}
