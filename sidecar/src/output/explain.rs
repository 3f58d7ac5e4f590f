//! How each number of an objective comes about. Comes in: the view of one objective. Goes out: for every number in it a
//! formula, its inputs, its window and its coverage, by JSON pointer, so that a reader can compute it again. Never a number
//! that is not in the view.
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

/// An objective and how each of its numbers comes about.
#[derive(Clone, Debug, Serialize)]
pub struct Explained {
    /// The objective.
    #[serde(flatten)]
    pub slo: SloView,
    /// By JSON pointer (RFC 6901) into this answer.
    pub explain: BTreeMap<String, Explanation>,
}

/// How one number comes about.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// `declared`, `counted` or `computed`: what is computed has a formula over its inputs.
    pub kind: &'static str,
    /// The formula, or what was declared or counted.
    pub formula: &'static str,
    /// What the formula is of.
    pub inputs: BTreeMap<&'static str, Input>,
    /// The time that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Over>,
    /// Share of that time for which telemetry arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Ratio>,
}

/// An input of a formula.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Input {
    /// One number.
    Number(f64),
    /// A list.
    Numbers(Vec<f64>),
}

/// The time that a number is about: it ends with the view.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Over {
    /// How long.
    pub length: Nanos,
    /// How wide the slices are that it is summed from.
    pub resolution: Nanos,
}

/// The normal distribution's 97.5th percentile, as Wilson's interval takes it.
const Z: f64 = 1.959_963_984_540_054;

/// The two bounds of a burn rate: the wider of Wilson's interval and that of a ratio of sums over parts that differ.
const LOW: &str = "max(0, min((r + z^2 / (2 * n) - z * sqrt(r * (1 - r) / n + z^2 / (4 * n^2))) / (1 + z^2 / n), r - t * sqrt(m / max(m - 1, 1) * sum((bad - r * all)^2)) / n)) / (1 - target)";
const HIGH: &str = "min(1, max((r + z^2 / (2 * n) + z * sqrt(r * (1 - r) / n + z^2 / (4 * n^2))) / (1 + z^2 / n), r + t * sqrt(m / max(m - 1, 1) * sum((bad - r * all)^2)) / n)) / (1 - target)";

const COVERAGE: &str = "min(1, measured / min(length, known_for))";

const LEFT: &str = "1 - bad / ((1 - target) * (good + bad))";

/// Explains an objective of a view.
pub fn explain(view: &View, slo: &SloView) -> Explained {
    let mut book = Book { numbers: BTreeMap::new() };
    book.says("/target", "declared", "the promised share of good events");
    book.says("/period", "declared", "the time over which the budget is kept");
    if slo.threshold.is_some() {
        book.says("/threshold", "declared", "the slowest good event, or the oldest good last write");
    }
    book.says("/good", "counted", "good events since `since`");
    book.says("/total", "counted", "good and bad events since `since`");
    let known_for = view.at.duration_since(slo.since).as_secs_f64().max(0.0);
    for (at, window) in slo.windows.iter().enumerate() {
        book.window(at, window, slo, known_for);
    }
    for at in 0..slo.tiers.len() {
        book.says(&format!("/tiers/{at}/factor"), "declared", "the burn rate above which the tier fires");
    }
    book.budget(view, slo, known_for);
    book.forecast(slo);
    Explained { slo: slo.clone(), explain: book.numbers }
}

struct Book {
    numbers: BTreeMap<String, Explanation>,
}

impl Book {
    fn says(&mut self, pointer: &str, kind: &'static str, formula: &'static str) {
        let said = Explanation { kind, formula, inputs: BTreeMap::new(), window: None, coverage: None };
        self.numbers.insert(pointer.to_owned(), said);
    }

