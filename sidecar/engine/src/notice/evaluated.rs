//! One objective with its budget, at one moment: what decides about its notice.

use crate::aggregate::WindowView;
use crate::aggregate::objective::ObjectiveState;
use crate::budget::BudgetState;

/// One objective with its budget, at one moment.
#[derive(Clone, Copy)]
pub(super) struct EvaluatedObjective<'a> {
    pub(super) id: &'a str,
    pub(super) objective: &'a ObjectiveState,
    pub(super) budget: &'a BudgetState,
    pub(super) view: &'a WindowView<'a>,
}
