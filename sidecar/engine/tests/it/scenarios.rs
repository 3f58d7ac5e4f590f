//! The scenarios of `tests/scenarios`, reported to the aggregate point by point at simulated times: every budget
//! and every alert is the one that was worked out by hand.
//!
//! With `SCENARIOS_OUT` set to a file, what the sidecar made of them is written there as JSON, for the README's table.

mod load;
mod played;

use std::collections::BTreeMap;
use std::path::Path;

use self::load::Scenario;
use self::played::{Played, play};

/// How far a share of a budget may lie from its six digits in the file.
const DIGITS: f64 = 1e-6;

/// Every scenario by name.
fn scenarios() -> BTreeMap<String, Scenario> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios");
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let scenario = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, scenario)
    };
    files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).map(read).collect()
}

#[test]
fn every_budget_and_every_alert_is_the_one_worked_out_by_hand() {
    let mut wrong = Vec::new();
    let mut all = BTreeMap::new();
    let scenarios = scenarios();
    assert!(scenarios.len() >= 11, "only {} scenarios were found", scenarios.len());
    for (name, scenario) in scenarios {
        let played = play(&scenario);
        wrong.extend(differences(&scenario, &played).into_iter().map(|text| format!("{name}: {text}")));
        all.insert(name, played);
    }
    if let Some(path) = std::env::var_os("SCENARIOS_OUT") {
        std::fs::write(path, serde_json::to_string_pretty(&all).unwrap()).unwrap();
    }
    assert!(wrong.is_empty(), "not what was worked out by hand:\n{}", wrong.join("\n"));
}

fn differences(scenario: &Scenario, played: &Played) -> Vec<String> {
    let mut wrong = Vec::new();
    for (expected, got) in scenario.answer.budgets.iter().zip(&played.budgets) {
        let is_left = got
            .left
            .is_some_and(|left| (left - expected.left).abs() <= DIGITS * expected.left.abs().max(1.0));
        if (expected.total, expected.bad) != (got.total, got.bad) || !is_left {
            wrong.push(format!("expected {expected:?}, got {got:?}"));
        }
    }
    if scenario.answer.budgets.len() != played.budgets.len() {
        wrong.push(format!(
            "{} budgets were asked, of {}",
            played.budgets.len(),
            scenario.answer.budgets.len()
        ));
    }
    if scenario.answer.alerts != played.alerts {
        wrong.push(format!("expected {:?}, got {:?}", scenario.answer.alerts, played.alerts));
    }
    wrong
}
