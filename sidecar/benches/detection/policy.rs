//! When somebody is paged: the policies that are compared, each a function of the same budget.

use mapwarden_sidecar::budget::{BudgetState, Severity, Tier, Window};

/// A policy.
#[derive(Debug)]
pub(crate) struct Policy {
    /// What the tables and the plot call it.
    pub(crate) name: &'static str,
    /// Whether somebody is paged at this moment.
    pub(crate) pages: fn(&BudgetState) -> bool,
}

/// Every policy, in the order of the columns.
pub(crate) const POLICIES: [Policy; 2] =
    [Policy { name: "plain tiers", pages: plain }, Policy { name: "Mapwarden", pages: with_evidence }];

/// The page tiers of the SRE workbook, chapter 5: both burn rates above the factor, and nothing else.
fn plain(state: &BudgetState) -> bool {
    let burn = |window: Window| {
        let found = state.windows.iter().find(|burn| burn.window == window);
        found.and_then(|burn| burn.burn_rate).map_or(0.0, |rate| rate.get())
    };
    page_tiers().any(|tier| burn(tier.long()) > tier.factor() && burn(tier.short()) > tier.factor())
}

/// What the sidecar does: the same tiers, with a minimum of bad events and a lower bound of the burn.
fn with_evidence(state: &BudgetState) -> bool {
    state.tiers.iter().any(|tier| tier.is_firing && tier.tier.severity() == Severity::Page)
}

fn page_tiers() -> impl Iterator<Item = Tier> {
    Tier::ALL.into_iter().filter(|tier| tier.severity() == Severity::Page)
}
