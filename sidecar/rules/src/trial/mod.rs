//! Comes in: an objective. Goes out: the promtool test file of its rules: histories of raw series, and what the rules must
//! make of them, worked out by plain sums. Never reads the rules that it tests.

mod feed;
mod history;
mod judge;
mod period;
mod slow;
mod stories;

use std::fmt::Write as _;

use self::feed::Feed;
use self::judge::Judge;
use self::stories::Story;
use super::alert;
use super::document::quoted;
use super::record::{PERIOD_COVERAGE, PERIOD_TOTAL, coverage, ratio, sums};
use super::subject::{ID, SEVERITY, Subject, text};
use super::window::Window;
use mapwarden_objective::Method;
use mapwarden_objective::Severity;

/// What is asked of the rules at the end of a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// Whether an alert fires.
    Alert(Severity),
    /// Whether missing data is told of.
    NoData,
    /// The sum of all events, or of the bad ones, over a window.
    Total(Window),
    /// The bad ones.
    Bad(Window),
    /// The error ratio of a window.
    Ratio(Window),
    /// What is left of the period's budget.
    Remaining,
    /// The share of a window that was measured.
    Coverage(Window),
    /// The share of the calendar's period until now that was measured.
    PeriodCoverage,
    /// The sum of all events of the calendar's period until now.
    PeriodTotal,
}

/// The rules that are tested.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tested<'a> {
    /// The path of the rule file as the test file sees it.
    pub(super) file: &'a str,
    /// The names of its groups, in the order in which they are evaluated.
    pub(super) groups: &'a [String],
}

/// The text of the test file.
pub(super) fn write(subject: &Subject<'_>, tested: Tested<'_>) -> String {
    let mut out = head(tested, 1);
    let feed = Feed::new(subject);
    if feed.is_none() {
        out.push_str(
            "  # Its queries cannot be told apart by series of our own making: only silence is tested.\n",
        );
    }
    for story in stories::all(subject, feed.as_ref()) {
        write_story(&mut out, subject, feed.as_ref(), &Judge::new(subject, &story.history), &story);
    }
    out
}

/// The text of the test file of slow tiers: of days, which are evaluated less often; none where no tier is slow.
pub(super) fn write_slow(subject: &Subject<'_>, tested: Tested<'_>) -> Option<String> {
    let stories = slow::all(subject);
    let mut out = head(tested, slow::STEP);
    for story in &stories {
        let judge = Judge::every(slow::STEP, subject, &story.history);
        write_story(&mut out, subject, Some(&Feed::Recorded), &judge, story);
    }
    (!stories.is_empty()).then_some(out)
}

/// What comes before the tests; rules are evaluated every so many minutes.
fn head(tested: Tested<'_>, minutes: usize) -> String {
    let mut out = String::from("# Written by `mapwarden rules`; run it with `promtool test rules`.\n");
    // Writing to a String never fails.
    let _ = writeln!(out, "rule_files: [{}]\nevaluation_interval: {minutes}m", quoted(tested.file));
    let _ = writeln!(out, "group_eval_order:");
    for group in tested.groups {
        let _ = writeln!(out, "  - {}", quoted(group));
    }
    out.push_str("tests:\n");
    out
}

fn write_story(
    out: &mut String,
    subject: &Subject<'_>,
    feed: Option<&Feed>,
    judge: &Judge<'_>,
    story: &Story,
) {
    let interval = feed.map_or("1m", Feed::interval);
    let _ = writeln!(out, "  - name: {}\n    interval: {interval}", quoted(&story.name));
    let series = feed.map(|feed| feed.series(subject, &story.history)).unwrap_or_default();
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
        let samples = match expected(judge, *minute, *question).map(|value| rounded(subject, value)) {
            None => "[]".to_owned(),
            Some(value) => format!("[{{labels: \"{{}}\", value: {value}}}]"),
        };
        let expression = quoted(&expression(subject, *question));
        let _ = writeln!(
            out,
            "      - expr: {expression}\n        eval_time: {minute}m\n        exp_samples: {samples}"
        );
    }
}

fn expected(judge: &Judge<'_>, minute: usize, question: Question) -> Option<f64> {
    let one = |is_so: bool| is_so.then_some(1.0);
    match question {
        Question::Alert(severity) => one(judge.is_firing(severity, minute)),
        Question::NoData => one(judge.is_unmeasured(minute)),
        Question::Total(window) => judge.sums(window, minute).map(|(all, _)| all),
        Question::Bad(window) => judge.sums(window, minute).map(|(_, bad)| bad),
        Question::Ratio(window) => judge.ratio(window, minute),
        Question::Remaining => judge.remaining(minute),
        Question::Coverage(window) => judge.coverage(window, minute),
        Question::PeriodCoverage => judge.period_coverage(minute),
        Question::PeriodTotal => judge.period_sums(minute).map(|(all, _)| all),
    }
}

/// What fractions are rounded to: 2^-20, so that rounding is exact. Raised, smaller differences go unseen; lowered towards
/// 2^-50, the order in which fractions are added is seen.
const STEP: f64 = 0.000_000_953_674_316_406_25;

/// Whether shares of slices are added up, of which the last digit depends on their order.
fn is_fractional(subject: &Subject<'_>) -> bool {
    let is_weighted = subject.parts.iter().any(|part| part.weight.is_some());
    matches!(subject.slo.method, Method::RatioTimeslices { .. })
        || is_weighted && subject.slo.method == Method::Occurrences
}

/// As PromQL's `round` does it.
fn rounded(subject: &Subject<'_>, value: f64) -> f64 {
    if is_fractional(subject) { (value / STEP + 0.5).floor() * STEP } else { value }
}

fn expression(subject: &Subject<'_>, question: Question) -> String {
    let alert = |name: &str, severity: Severity| {
        let (name, id) = (text(name), text(&subject.id));
        let severity = text(severity.name());
        format!("count(ALERTS{{alertname={name},alertstate=\"firing\",{ID}={id},{SEVERITY}={severity}}})")
    };
    let sum = |name: &str| {
        let sum = format!("sum({})", subject.series(name));
        if is_fractional(subject) { format!("round({sum}, {STEP})") } else { sum }
    };
    match question {
        Question::Alert(severity) => alert(&alert::name(subject), severity),
        Question::NoData => alert(&format!("{}NoData", alert::name(subject)), Severity::Ticket),
        Question::Total(window) => sum(&sums(window).0),
        Question::Bad(window) => sum(&sums(window).1),
        Question::Ratio(window) => sum(&ratio(window)),
        Question::Remaining => sum("slo:period_error_budget_remaining:ratio"),
        Question::Coverage(window) => sum(&coverage(window)),
        Question::PeriodCoverage => sum(PERIOD_COVERAGE),
        Question::PeriodTotal => sum(PERIOD_TOTAL),
    }
}
