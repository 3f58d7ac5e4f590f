//! A scenario played to the aggregate: what the sidecar made of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use mapwarden_contract::{Ratio, UnixNanos};
use mapwarden_engine::aggregate::Aggregate;
use mapwarden_engine::budget::{BudgetState, evaluate};
use mapwarden_engine::observation::{Batch, Observation, Point, PointValue, Resource, Temporality};
use mapwarden_objective::{Indicator, Matcher, Selector, Slo};
use serde::Serialize;

use super::load::{Alert, Process, Scenario};

/// What the sidecar made of a scenario.
#[derive(Debug, Serialize)]
pub(super) struct Played {
    pub(super) budgets: Vec<Budget>,
    pub(super) alerts: Vec<Alert>,
}

/// The budget's period at a moment.
#[derive(Debug, Serialize)]
pub(super) struct Budget {
    pub(super) at: u64,
    pub(super) total: u64,
    pub(super) bad: u64,
    pub(super) left: Option<f64>,
}

/// Reports every point, and evaluates after each.
pub(super) fn play(scenario: &Scenario) -> Played {
    let mut aggregate = Aggregate::new(vec![slo(scenario)], 100, at(scenario.shown(0)));
    let mut state: Option<BudgetState> = None;
    let mut firing = BTreeMap::new();
    let (mut budgets, mut alerts) = (Vec::new(), Vec::new());
    for second in (0..=scenario.end).step_by(usize::try_from(scenario.every).unwrap()) {
        for process in &scenario.processes {
            if let Some(batch) = batch(scenario, process, second) {
                aggregate.take(&batch);
            }
        }
        let now = evaluated(&aggregate, state.as_ref(), at(scenario.shown(second)));
        for tier in &now.tiers {
            let name = tier.tier.name().into_owned();
            match (tier.is_firing, firing.remove(&name)) {
                (true, from) => {
                    firing.insert(name, from.unwrap_or(second));
                }
                (false, Some(from)) => {
                    alerts.push(Alert { tier: name, from, until: Some(second) });
                }
                (false, None) => {}
            }
        }
        if scenario.answer.budgets.iter().any(|budget| budget.at == second) {
            budgets.push(budget(&now, second));
        }
        state = Some(now);
    }
    alerts.extend(firing.into_iter().map(|(tier, from)| Alert { tier, from, until: None }));
    Played { budgets, alerts }
}

fn at(second: u64) -> UnixNanos {
    UnixNanos::new(second * 1_000_000_000)
}

fn slo(scenario: &Scenario) -> Slo {
    let requests = |matching| Selector { metric: "requests".to_owned(), matching };
    let bad = vec![Matcher { attribute: "code".to_owned(), pattern: "5*".to_owned() }];
    let indicator = Indicator::Events { total: requests(Vec::new()), bad: requests(bad) };
    let target = Ratio::new(scenario.target).unwrap();
    Slo { period: scenario.period(), ..Slo::new("shop", "availability", target, indicator) }
}

fn batch(scenario: &Scenario, process: &Process, second: u64) -> Option<Batch> {
    let (all, bad) = process.reported(second)?;
    let point = |code: &str, value: u64| {
        Observation::Point(Point {
            metric: Arc::from("requests"),
            attributes: Arc::from([(Arc::from("code"), Arc::from(code))]),
            start: at(scenario.shown(process.from)),
            time: at(scenario.shown(second)),
            value: PointValue::Sum {
                temporality: Temporality::Cumulative,
                value: f64::from(u32::try_from(value).unwrap()),
            },
        })
    };
    let mut observations = vec![point("200", all - bad)];
    if second >= process.errors_from {
        observations.push(point("500", bad));
    }
    let id = process.name.bytes().map(u64::from).sum();
    let resource = Resource { id, service: Arc::from("shop"), ..Resource::default() };
    Some(Batch { resource: Arc::new(resource), received: at(scenario.shown(second)), observations })
}

fn evaluated(aggregate: &Aggregate, previous: Option<&BudgetState>, now: UnixNanos) -> BudgetState {
    let view = aggregate.at(now);
    let (_, objective) = view.objectives().next().unwrap();
    evaluate(objective, previous, now)
}

fn budget(state: &BudgetState, at: u64) -> Budget {
    let (good, bad) = (state.period.good.get(), state.period.bad.get());
    Budget { at, total: good + bad, bad, left: state.remaining.map(|left| left.get()) }
}
