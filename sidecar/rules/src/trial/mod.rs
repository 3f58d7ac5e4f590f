//! Comes in: an objective. Goes out: the promtool test file of its rules: histories of raw series, and the values that
//! the rules must record, computed by plain sums. Never reads the rules that it tests.

mod feed;
mod history;
mod oracle;
mod period;
mod question;
mod slow;
mod stories;
mod time_slices;

use std::fmt::Write as _;

use mapwarden_objective::Severity;

use self::feed::Feed;
use self::oracle::Oracle;
use self::question::Question;
use self::stories::Story;
use self::time_slices::is_fractional;
use super::alert;
use super::document::quoted;
use super::record::{PERIOD_COVERAGE, PERIOD_TOTAL, coverage, ratio, sums};
use super::resolved::{ID, ResolvedSlo, SEVERITY, text};

/// The rule file that is tested.
#[derive(Clone, Copy, Debug)]
pub(super) struct TestedFile<'a> {
    /// The path of the rule file as the test file sees it.
    pub(super) path: &'a str,
    /// The names of its groups, in the order in which they are evaluated.
    pub(super) groups: &'a [String],
}

/// Returns the text of the test file.
pub(super) fn write(objective: &ResolvedSlo<'_>, file: TestedFile<'_>) -> String {
    let mut out = head(file, 1);
    let feed = Feed::new(objective);
    if feed.is_none() {
        out.push_str("  # No generated series distinguish its queries: only silence is tested.\n");
    }
    for story in stories::all(objective, feed.as_ref()) {
        write_story(&mut out, objective, feed.as_ref(), &Oracle::new(objective, &story.history), &story);
    }
    out
}

/// Returns the text of the test file of slow tiers: histories of days, which are evaluated less often; none where no
/// tier is slow.
pub(super) fn write_slow(objective: &ResolvedSlo<'_>, file: TestedFile<'_>) -> Option<String> {
    let stories = slow::all(objective);
    let mut out = head(file, slow::STEP);
    for story in &stories {
        let oracle = Oracle::every(slow::STEP, objective, &story.history);
        write_story(&mut out, objective, Some(&Feed::Recorded), &oracle, story);
    }
    (!stories.is_empty()).then_some(out)
}

/// Returns the text before the tests. Rules are evaluated every `minutes`.
fn head(file: TestedFile<'_>, minutes: usize) -> String {
    let mut out = String::from("# Written by `mapwarden rules`; run it with `promtool test rules`.\n");
    // Writing to a String never fails.
    let _ = writeln!(out, "rule_files: [{}]\nevaluation_interval: {minutes}m", quoted(file.path));
    let _ = writeln!(out, "group_eval_order:");
    for group in file.groups {
        let _ = writeln!(out, "  - {}", quoted(group));
    }
    out.push_str("tests:\n");
    out
}

fn write_story(
    out: &mut String,
    objective: &ResolvedSlo<'_>,
    feed: Option<&Feed>,
    oracle: &Oracle<'_>,
    story: &Story,
) {
    let interval = feed.map_or("1m", Feed::interval);
    let _ = writeln!(out, "  - name: {}\n    interval: {interval}", quoted(&story.name));
    let series = feed.map(|feed| feed.series(objective, &story.history)).unwrap_or_default();
    if series.is_empty() || story.history.minutes.is_empty() {
        let _ = writeln!(out, "    input_series: []");
    } else {
        let _ = writeln!(out, "    input_series:");
        for (name, values) in series {
            let _ = writeln!(out, "      - series: {}\n        values: {}", quoted(&name), quoted(&values));
        }
    }
    let _ = writeln!(out, "    promql_expr_test:");
    for (minute, question) in &story.questions {
        let samples = match expected(oracle, *minute, *question).map(|value| rounded(objective, value)) {
            None => "[]".to_owned(),
            Some(value) => format!("[{{labels: \"{{}}\", value: {value}}}]"),
        };
        let expression = quoted(&expression(objective, *question));
        let _ = writeln!(
            out,
            "      - expr: {expression}\n        eval_time: {minute}m\n        exp_samples: {samples}"
        );
    }
}

fn expected(oracle: &Oracle<'_>, minute: usize, question: Question) -> Option<f64> {
    let one = |holds: bool| holds.then_some(1.0);
    match question {
        Question::Alert(severity) => one(oracle.is_firing(severity, minute)),
        Question::NoData => one(oracle.is_unmeasured(minute)),
        Question::Total(window) => oracle.sums(window, minute).map(|(all, _)| all),
        Question::Bad(window) => oracle.sums(window, minute).map(|(_, bad)| bad),
        Question::Ratio(window) => oracle.ratio(window, minute),
        Question::Remaining => oracle.remaining(minute),
        Question::Coverage(window) => oracle.coverage(window, minute),
        Question::PeriodCoverage => oracle.period_coverage(minute),
        Question::PeriodTotal => oracle.period_sums(minute).map(|(all, _)| all),
    }
}

/// The step to which fractions are rounded: 2^-20, so that rounding is exact. Raised, smaller differences are unseen;
/// lowered towards 2^-50, the order in which fractions are added is visible.
const STEP: f64 = 0.000_000_953_674_316_406_25;

/// Rounds as PromQL's `round` does.
fn rounded(objective: &ResolvedSlo<'_>, value: f64) -> f64 {
    if is_fractional(objective) { (value / STEP + 0.5).floor() * STEP } else { value }
}

fn expression(objective: &ResolvedSlo<'_>, question: Question) -> String {
    let alert = |name: &str, severity: Severity| {
        let (name, id) = (text(name), text(&objective.id));
        let severity = text(severity.name());
        format!("count(ALERTS{{alertname={name},alertstate=\"firing\",{ID}={id},{SEVERITY}={severity}}})")
    };
    let sum = |name: &str| {
        let sum = format!("sum({})", objective.series(name));
        if is_fractional(objective) { format!("round({sum}, {STEP})") } else { sum }
    };
    match question {
        Question::Alert(severity) => alert(&alert::name(objective), severity),
        Question::NoData => alert(&format!("{}NoData", alert::name(objective)), Severity::Ticket),
        Question::Total(window) => sum(&sums(window).0),
        Question::Bad(window) => sum(&sums(window).1),
        Question::Ratio(window) => sum(&ratio(window)),
        Question::Remaining => sum("slo:period_error_budget_remaining:ratio"),
        Question::Coverage(window) => sum(&coverage(window)),
        Question::PeriodCoverage => sum(PERIOD_COVERAGE),
        Question::PeriodTotal => sum(PERIOD_TOTAL),
    }
}
