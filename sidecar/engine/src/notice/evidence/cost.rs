//! What a fault costs of the error budget.

use mapwarden_contract::{BudgetFraction, Nanos, Ratio};
use serde::{Deserialize, Serialize};

use super::fault::ObservedFault;
use crate::budget::time_left;
use crate::notice::known::Known;

/// What a fault costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultCost {
    /// The objective's target.
    pub target: Ratio,
    /// The share of the period's budget that is left.
    pub remaining: Known<BudgetFraction>,
    /// The share of the period's budget that bad events since the onset took; above 1 when it took more.
    pub spent_by_this: Known<f64>,
    /// How long the budget lasts at the fault's burn rate.
    pub exhausted_in: Known<Nanos>,
    /// How long the objective has been measured: a budget of 30 days is only that once this is 30 days.
    pub known_for: Nanos,
}

/// Returns what the fault costs.
pub(in crate::notice) fn cost(fault: &ObservedFault<'_>) -> FaultCost {
    const UNMEASURED: &str = "no events were measured in the period";
    let target = fault.objective.definition.target;
    let allowed = target.complement().get();
    let since = fault.since();
    let period = &fault.budget.period;
    let spent = Ratio::of(since.bad, period.total()).map(|share| share.get() / allowed);
    let remaining = fault.budget.remaining;
    let rate = since.error_ratio().map(|ratio| ratio.get() / allowed);
    let exhausted_in = match (remaining.map(BudgetFraction::get), rate) {
        (Some(left), _) if left <= 0.0 => Known::missing("the budget is spent"),
        (Some(left), Some(rate)) if rate > 0.0 => Known::Value(time_left(left, rate, period.length)),
        (Some(_), _) => Known::missing("the budget is not being spent"),
        (None, _) => Known::missing(UNMEASURED),
    };
    FaultCost {
        target,
        remaining: Known::or_missing(remaining, UNMEASURED),
        spent_by_this: Known::or_missing(spent, UNMEASURED),
        exhausted_in,
        known_for: fault.view.now.since(fault.objective.since),
    }
}
