//! How long the budget of an objective lasts. Comes in: the ledger's forecast. Goes out: its scenarios, and one
//! sentence.

use std::borrow::Cow;

use mapwarden_contract::{BudgetFraction, BurnRate, Nanos};
use mapwarden_engine::aggregate::slot::Counts;
use mapwarden_engine::budget::Window;
use mapwarden_engine::ledger::{Burn, CONFIDENCE, Forecast, Outlook, Scenario, student};
use serde::Serialize;

use crate::human;

/// How long a budget lasts.
#[derive(Clone, Debug, Serialize)]
pub struct ForecastView {
    /// One sentence.
    pub words: String,
    /// The confidence level of the ranges, two-sided.
    pub confidence: f64,
    /// One per window.
    pub scenarios: Vec<ScenarioView>,
}

/// How long a budget lasts if burning continues as in one window.
#[derive(Clone, Debug, Serialize)]
pub struct ScenarioView {
    /// The window: `1h` or `1d`.
    pub as_in: Cow<'static, str>,
    /// How many parts of it held events.
    pub parts: usize,
    /// The burn rate and its range; null where nothing was measured.
    pub burn_rate: Option<BurnView>,
    /// `spent`, `unmeasured`, `lasts` or `within`.
    pub outlook: &'static str,
    /// Time until it is spent at the earliest; null where that is not within a period.
    pub earliest: Option<Nanos>,
    /// Time until it is spent at the latest; null where it may also last.
    pub latest: Option<Nanos>,
    /// What was left of the budget when the forecast was made.
    #[serde(skip)]
    pub left: Option<BudgetFraction>,
    /// What the window's parts held.
    #[serde(skip)]
    pub counts: Vec<Counts>,
    /// Student's t of the range; 0 where at most one part held events.
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

pub(super) fn forecast(forecast: &Forecast) -> ForecastView {
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

/// Writes a forecast as `spent in 3h to 5h if it goes on as in the last hour; lasts the period if as in the last day`.
fn words(forecast: &Forecast) -> String {
    if forecast.scenarios.iter().any(|scenario| scenario.outlook == Outlook::Spent) {
        return "spent already".to_owned();
    }
    let span = |time: Nanos| human::duration(time.as_secs_f64());
    let known = forecast.scenarios.iter().filter_map(|scenario| {
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
    let known: Vec<_> = known.collect();
    if let [(hour, _), (day, _)] = known.as_slice()
        && hour == day
    {
        return format!("{hour} if it goes on as in the last hour, or the last day");
    }
    let parts = known.iter().enumerate().map(|(at, (what, window))| {
        let condition = if at == 0 { "if it goes on as" } else { "if as" };
        format!("{what} {condition} in the last {window}")
    });
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() { "nothing was measured in the last day".to_owned() } else { parts.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forecast_is_one_sentence() {
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
