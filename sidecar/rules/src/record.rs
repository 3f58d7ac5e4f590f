//! Comes in: an objective. Goes out: the rules that add slices up to windows and divide last, with the names and labels
//! of Sloth's series. Where nothing was measured there is no sample; nothing is ever NaN.

use super::calendar::{self, PERIOD, Periods};
use super::document::{Kind, Rule};
use super::slices::{TOTAL, counted_names, record, share_of};
use super::subject::{ID, NAME, SERVICE, Subject, WINDOW};
use super::tier::{number, rounded};
use super::window::{SLICE, Window};

/// The longest window that is added up every minute; longer ones are every two. Raised, Prometheus reads more.
pub(super) const QUICK: Window = Window::RECORDED[4];

/// All events of a calendar's period until now.
pub(super) const PERIOD_TOTAL: &str = "mapwarden:sli_total:increase_period";
/// The bad ones among them.
const PERIOD_BAD: &str = "mapwarden:sli_bad:increase_period";
/// Their share.
const PERIOD_RATIO: &str = "mapwarden:sli_error:ratio_period";
/// The share of the period until now that was measured.
pub(super) const PERIOD_COVERAGE: &str = "mapwarden:sli_coverage:ratio_period";

/// The names of the sums of a window: all events, and the bad ones.
pub(super) fn sums(window: Window) -> (String, String) {
    (format!("mapwarden:sli_total:increase{window}"), format!("mapwarden:sli_bad:increase{window}"))
}

/// Sloth's error ratio of a window.
pub(super) fn ratio(window: Window) -> String {
    format!("slo:sli_error:ratio_rate{window}")
}

/// The share of a window that was measured.
pub(super) fn coverage(window: Window) -> String {
    format!("mapwarden:sli_coverage:ratio{window}")
}

/// The sums and the error ratio of one window.
pub(super) fn window(subject: &Subject<'_>, window: Window) -> [Rule; 3] {
    let (total_of, bad_of) = counted_names(subject);
    let (total, bad) = sums(window);
    // Folded, so that an objective whose labels change keeps what it has counted.
    let sum = |name: &str| {
        subject.fold("sum", &format!("sum_over_time({}[{}])", subject.series(name), window.range()))
    };
    let mut share = record(subject, ratio(window), share_of(&subject.series(&total), &subject.series(&bad)));
    share.labels.insert(WINDOW.to_owned(), window.to_string());
    [record(subject, total, sum(total_of)), record(subject, bad, sum(bad_of)), share]
}

/// The sums, the error ratio and the coverage of a calendar's period, from its beginning until now: of the slices that are
/// marked with the newest one.
pub(super) fn period(subject: &Subject<'_>, periods: &Periods) -> Vec<Rule> {
    let (total_of, bad_of) = counted_names(subject);
    let start = format!("topk(1, {})", subject.series(calendar::START));
    let over = |function: &str, name: &str| {
        let slices = format!("{function}({}[{}])", subject.series(&calendar::marked(name)), periods.range());
        subject.fold("sum", &format!("\n  {slices}\n  and on ({PERIOD})\n  {start}\n"))
    };
    let elapsed = format!("(1 + floor((time() - {SLICE} - {start}) / {SLICE}))");
    let covered = format!(
        "clamp_max(\n  {}\n  / on () group_left ()\n  {elapsed}\n, 1)",
        over("count_over_time", TOTAL).replace('\n', "\n  ")
    );
    vec![
        record(subject, PERIOD_TOTAL, over("sum_over_time", total_of)),
        record(subject, PERIOD_BAD, over("sum_over_time", bad_of)),
        record(subject, PERIOD_RATIO, share_of(&subject.series(PERIOD_TOTAL), &subject.series(PERIOD_BAD))),
        record(subject, PERIOD_COVERAGE, covered),
    ]
}

/// What the objective is, how fast its budget burns and what is left of it.
pub(super) fn meta(subject: &Subject<'_>) -> Vec<Rule> {
    let target = rounded(1.0 - subject.allowed);
    let constant = |value: &str| format!("vector({value})");
    let joined = |left: &str, right: &str| {
        format!(
            "{}\n/ on ({ID}, {SERVICE}, {NAME}) group_left ()\n{}",
            subject.series(left),
            subject.series(right)
        )
    };
    let current = subject.windows().first().copied().unwrap_or(Window::M5);
    let mut rules = vec![
        record(subject, "slo:objective:ratio", constant(&number(target))),
        record(subject, "slo:error_budget:ratio", constant(&number(subject.allowed))),
        record(subject, "slo:time_period:days", constant(&number(subject.period.in_days()))),
        burn(subject, "slo:current_burn_rate:ratio", joined(&ratio(current), "slo:error_budget:ratio")),
    ];
    let period = match &subject.periods {
        Some(_) => Some(PERIOD_RATIO.to_owned()),
        None => subject.is_rolling().then(|| ratio(subject.period)),
    };
    if let Some(period) = period {
        let period = joined(&period, "slo:error_budget:ratio");
        rules.push(burn(subject, "slo:period_burn_rate:ratio", period));
        let left = format!("1 - {}", subject.series("slo:period_burn_rate:ratio"));
        rules.push(record(subject, "slo:period_error_budget_remaining:ratio", left));
    }
    rules.extend(subject.covered().into_iter().map(|window| measured(subject, window)));
    let mut info = record(subject, "sloth_slo_info", constant("1"));
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

/// A burn rate: its window's label would be the only one that another rule does not have.
fn burn(subject: &Subject<'_>, name: &str, expression: String) -> Rule {
    let expression = format!("max without ({WINDOW}) (\n  {}\n)", expression.replace('\n', "\n  "));
    Rule { kind: Kind::Record(name.to_owned()), expression, labels: subject.labels.clone(), after: 0 }
}

/// How much of a window was measured at all.
fn measured(subject: &Subject<'_>, window: Window) -> Rule {
    let counted = format!("count_over_time({}[{}])", subject.series(TOTAL), window.range());
    let expression = format!("{} / {}", subject.fold("sum", &counted), window.seconds() / SLICE);
    record(subject, coverage(window), expression)
}