    fn computes<const N: usize>(
        &mut self,
        pointer: &str,
        formula: &'static str,
        inputs: [(&'static str, f64); N],
        over: (Option<Over>, Option<Ratio>),
    ) {
        let inputs = inputs.map(|(name, value)| (name, Input::Number(value))).into();
        let (window, coverage) = over;
        let computed = Explanation { kind: "computed", formula, inputs, window, coverage };
        self.numbers.insert(pointer.to_owned(), computed);
    }

    fn counts(&mut self, pointer: &str, formula: &'static str, over: (Option<Over>, Option<Ratio>)) {
        self.says(pointer, "counted", formula);
        if let Some(said) = self.numbers.get_mut(pointer) {
            (said.window, said.coverage) = over;
        }
    }

    fn window(&mut self, at: usize, window: &SloWindow, slo: &SloView, known_for: f64) {
        let over = (Some(over(window.length)), window.coverage);
        let pointer = |name: &str| format!("/windows/{at}/{name}");
        let (good, bad) = (window.good.as_f64(), window.bad.as_f64());
        self.counts(&pointer("good"), "good events in the window", over);
        self.counts(&pointer("bad"), "bad events in the window", over);
        if window.error_ratio.is_some() {
            let inputs = [("good", good), ("bad", bad)];
            self.computes(&pointer("error_ratio"), "bad / (good + bad)", inputs, over);
        }
        if window.burn_rate.is_some() {
            let inputs = [("good", good), ("bad", bad), ("target", slo.target.get())];
            self.computes(&pointer("burn_rate"), "bad / (good + bad) / (1 - target)", inputs, over);
        }
        if window.coverage.is_some() {
            let length = over.0.map_or(0.0, |over| over.length.as_secs_f64());
            let inputs =
                [("measured", window.covered.as_secs_f64()), ("length", length), ("known_for", known_for)];
            self.computes(&pointer("coverage"), COVERAGE, inputs, over);
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
                self.computes(pointer, LEFT, of_raw, over);
            }
        }
        self.counts("/budget/raw/good", "good events in the period", over);
        self.counts("/budget/raw/bad", "bad events in the period", over);
        if budget.coverage.value().is_some() {
            let inputs =
                [("measured", budget.covered.as_secs_f64()), ("length", passed), ("known_for", known_for)];
            self.computes("/budget/coverage", COVERAGE, inputs, over);
        }
        self.corrected(view, slo, over);
        let hour = slo.windows.iter().find(|window| window.length == Window::H1.length());
        if let (Known::Value(_), Known::Value(left), Some(rate)) =
            (&slo.exhausted_in, &slo.remaining, hour.and_then(|hour| hour.burn_rate))
        {
            let inputs =
                [("period", slo.period.as_secs_f64()), ("remaining", left.get()), ("burn_rate", rate.get())];
            self.computes("/exhausted_in", "period * min(100, remaining / burn_rate)", inputs, over);
        }
    }

    fn corrected(&mut self, view: &View, slo: &SloView, over: (Option<Over>, Option<Ratio>)) {
        let raw = &slo.ledger.budget.raw;
        let CorrectedBudget { good, bad, remaining, excluded, deducted, refunded, corrections, .. } =
            &slo.ledger.budget.corrected;
        let at = |name: &str| format!("/budget/corrected/{name}");
        self.counts(&at("excluded/good"), "good events within `excluded.times`", over);
        self.counts(&at("excluded/bad"), "bad events within `excluded.times`", over);
        let inputs = [("raw", raw.good.as_f64()), ("excluded", excluded.good.as_f64())];
        self.computes(&at("good"), "max(0, raw - excluded)", inputs, over);
        let inputs = [
            ("raw", raw.bad.as_f64()),
            ("excluded", excluded.bad.as_f64()),
            ("deducted", deducted.as_f64()),
            ("refunded", refunded.as_f64()),
        ];
        self.computes(&at("bad"), "max(0, max(0, raw - excluded) + deducted - refunded)", inputs, over);
        if remaining.value().is_some() {
            let inputs = [("good", good.as_f64()), ("bad", bad.as_f64()), ("target", slo.target.get())];
            self.computes(&at("remaining"), LEFT, inputs, over);
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
            let inputs = BTreeMap::from([("events", Input::Numbers(events.collect()))]);
            let (window, coverage) = (over.0, None);
            let said = Explanation { kind: "computed", formula: "sum(events)", inputs, window, coverage };
            self.numbers.insert(at(name), said);
        }
    }

    fn forecast(&mut self, slo: &SloView) {
        self.says("/forecast/confidence", "declared", "how sure the ranges are, two-sided");
        for (at, scenario) in slo.ledger.forecast.scenarios.iter().enumerate() {
            let of_window = slo.windows.iter().find(|known| known.window == scenario.as_in);
            let over =
                (of_window.map(|window| over(window.length)), of_window.and_then(|window| window.coverage));
            let pointer = |name: &str| format!("/forecast/scenarios/{at}/{name}");
            self.counts(&pointer("parts"), "parts of the window that held events", over);
            let Some(burn) = scenario.burn_rate else { continue };
            for (name, formula) in
                [("low", LOW), ("measured", "sum(bad) / sum(all) / (1 - target)"), ("high", HIGH)]
            {
                let inputs = burn_inputs(slo, scenario);
                let (window, coverage) = over;
                let said = Explanation { kind: "computed", formula, inputs, window, coverage };
                self.numbers.insert(pointer(&format!("burn_rate/{name}")), said);
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
                    self.computes(&pointer(name), "period * remaining / burn_rate", inputs, over);
                }
            }
        }
    }
}

fn burn_inputs(slo: &SloView, scenario: &ScenarioView) -> BTreeMap<&'static str, Input> {
    let held = || scenario.counts.iter().filter(|part| part.total() > Count::ZERO);
    let (bad, all): (Count, Count) =
        (held().map(|part| part.bad).sum(), held().map(|part| part.total()).sum());
    let list = |each: fn(&mapwarden_engine::aggregate::slot::Counts) -> Count| {
        Input::Numbers(held().map(|part| each(part).as_f64()).collect())
    };
    BTreeMap::from([
        ("bad", list(|part| part.bad)),
        ("all", list(|part| part.total())),
        ("m", Input::Number(Count::new(u64::try_from(scenario.parts).unwrap_or(u64::MAX)).as_f64())),
        ("n", Input::Number(all.as_f64())),
        ("r", Input::Number(bad.as_f64() / all.as_f64())),
        ("t", Input::Number(scenario.student)),
        ("target", Input::Number(slo.target.get())),
        ("z", Input::Number(Z)),
    ])
}

fn over(length: Nanos) -> Over {
    let finest = Level::ALL.into_iter().find(|level| level.reach() >= length);
    Over { length, resolution: finest.unwrap_or(Level::EightHours).width() }
}
