//! How each number of an objective is made. Comes in: the view of one objective. Goes out: for every number in it a
//! formula, its inputs, its window and its coverage, by JSON pointer, so that a reader can compute it again. Never a
//! number that is not in the view.
//!
//! Formulas are arithmetic: `+ - * / ^`, `min`, `max`, `sqrt`, and `sum` over lists, element by element.

use std::collections::BTreeMap;

use mapwarden_contract::{Count, Nanos, Ratio};
use serde::Serialize;

use crate::view::{BurnView, CorrectedBudget, ScenarioView, SloView, SloWindow, View};
use mapwarden_engine::aggregate::slot::Level;
use mapwarden_engine::budget::Window;
use mapwarden_engine::correction::{Action, CorrectionKind};
use mapwarden_engine::notice::Known;

/// An objective, and how each of its numbers is made.
#[derive(Clone, Debug, Serialize)]
pub struct ExplainedSlo {
    /// The objective.
    #[serde(flatten)]
    pub slo: SloView,
    /// By JSON pointer (RFC 6901) into this answer.
    pub explain: BTreeMap<String, Explanation>,
}

/// How one number is made.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// `declared`, `counted` or `computed`: what is computed has a formula over its inputs.
    pub kind: &'static str,
    /// The formula, or what was declared or counted.
    pub formula: &'static str,
    /// The variables of the formula.
    pub inputs: BTreeMap<&'static str, FormulaInput>,
    /// The time that the number covers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<CoveredTime>,
    /// Share of that time for which telemetry arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Ratio>,
}

/// An input of a formula.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum FormulaInput {
    /// One number.
    Number(f64),
    /// A list.
    Numbers(Vec<f64>),
}

/// The time that a number covers; it ends at the time of the view.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CoveredTime {
    /// How long.
    pub length: Nanos,
    /// The width of the slots that are summed.
    pub resolution: Nanos,
}

/// The 97.5th percentile of the normal distribution, for Wilson's interval.
const Z: f64 = 1.959_963_984_540_054;

/// The two bounds of a burn rate: the wider of Wilson's interval and that of a ratio of sums over parts that differ.
const LOW: &str = "max(0, min((r + z^2 / (2 * n) - z * sqrt(r * (1 - r) / n + z^2 / (4 * n^2))) / (1 + z^2 / n), r - t * sqrt(m / max(m - 1, 1) * sum((bad - r * all)^2)) / n)) / (1 - target)";
const HIGH: &str = "min(1, max((r + z^2 / (2 * n) + z * sqrt(r * (1 - r) / n + z^2 / (4 * n^2))) / (1 + z^2 / n), r + t * sqrt(m / max(m - 1, 1) * sum((bad - r * all)^2)) / n)) / (1 - target)";

const COVERAGE: &str = "min(1, measured / min(length, known_for))";

const LEFT: &str = "1 - bad / ((1 - target) * (good + bad))";

/// Explains an objective of a view.
pub fn explain(view: &View, slo: &SloView) -> ExplainedSlo {
    let mut explanations = Explanations(BTreeMap::new());
    explanations.declared("/target", "the share of good events that the service is to keep");
    explanations.declared("/period", "the time over which the budget is counted");
    if slo.threshold.is_some() {
        explanations.declared(
            "/threshold",
            "the duration of the slowest good event, or the age of the oldest good last write",
        );
    }
    explanations.counted("/good", "good events since `since`", (None, None));
    explanations.counted("/total", "good and bad events since `since`", (None, None));
    let known_for = view.at.duration_since(slo.since).as_secs_f64().max(0.0);
    for (at, window) in slo.windows.iter().enumerate() {
        explanations.window(at, window, slo, known_for);
    }
    for at in 0..slo.tiers.len() {
        explanations.declared(&format!("/tiers/{at}/factor"), "the burn rate above which the tier fires");
    }
    explanations.budget(view, slo, known_for);
    explanations.forecast(slo);
    ExplainedSlo { slo: slo.clone(), explain: explanations.0 }
}

/// The time that a number covers, and the share of it for which telemetry arrived.
type Over = (Option<CoveredTime>, Option<Ratio>);

/// Explanations by JSON pointer.
struct Explanations(BTreeMap<String, Explanation>);

impl Explanations {
    fn declared(&mut self, pointer: &str, formula: &'static str) {
        self.without_inputs(pointer, "declared", formula, (None, None));
    }

    fn counted(&mut self, pointer: &str, formula: &'static str, over: Over) {
        self.without_inputs(pointer, "counted", formula, over);
    }

