//! What the store is to write of the aggregate. Comes in: what changed since the last commit. Never writes it.

use std::sync::Arc;

use mapwarden_contract::UnixNanos;

use super::kept_objective::KeptObjective;
use super::series::Mark;
use super::slot::{Level, Slot};

/// A slot of an objective, by the objective's id.
pub type ObjectiveSlot = (Arc<str>, Level, Slot);

/// Everything that changed since the last commit.
#[derive(Clone, Debug, Default)]
pub struct UnsavedCounts {
    /// From which time on the slots of an objective are here, by its id.
    pub since: Vec<(String, UnixNanos)>,
    /// Objectives by id.
    pub objectives: Vec<(String, KeptObjective)>,
    /// Slots in the order of time.
    pub slots: Vec<ObjectiveSlot>,
    /// Marks of the series that budgets depend on.
    pub marks: Vec<(u128, Mark)>,
}
