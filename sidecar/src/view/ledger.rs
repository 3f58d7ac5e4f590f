//! What the ledger says about one objective, as the API tells it. Comes in: nothing. Goes out: the types. Times of day are
//! RFC 3339, spans are seconds.

use jiff::Timestamp;
use mapwarden_contract::{BudgetFraction, BurnRate, Count, Nanos, Ratio};
use serde::Serialize;

use mapwarden_engine::aggregate::slot::Counts;
use mapwarden_engine::ledger::{AttributedPart, Unattributed};
use mapwarden_engine::notice::Known;

/// What the ledger says about one objective.
#[derive(Clone, Debug, Serialize)]
pub struct LedgerView {
    /// The period's budget, raw and corrected side by side.
    pub budget: BudgetView,
    /// For how long the corrected budget lasts.
    pub forecast: ForecastView,
    /// The planned maintenance that goes on: no tier fires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<MaintenanceView>,
    /// Who spent it; served by itself.
    #[serde(skip)]
    pub attribution: Vec<AttributionView>,
}

/// A period's budget.
#[derive(Clone, Debug, Serialize)]
pub struct BudgetView {
    /// Where the period begins.
    pub from: Timestamp,
    /// Where it ends for now.
    pub to: Timestamp,
    /// Share of the period, since the objective is known, for which telemetry arrived.
    pub coverage: Known<Ratio>,
    /// As it was measured.
    pub raw: RawBudget,
    /// After corrections.
    pub corrected: CorrectedBudget,
    /// How much of the period telemetry accounts for.
    #[serde(skip)]
    pub covered: Nanos,
}

/// A budget as it was measured.
#[derive(Clone, Debug, Serialize)]
pub struct RawBudget {
    /// Good events.
    pub good: Count,
    /// Bad events.
    pub bad: Count,
    /// What is left.
    pub remaining: Known<BudgetFraction>,
}

/// A budget after corrections.
#[derive(Clone, Debug, Serialize)]
pub struct CorrectedBudget {
    /// Good events outside of exclusions.
    pub good: Count,
    /// Bad events outside of exclusions, with deductions and without what was refunded.
    pub bad: Count,
    /// What is left.
    pub remaining: Known<BudgetFraction>,
    /// What was measured within exclusions.
    pub excluded: ExcludedView,
    /// Bad events that were added.
    pub deducted: Count,
    /// Bad events that were taken away.
    pub refunded: Count,
    /// The corrections that act, oldest first, by id.
    pub corrections: Vec<String>,
}

/// What is excluded.
#[derive(Clone, Debug, Serialize)]
pub struct ExcludedView {
    /// Good events.
    pub good: Count,
    /// Bad events.
    pub bad: Count,
    /// The time, as it can be told apart; within what was asked for.
    pub times: Vec<TimeView>,
}

/// A stretch of time.
#[derive(Clone, Debug, Serialize)]
pub struct TimeView {
    /// Its first moment.
    pub from: Timestamp,
    /// The moment after its last one.
    pub to: Timestamp,
}

/// For how long a budget lasts.
#[derive(Clone, Debug, Serialize)]
pub struct ForecastView {
    /// In plain words.
    pub words: String,
    /// How sure the ranges are.
    pub confidence: f64,
    /// What happens if it goes on as in a window.
    pub scenarios: Vec<ScenarioView>,
}

/// What happens if it goes on as in a window.
#[derive(Clone, Debug, Serialize)]
pub struct ScenarioView {
    /// The window: `1h` or `1d`.
    pub as_in: std::borrow::Cow<'static, str>,
    /// How many parts of it held events.
    pub parts: usize,
    /// The burn rate and its range; null where nothing was measured.
    pub burn_rate: Option<BurnView>,
    /// `spent`, `unmeasured`, `lasts` or `within`.
    pub outlook: &'static str,
    /// When it is spent at the earliest; null where it is not within a period.
    pub earliest: Option<Nanos>,
    /// When it is spent at the latest; null where it may also last.
    pub latest: Option<Nanos>,
    /// What was left when it was made.
    #[serde(skip)]
    pub left: Option<BudgetFraction>,
    /// What the window's parts held.
    #[serde(skip)]
    pub counts: Vec<Counts>,
    /// Student's t of the range: 0 where one part held events, or none.
    #[serde(skip)]
    pub student: f64,
}

/// A burn rate and its range.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct BurnView {
    /// The lower end.
    pub low: BurnRate,
    /// As it was measured.
    pub measured: BurnRate,
    /// The upper end.
    pub high: BurnRate,
}

/// Planned maintenance that goes on.
#[derive(Clone, Debug, Serialize)]
pub struct MaintenanceView {
    /// The correction that planned it.
    pub correction: String,
    /// When it ends.
    pub until: Timestamp,
}

/// Who spent a budget since some moment.
#[derive(Clone, Debug, Serialize)]
pub struct AttributionView {
    /// `period` or `onset`.
    pub over: &'static str,
    /// Since when: the start of a slice.
    pub since: Timestamp,
    /// Bad events since then: the whole.
    pub bad: Count,
    /// The share of the period's raw budget that they took.
    pub spent: Option<f64>,
    /// The whole, divided in several ways.
    pub by: Vec<ShareView>,
}

/// The whole, divided in one way: parts and rest add up to it.
#[derive(Clone, Debug, Serialize)]
pub struct ShareView {
    /// `version`, `region`, `map` or `operation`.
    pub dimension: &'static str,
    /// The parts, the largest first.
    pub parts: Vec<AttributedPart>,
    /// What is not told apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rest: Option<Unattributed>,
}