    fn computed_from<const N: usize>(
        &mut self,
        pointer: &str,
        formula: &'static str,
        numbers: [(&'static str, f64); N],
        over: Over,
    ) {
        let inputs = numbers.map(|(name, value)| (name, FormulaInput::Number(value)));
        self.computed(pointer, formula, inputs.into(), over);
    }

    fn computed(
        &mut self,
        pointer: &str,
        formula: &'static str,
        inputs: BTreeMap<&'static str, FormulaInput>,
        (window, coverage): Over,
    ) {
        let explanation = Explanation { kind: "computed", formula, inputs, window, coverage };
        self.0.insert(pointer.to_owned(), explanation);
    }

    fn without_inputs(
        &mut self,
        pointer: &str,
        kind: &'static str,
        formula: &'static str,
        (window, coverage): Over,
    ) {
        let explanation = Explanation { kind, formula, inputs: BTreeMap::new(), window, coverage };
        self.0.insert(pointer.to_owned(), explanation);
    }

    fn window(&mut self, at: usize, window: &SloWindow, slo: &SloView, known_for: f64) {
        let over = (Some(over(window.length)), window.coverage);
        let pointer = |name: &str| format!("/windows/{at}/{name}");
        let (good, bad) = (window.good.as_f64(), window.bad.as_f64());
        self.counted(&pointer("good"), "good events in the window", over);
        self.counted(&pointer("bad"), "bad events in the window", over);
        if window.error_ratio.is_some() {
            let inputs = [("good", good), ("bad", bad)];
            self.computed_from(&pointer("error_ratio"), "bad / (good + bad)", inputs, over);
        }
        if window.burn_rate.is_some() {
            let inputs = [("good", good), ("bad", bad), ("target", slo.target.get())];
            self.computed_from(&pointer("burn_rate"), "bad / (good + bad) / (1 - target)", inputs, over);
        }
        if window.coverage.is_some() {
            let length = over.0.map_or(0.0, |over| over.length.as_secs_f64());
            let inputs =
                [("measured", window.covered.as_secs_f64()), ("length", length), ("known_for", known_for)];
            self.computed_from(&pointer("coverage"), COVERAGE, inputs, over);
        }
    }

    fn budget(&mut self, view: &View, slo: &SloView, known_for: f64) {
        let budget = &slo.ledger.budget;
        let passed = budget.to.duration_since(budget.from).as_secs_f64();
        let over = (Some(over(slo.period)), budget.coverage.value().copied());
        let raw = &budget.raw;
        let of_raw = [("good", raw.good.as_f64()), ("bad", raw.bad.as_f64()), ("target", slo.target.get())];
        for (pointer, left) in [("/remaining", &slo.remaining), ("/budget/raw/remaining", &raw.remaining)] {
            if left.value().is_some() {
                self.computed_from(pointer, LEFT, of_raw, over);
            }
        }
        self.counted("/budget/raw/good", "good events in the period", over);
        self.counted("/budget/raw/bad", "bad events in the period", over);
        if budget.coverage.value().is_some() {
            let inputs =
                [("measured", budget.covered.as_secs_f64()), ("length", passed), ("known_for", known_for)];
            self.computed_from("/budget/coverage", COVERAGE, inputs, over);
        }
        self.corrected(view, slo, over);
        let hour = slo.windows.iter().find(|window| window.length == Window::H1.length());
        if let (Known::Value(_), Known::Value(left), Some(rate)) =
            (&slo.exhausted_in, &slo.remaining, hour.and_then(|hour| hour.burn_rate))
        {
            let inputs =
                [("period", slo.period.as_secs_f64()), ("remaining", left.get()), ("burn_rate", rate.get())];
            self.computed_from("/exhausted_in", "period * min(100, remaining / burn_rate)", inputs, over);
        }
    }

    fn corrected(&mut self, view: &View, slo: &SloView, over: Over) {
        let raw = &slo.ledger.budget.raw;
        let CorrectedBudget { good, bad, remaining, excluded, deducted, refunded, corrections, .. } =
            &slo.ledger.budget.corrected;
        let at = |name: &str| format!("/budget/corrected/{name}");
        self.counted(&at("excluded/good"), "good events within `excluded.times`", over);
        self.counted(&at("excluded/bad"), "bad events within `excluded.times`", over);
        let inputs = [("raw", raw.good.as_f64()), ("excluded", excluded.good.as_f64())];
        self.computed_from(&at("good"), "max(0, raw - excluded)", inputs, over);
        let inputs = [
            ("raw", raw.bad.as_f64()),
            ("excluded", excluded.bad.as_f64()),
            ("deducted", deducted.as_f64()),
            ("refunded", refunded.as_f64()),
        ];
        self.computed_from(&at("bad"), "max(0, max(0, raw - excluded) + deducted - refunded)", inputs, over);
        if remaining.value().is_some() {
            let inputs = [("good", good.as_f64()), ("bad", bad.as_f64()), ("target", slo.target.get())];
            self.computed_from(&at("remaining"), LEFT, inputs, over);
        }
        for (name, is_refund) in [("deducted", false), ("refunded", true)] {
            let lines = view.corrections.iter().filter(|line| corrections.contains(&line.entry.id));
            let events = lines.filter_map(|line| match &line.entry.action {
                Action::Booked(correction) => match (&correction.kind, is_refund) {
                    (CorrectionKind::Deduction(booking), false) | (CorrectionKind::Refund(booking), true) => {
                        Some(Count::new(booking.events).as_f64())
                    }
                    (CorrectionKind::Deduction(_), true)
                    | (CorrectionKind::Refund(_), false)
                    | (CorrectionKind::Exclusion(_), _) => None,
                },
                Action::Withdrawn { .. } => None,
            });
            let inputs = BTreeMap::from([("events", FormulaInput::Numbers(events.collect()))]);
            self.computed(&at(name), "sum(events)", inputs, (over.0, None));
        }
    }

    fn forecast(&mut self, slo: &SloView) {
        self.declared("/forecast/confidence", "the confidence level of the ranges, two-sided");
        for (at, scenario) in slo.ledger.forecast.scenarios.iter().enumerate() {
            let of_window = slo.windows.iter().find(|known| known.window == scenario.as_in);
            let over =
                (of_window.map(|window| over(window.length)), of_window.and_then(|window| window.coverage));
            let pointer = |name: &str| format!("/forecast/scenarios/{at}/{name}");
            self.counted(&pointer("parts"), "parts of the window that held events", over);
            let Some(burn) = scenario.burn_rate else { continue };
            for (name, formula) in
                [("low", LOW), ("measured", "sum(bad) / sum(all) / (1 - target)"), ("high", HIGH)]
            {
                let inputs = burn_inputs(slo, scenario);
                self.computed(&pointer(&format!("burn_rate/{name}")), formula, inputs, over);
            }
            let BurnView { low, measured: _, high } = burn;
            for (name, time, rate) in
                [("earliest", scenario.earliest, high), ("latest", scenario.latest, low)]
            {
                let left = slo.ledger.budget.corrected.remaining.value();
                if let (Some(_), Some(left)) = (time, left) {
                    let left = scenario.left.unwrap_or(*left);
                    let inputs = [
                        ("period", slo.period.as_secs_f64()),
                        ("remaining", left.get()),
                        ("burn_rate", rate.get()),
                    ];
                    self.computed_from(&pointer(name), "period * remaining / burn_rate", inputs, over);
                }
            }
        }
    }
}

fn burn_inputs(slo: &SloView, scenario: &ScenarioView) -> BTreeMap<&'static str, FormulaInput> {
    let filled = || scenario.counts.iter().filter(|part| part.total() > Count::ZERO);
    let (bad, all): (Count, Count) =
        (filled().map(|part| part.bad).sum(), filled().map(|part| part.total()).sum());
    let list = |each: fn(&mapwarden_engine::aggregate::slot::Counts) -> Count| {
        FormulaInput::Numbers(filled().map(|part| each(part).as_f64()).collect())
    };
    BTreeMap::from([
        ("bad", list(|part| part.bad)),
        ("all", list(|part| part.total())),
        ("m", FormulaInput::Number(Count::new(u64::try_from(scenario.parts).unwrap_or(u64::MAX)).as_f64())),
        ("n", FormulaInput::Number(all.as_f64())),
        ("r", FormulaInput::Number(bad.as_f64() / all.as_f64())),
        ("t", FormulaInput::Number(scenario.student)),
        ("target", FormulaInput::Number(slo.target.get())),
        ("z", FormulaInput::Number(Z)),
    ])
}

fn over(length: Nanos) -> CoveredTime {
    let finest = Level::ALL.into_iter().find(|level| level.reach() >= length);
    CoveredTime { length, resolution: finest.unwrap_or(Level::EightHours).width() }
}
