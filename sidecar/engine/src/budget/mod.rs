//! What comes in: counts over windows. What goes out: [`BudgetState`] for each objective. Never knows OTLP,
//! HTTP or a clock.

mod evaluate;
mod habit;
mod sequential;
mod tier;

pub use self::evaluate::evaluate;
pub(crate) use self::evaluate::time_left;
pub use self::sequential::{Evidence, Sequential};
pub use self::tier::Tier;
pub use crate::aggregate::Window;
use crate::aggregate::slot::Counts;

use mapwarden_contract::{BudgetFraction, BurnRate, Count, Nanos, Ratio, UnixNanos};

/// One window of one objective.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WindowBurn {
    /// The window.
    pub window: Window,
    /// Events that kept the objective.
    pub good: Count,
    /// Events that missed it.
    pub bad: Count,
    /// Bad of all; none where nothing was measured.
    pub error_ratio: Option<Ratio>,
    /// Error ratio over what is allowed; none where nothing was measured.
    pub burn_rate: Option<BurnRate>,
    /// Share of the window, since the objective is known, for which telemetry arrived.
    pub coverage: Option<Ratio>,
    /// How much of the window telemetry accounts for.
    pub covered: Nanos,
}

impl WindowBurn {
    /// What happened in the window.
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
    /// Whether it fires and a louder or faster tier does, too: then it is not told outside.
    pub is_inhibited: bool,
}

/// The period of a budget at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PeriodState {
    /// When it began: for a rolling period, so long ago as it is long.
    pub start: UnixNanos,
    /// When the next one begins, with a budget of its own; none for a rolling period.
    pub next: Option<UnixNanos>,
    /// How long it is; one of the calendar in round numbers, see [`Terms::length`](crate::aggregate::terms::Terms::length).
    pub length: Nanos,
    /// Events that kept the objective.
    pub good: Count,
    /// Events that missed it.
    pub bad: Count,
    /// Share of it, since the objective is known and up to now, for which telemetry arrived.
    pub coverage: Option<Ratio>,
    /// How much of it telemetry accounts for.
    pub covered: Nanos,
}

impl PeriodState {
    /// All events.
    pub fn total(&self) -> Count {
        self.good + self.bad
    }

    /// What happened in it.
    pub(crate) const fn counts(&self) -> Counts {
        Counts { good: self.good, bad: self.bad, covered: self.covered }
    }
}

/// The budget of one objective at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct BudgetState {
    /// The windows of its tiers, those of the SRE workbook, and the length of its period, shortest first.
    pub windows: Vec<WindowBurn>,
    /// The period of the budget.
    pub period: PeriodState,
    /// What is left of the period's budget; none where nothing was measured.
    pub remaining: Option<BudgetFraction>,
    /// When it is spent at the burn of the last hour; none where it is not shrinking or spent already.
    pub exhausted_in: Option<Nanos>,
    /// Its tiers, loudest first.
    pub tiers: Vec<TierState>,
    /// What the sequential test says; none where the target leaves no room for it.
    pub rise: Option<Rise>,
    /// Whether maintenance goes on that was planned; the ledger says so.
    pub is_planned: bool,
}

/// What the sequential test says of an objective.
#[derive(Clone, Debug, PartialEq)]
pub struct Rise {
    /// The tier on whose behalf it looks: the loudest whose factor leaves room. A burn above that factor is a rise.
    pub tier: Tier,
    /// What speaks for a rise.
    pub evidence: Evidence,
    /// The share of the period's budget that was spent since the evidence began to grow.
    pub spent: f64,
    /// The share that must have been spent before anybody is told.
    pub share: f64,
    /// The test itself, as it goes on.
    test: Sequential,
}

impl Rise {
    /// Whether the error ratio has surely risen, and at a cost worth telling: `times` what is asked at first.
    pub fn is_firing(&self, times: f64) -> bool {
        self.evidence.is_conclusive() && self.spent >= self.share * times
    }
}
