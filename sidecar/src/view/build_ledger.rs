//! From the ledger's state of one objective to what the API tells.

use mapwarden_contract::{BudgetFraction, Nanos, Ratio, UnixNanos};

use crate::human;
use crate::view::ledger::{
    AttributionView, BudgetView, BurnView, CorrectedBudget, ExcludedView, ForecastView, LedgerView,
    MaintenanceView, RawBudget, ScenarioView, ShareView, TimeView,
};
use mapwarden_engine::aggregate::timestamp;
use mapwarden_engine::budget::{BudgetState, Window};
use mapwarden_engine::ledger::student;
use mapwarden_engine::ledger::{
    Attribution, Burn, CONFIDENCE, Corrected, Division, Forecast, LedgerState, Maintenance, Outlook,
    Scenario, TimeRange,
};
use mapwarden_engine::notice::Known;

pub(super) fn ledger(state: &LedgerState, budget: &BudgetState) -> LedgerView {
    let LedgerState { period, raw, corrected, forecast, attribution, maintenance } = state;
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
                || Known::<Ratio>::missing("the objective is known for too short a time"),
                Known::Value,
            ),
            raw: RawBudget { good: raw.good, bad: raw.bad, remaining: left(budget.remaining) },
            corrected: corrected_view(corrected),
            covered: raw.covered,
        },
        forecast: forecast_view(forecast),
        maintenance,
        attribution: attribution
            .iter()
            .zip(["period", "onset"])
            .map(|(one, over)| attributed(one, over))
            .collect(),
    }
}

fn left(remaining: Option<BudgetFraction>) -> Known<BudgetFraction> {
    remaining.map_or_else(|| Known::missing("nothing was measured"), Known::Value)
}

fn corrected_view(corrected: &Corrected) -> CorrectedBudget {
    let Corrected { good, bad, remaining, excluded, deducted, refunded, exclusions, corrections } = corrected;
    let times = exclusions.iter().map(|TimeRange { from, to }| time(*from, *to)).collect();
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

fn time(from: UnixNanos, to: UnixNanos) -> TimeView {
    TimeView { from: timestamp(from), to: timestamp(to) }
}

fn forecast_view(forecast: &Forecast) -> ForecastView {
    let scenarios = forecast.scenarios.iter().map(|scenario| {
        let Scenario { window, parts, burn, outlook, counts } = scenario;
        let (name, earliest, latest) = match outlook {
            Outlook::Spent => ("spent", None, None),
            Outlook::Unmeasured => ("unmeasured", None, None),
            Outlook::Lasts => ("lasts", None, None),
            Outlook::Within { earliest, latest } => ("within", Some(*earliest), *latest),
        };
        let burn_rate = burn.map(|Burn { low, measured, high }| BurnView { low, measured, high });
        ScenarioView {
            as_in: window.name(),
            parts: *parts,
            burn_rate,
            outlook: name,
            earliest,
            latest,
            left: forecast.left,
            counts: counts.clone(),
            student: student(*parts),
        }
    });
    ForecastView { words: words(forecast), confidence: CONFIDENCE, scenarios: scenarios.collect() }
}

/// `spent in 3h to 5h if it goes on as in the last hour; lasts the period if as in the last day`.
pub(crate) fn words(forecast: &Forecast) -> String {
    if forecast.scenarios.iter().any(|scenario| scenario.outlook == Outlook::Spent) {
        return "spent already".to_owned();
    }
    let span = |time: Nanos| human::duration(time.as_secs_f64());
    let told = forecast.scenarios.iter().filter_map(|scenario| {
        let what = match scenario.outlook {
            Outlook::Spent | Outlook::Unmeasured => return None,
            Outlook::Lasts => "lasts the period".to_owned(),
            Outlook::Within { earliest, latest: None } => {
                format!("spent in {} at the earliest, or lasts the period", span(earliest))
            }
            Outlook::Within { earliest, latest: Some(latest) } if span(earliest) == span(latest) => {
                format!("spent in {}", span(earliest))
            }
            Outlook::Within { earliest, latest: Some(latest) } => {
                format!("spent in {} to {}", span(earliest), span(latest))
            }
        };
        Some((what, if scenario.window == Window::H1 { "hour" } else { "day" }))
    });
    let told: Vec<_> = told.collect();
    if let [(hour, _), (day, _)] = told.as_slice()
        && hour == day
    {
        return format!("{hour} if it goes on as in the last hour, or the last day");
    }
    let said = told.iter().enumerate().map(|(at, (what, window))| {
        let condition = if at == 0 { "if it goes on as" } else { "if as" };
        format!("{what} {condition} in the last {window}")
    });
    let said: Vec<String> = said.collect();
    if said.is_empty() { "nothing was measured in the last day".to_owned() } else { said.join("; ") }
}

fn attributed(attribution: &Attribution, over: &'static str) -> AttributionView {
    let Attribution { since, bad, spent, by } = attribution;
    let by = by.iter().map(|Division { dimension, parts, rest }| ShareView {
        dimension: dimension.name(),
        parts: parts.clone(),
        rest: rest.clone(),
    });
    AttributionView { over, since: timestamp(*since), bad: *bad, spent: *spent, by: by.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forecast_is_told_in_words() {
        let hours = |hours: u64| Nanos::from_secs(hours * 3_600);
        let within = |earliest, latest: Option<u64>| Outlook::Within {
            earliest: hours(earliest),
            latest: latest.map(hours),
        };
        let cases = [
            (
                within(3, Some(5)),
                Outlook::Lasts,
                "spent in 3h to 5h if it goes on as in the last hour; lasts the period if as in the last day",
            ),
            (
                within(3, None),
                within(48, Some(48)),
                "spent in 3h at the earliest, or lasts the period if it goes on as in the last hour; spent in 2d if as in the last day",
            ),
            (Outlook::Unmeasured, Outlook::Lasts, "lasts the period if it goes on as in the last day"),
            (Outlook::Unmeasured, Outlook::Unmeasured, "nothing was measured in the last day"),
            (Outlook::Spent, Outlook::Lasts, "spent already"),
            (
                Outlook::Lasts,
                Outlook::Lasts,
                "lasts the period if it goes on as in the last hour, or the last day",
            ),
        ];
        for (hour, day, expected) in cases {
            let scenario =
                |window, outlook| Scenario { window, parts: 1, burn: None, outlook, counts: Vec::new() };
            let scenarios = vec![scenario(Window::H1, hour), scenario(Window::D1, day)];
            assert_eq!(words(&Forecast { left: None, scenarios }), expected);
        }
    }
}
