//! The budget of one objective at one moment: its windows, tiers, period and what is left.

use mapwarden_contract::{BudgetFraction, BurnRate, Count, Nanos, Ratio};

use super::period_state::PeriodState;
use super::sequential_state::SequentialState;
use super::tier::Tier;
use crate::aggregate::Window;
use crate::aggregate::slot::Counts;

/// One window of one objective.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WindowBurn {
    /// The window.
    pub window: Window,
    /// Good events.
    pub good: Count,
    /// Bad events.
    pub bad: Count,
    /// Bad of all; none where nothing was measured.
    pub error_ratio: Option<Ratio>,
    /// Error ratio over what is allowed; none where nothing was measured.
    pub burn_rate: Option<BurnRate>,
    /// Share of the window, since the objective became known, for which telemetry arrived.
    pub coverage: Option<Ratio>,
    /// How much of the window telemetry accounts for.
    pub covered: Nanos,
}

impl WindowBurn {
    /// The events of the window.
    pub(crate) const fn counts(&self) -> Counts {
        Counts { good: self.good, bad: self.bad, covered: self.covered }
    }
}

/// One tier of one objective.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TierState {
    /// The tier.
    pub tier: Tier,
    /// Whether it can fire at all: `factor x (1 - target)` is below 1.
    pub can_fire: bool,
    /// Whether both windows are over the factor, with enough evidence.
    pub is_firing: bool,
    /// Whether it fires while a louder or faster tier fires too: then it is not reported.
    pub is_inhibited: bool,
}

/// The budget of one objective at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct BudgetState {
    /// The windows of its tiers, those of the SRE workbook, and the length of its period, shortest first.
    pub windows: Vec<WindowBurn>,
    /// The period of the budget.
    pub period: PeriodState,
    /// The share of the period's budget that is left; none where nothing was measured.
    pub remaining: Option<BudgetFraction>,
    /// How long it lasts at the burn rate of the last hour; none where it is not shrinking or spent already.
    pub exhausted_in: Option<Nanos>,
    /// Its tiers, loudest first.
    pub tiers: Vec<TierState>,
    /// The sequential test; none where the target leaves no room for it.
    pub sequential: Option<SequentialState>,
    /// Whether planned maintenance is going on; the ledger fills it.
    pub is_planned: bool,
}
