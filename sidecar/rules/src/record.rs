//! Comes in: an objective. Goes out: the rules that sum slots to windows and divide last, with the names and labels of
//! Sloth's series. Without a measurement there is no sample. Never records NaN.

use super::calendar::{self, PERIOD};
use super::document::{Rule, RuleOutput};
use super::periods::Periods;
use super::resolved::{ID, NAME, ResolvedSlo, SERVICE, WINDOW};
use super::slots::{TOTAL, counted_names, record, share_of};
use super::tier::{number, rounded};
use super::window::{RuleWindow, SLOT};

/// The longest window that is summed every minute; longer ones are summed every two minutes. Raised, Prometheus reads
/// more.
pub(super) const QUICK: RuleWindow = RuleWindow::RECORDED[4];

/// All events of the calendar period until now.
pub(super) const PERIOD_TOTAL: &str = "mapwarden:sli_total:increase_period";
/// The bad events of the calendar period until now.
const PERIOD_BAD: &str = "mapwarden:sli_bad:increase_period";
/// The share of bad events of the calendar period until now.
const PERIOD_RATIO: &str = "mapwarden:sli_error:ratio_period";
/// The measured share of the calendar period until now.
pub(super) const PERIOD_COVERAGE: &str = "mapwarden:sli_coverage:ratio_period";

/// Returns the names of the sums of a window: all events, and bad events.
pub(super) fn sums(window: RuleWindow) -> (String, String) {
    (format!("mapwarden:sli_total:increase{window}"), format!("mapwarden:sli_bad:increase{window}"))
}

/// Returns the name of Sloth's error ratio of a window.
pub(super) fn ratio(window: RuleWindow) -> String {
    format!("slo:sli_error:ratio_rate{window}")
}

/// Returns the name of the measured share of a window.
pub(super) fn coverage(window: RuleWindow) -> String {
    format!("mapwarden:sli_coverage:ratio{window}")
}

/// Returns the rules of the sums and the error ratio of a window.
pub(super) fn window(objective: &ResolvedSlo<'_>, window: RuleWindow) -> [Rule; 3] {
    let (total_of, bad_of) = counted_names(objective);
    let (total, bad) = sums(window);
    // Folded, so that an objective keeps its counts when its labels change.
    let sum = |name: &str| {
        objective.fold("sum", &format!("sum_over_time({}[{}])", objective.series(name), window.range()))
    };
    let mut share =
        record(objective, ratio(window), share_of(&objective.series(&total), &objective.series(&bad)));
    share.labels.insert(WINDOW.to_owned(), window.to_string());
    [record(objective, total, sum(total_of)), record(objective, bad, sum(bad_of)), share]
}

/// Returns the rules of the sums, the error ratio and the coverage of the calendar period until now: of the slots that
/// are marked with the newest period.
pub(super) fn period(objective: &ResolvedSlo<'_>, periods: &Periods) -> Vec<Rule> {
    let (total_of, bad_of) = counted_names(objective);
    let start = format!("topk(1, {})", objective.series(calendar::START));
    let over = |function: &str, name: &str| {
        let slots = format!("{function}({}[{}])", objective.series(&calendar::marked(name)), periods.range());
        objective.fold("sum", &format!("\n  {slots}\n  and on ({PERIOD})\n  {start}\n"))
    };
    let elapsed = format!("(1 + floor((time() - {SLOT} - {start}) / {SLOT}))");
    let covered = format!(
        "clamp_max(\n  {}\n  / on () group_left ()\n  {elapsed}\n, 1)",
        over("count_over_time", TOTAL).replace('\n', "\n  ")
    );
    vec![
        record(objective, PERIOD_TOTAL, over("sum_over_time", total_of)),
        record(objective, PERIOD_BAD, over("sum_over_time", bad_of)),
        record(
            objective,
            PERIOD_RATIO,
            share_of(&objective.series(PERIOD_TOTAL), &objective.series(PERIOD_BAD)),
        ),
        record(objective, PERIOD_COVERAGE, covered),
    ]
}

/// Returns the rules of the metadata of the objective, the burn rates and the remaining budget.
pub(super) fn meta(objective: &ResolvedSlo<'_>) -> Vec<Rule> {
    let target = rounded(1.0 - objective.allowed);
    let constant = |value: &str| format!("vector({value})");
    let joined = |left: &str, right: &str| {
        format!(
            "{}\n/ on ({ID}, {SERVICE}, {NAME}) group_left ()\n{}",
            objective.series(left),
            objective.series(right)
        )
    };
    let current = objective.windows().first().copied().unwrap_or(RuleWindow::M5);
    let mut rules = vec![
        record(objective, "slo:objective:ratio", constant(&number(target))),
        record(objective, "slo:error_budget:ratio", constant(&number(objective.allowed))),
        record(objective, "slo:time_period:days", constant(&number(objective.period.in_days()))),
        burn(objective, "slo:current_burn_rate:ratio", joined(&ratio(current), "slo:error_budget:ratio")),
    ];
    let period = match &objective.periods {
        Some(_) => Some(PERIOD_RATIO.to_owned()),
        None => objective.is_rolling().then(|| ratio(objective.period)),
    };
    if let Some(period) = period {
        let period = joined(&period, "slo:error_budget:ratio");
        rules.push(burn(objective, "slo:period_burn_rate:ratio", period));
        let left = format!("1 - {}", objective.series("slo:period_burn_rate:ratio"));
        rules.push(record(objective, "slo:period_error_budget_remaining:ratio", left));
    }
    rules.extend(objective.covered().into_iter().map(|window| measured(objective, window)));
    let mut info = record(objective, "sloth_slo_info", constant("1"));
    let about = [
        ("sloth_version", format!("mapwarden-{}", env!("CARGO_PKG_VERSION"))),
        ("sloth_mode", "mapwarden-rules".to_owned()),
        ("sloth_spec", "prometheus/v1".to_owned()),
        ("sloth_objective", number(target * 100.0)),
    ];
    info.labels.extend(about.map(|(name, value)| (name.to_owned(), value)));
    rules.push(info);
    rules
}

/// Returns the rule of a burn rate, without the label of the window, which other rules of the objective do not have.
fn burn(objective: &ResolvedSlo<'_>, name: &str, expression: String) -> Rule {
    let expression = format!("max without ({WINDOW}) (\n  {}\n)", expression.replace('\n', "\n  "));
    Rule {
        output: RuleOutput::Record(name.to_owned()),
        expression,
        labels: objective.labels.clone(),
        after: 0,
    }
}

/// Returns the rule of the measured share of a window.
fn measured(objective: &ResolvedSlo<'_>, window: RuleWindow) -> Rule {
    let counted = format!("count_over_time({}[{}])", objective.series(TOTAL), window.range());
    let expression = format!("{} / {}", objective.fold("sum", &counted), window.seconds() / SLOT);
    record(objective, coverage(window), expression)
}
