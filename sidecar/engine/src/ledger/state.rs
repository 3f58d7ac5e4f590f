//! The ledger's state of one objective: its budget after corrections, and what follows from it.

use std::sync::Arc;

use mapwarden_contract::{BudgetFraction, Count, UnixNanos};

use super::attribution::Attribution;
use super::forecast::Forecast;
use super::time_range::TimeRange;
use crate::aggregate::slot::Counts;

/// The budget of one objective after corrections, and what follows from it.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerState {
    /// The period of the budget, up to now.
    pub period: TimeRange,
    /// The measured events of the period.
    pub raw: Counts,
    /// The budget after corrections.
    pub corrected: Corrected,
    /// How long the corrected budget lasts.
    pub forecast: Arc<Forecast>,
    /// What spent it: over the period, and since the onset of the open notice.
    pub attribution: Arc<[Attribution]>,
    /// The planned maintenance that is going on.
    pub maintenance: Option<Maintenance>,
}

/// A budget after corrections.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Corrected {
    /// Events that count as good.
    pub good: Count,
    /// Events that count as bad: never below zero, however much is refunded.
    pub bad: Count,
    /// The share of the period's budget that is left; none where nothing counts.
    pub remaining: Option<BudgetFraction>,
    /// The events within exclusions, which no longer count.
    pub excluded: Counts,
    /// Bad events that were added.
    pub deducted: Count,
    /// Bad events that were taken away.
    pub refunded: Count,
    /// The excluded time of the period, at the resolution of its slots: within the requested ranges.
    pub exclusions: Vec<TimeRange>,
    /// The corrections that act in the period, oldest first, by id.
    pub corrections: Vec<String>,
}

/// Planned maintenance that is going on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maintenance {
    /// The correction that planned it.
    pub correction: String,
    /// When it ends.
    pub until: UnixNanos,
}
