//! The budget, forecast and attribution of one objective, as the API shows them. Comes in: the ledger's state of the
//! objective. Goes out: a [`LedgerView`], in which points in time are RFC 3339 and durations are seconds.

use jiff::Timestamp;
use mapwarden_contract::{BudgetFraction, Count, Nanos, Ratio, UnixNanos};
use mapwarden_engine::aggregate::timestamp;
use mapwarden_engine::budget::BudgetState;
use mapwarden_engine::ledger::{Corrected, LedgerState, Maintenance, TimeRange};
use mapwarden_engine::notice::Known;
use serde::Serialize;

use super::attribution::{AttributionView, attribution};
use super::forecast::{ForecastView, forecast};

/// The ledger of one objective.
#[derive(Clone, Debug, Serialize)]
pub struct LedgerView {
    /// The period's budget, raw and corrected side by side.
    pub budget: BudgetView,
    /// How long the corrected budget lasts.
    pub forecast: ForecastView,
    /// The planned maintenance under way: no tier fires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<MaintenanceView>,
    /// What spent it; served at a path of its own.
    #[serde(skip)]
    pub attribution: Vec<AttributionView>,
}

/// A period's budget.
#[derive(Clone, Debug, Serialize)]
pub struct BudgetView {
    /// Start of the period.
    pub from: Timestamp,
    /// End of what is evaluated.
    pub to: Timestamp,
    /// Share of the period, but not before the objective was known, for which telemetry arrived.
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
    /// Bad events outside of exclusions, plus deductions, minus refunds.
    pub bad: Count,
    /// What is left.
    pub remaining: Known<BudgetFraction>,
    /// What was measured within exclusions.
    pub excluded: ExcludedView,
    /// Bad events that were added.
    pub deducted: Count,
    /// Bad events that were taken away.
    pub refunded: Count,
    /// The ids of the active corrections, oldest first.
    pub corrections: Vec<String>,
}

/// The events that corrections exclude.
#[derive(Clone, Debug, Serialize)]
pub struct ExcludedView {
    /// Good events.
    pub good: Count,
    /// Bad events.
    pub bad: Count,
    /// The excluded time, in whole slots; never more than the correction excludes.
    pub times: Vec<IntervalView>,
}

/// A half-open interval.
#[derive(Clone, Debug, Serialize)]
pub struct IntervalView {
    /// Its first moment.
    pub from: Timestamp,
    /// The moment after its last one.
    pub to: Timestamp,
}

/// Planned maintenance under way.
#[derive(Clone, Debug, Serialize)]
pub struct MaintenanceView {
    /// The correction that planned it.
    pub correction: String,
    /// When it ends.
    pub until: Timestamp,
}

pub(super) fn ledger(state: &LedgerState, budget: &BudgetState) -> LedgerView {
    let LedgerState { period, raw, corrected, forecast: outlook, attribution: shares, maintenance } = state;
    let coverage = budget.period.coverage;
    let maintenance = maintenance.as_ref().map(|Maintenance { correction, until }| MaintenanceView {
        correction: correction.clone(),
        until: timestamp(*until),
    });
    LedgerView {
        budget: BudgetView {
            from: timestamp(period.from),
            to: timestamp(period.to),
            coverage: coverage.map_or_else(
                || Known::<Ratio>::missing("the objective was not known for long enough"),
                Known::Value,
            ),
            raw: RawBudget { good: raw.good, bad: raw.bad, remaining: left(budget.remaining) },
            corrected: corrected_view(corrected),
            covered: raw.covered,
        },
        forecast: forecast(outlook),
        maintenance,
        attribution: shares
            .iter()
            .zip(["period", "onset"])
            .map(|(one, over)| attribution(one, over))
            .collect(),
    }
}

fn left(remaining: Option<BudgetFraction>) -> Known<BudgetFraction> {
    remaining.map_or_else(|| Known::missing("nothing was measured"), Known::Value)
}

fn corrected_view(corrected: &Corrected) -> CorrectedBudget {
    let Corrected { good, bad, remaining, excluded, deducted, refunded, exclusions, corrections } = corrected;
    let times = exclusions.iter().map(|TimeRange { from, to }| interval(*from, *to)).collect();
    CorrectedBudget {
        good: *good,
        bad: *bad,
        remaining: left(*remaining),
        excluded: ExcludedView { good: excluded.good, bad: excluded.bad, times },
        deducted: *deducted,
        refunded: *refunded,
        corrections: corrections.clone(),
    }
}

fn interval(from: UnixNanos, to: UnixNanos) -> IntervalView {
    IntervalView { from: timestamp(from), to: timestamp(to) }
}
