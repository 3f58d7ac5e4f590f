//! Comes in: an objective's indicator. Goes out: the rules that record, minute by minute, how many events there were and
//! how many of them were bad. Zero events are a zero; no telemetry is no sample.

use mapwarden::contract::names::exposition::{SLI_EVENTS, SLI_GOOD};

use super::document::{Kind, Rule};
use super::promql::{count_of_slice, counted, over};
use super::subject::{Subject, text};
use super::window::{SLICE, Window};
use crate::spec::{Comparison, Indicator, Judged, Method, Queried, Queries};

/// All events of one slice.
pub(super) const TOTAL: &str = "mapwarden:sli_total:increase1m";
/// The bad ones among them.
pub(super) const BAD: &str = "mapwarden:sli_bad:increase1m";
/// Slices of time with events, of an objective that counts slices.
pub(super) const SLICES_TOTAL: &str = "mapwarden:slice_total:count";
/// The bad ones among them.
pub(super) const SLICES_BAD: &str = "mapwarden:slice_bad:count";

/// The window of a share or a value that a server computes itself. Raised, it lags more; lowered towards the scrape
/// interval, it has gaps.
const ANSWERED: Window = Window::M5;

/// The rules of the slices, total first.
///
/// # Errors
/// Why rules cannot do it.
pub(super) fn rules(subject: &Subject<'_>) -> Result<Vec<Rule>, String> {
    let (total, bad) = match &subject.slo.indicator {
        Indicator::Events { .. } | Indicator::Latency { .. } => held(subject),
        Indicator::Queried(Queried { queries, .. }) => queried(subject, queries)?,
        Indicator::Composite { .. } => {
            let why = "it is composed of other objectives: the sidecar evaluates it, rules are not written";
            return Err(why.to_owned());
        }
    };
    let mut rules = vec![record(subject, TOTAL, total), record(subject, BAD, bad)];
    match subject.slo.method {
        Method::Occurrences => {}
        Method::Timeslices { target, .. } => {
            let allowed = super::tier::number(target.complement().get());
            rules.extend(timeslices(subject, &format!("> bool {allowed}"))?);
        }
        Method::RatioTimeslices { .. } => rules.extend(timeslices(subject, "")?),
    }
    Ok(rules)
}

/// A rule that records a series of this objective.
pub(super) fn record(subject: &Subject<'_>, name: impl Into<String>, expression: String) -> Rule {
    Rule { kind: Kind::Record(name.into()), expression, labels: subject.labels.clone(), after: 0 }
}

/// The names of what an objective's budget is made of: events, or slices of time, and the bad ones.
pub(super) fn counted_names(subject: &Subject<'_>) -> (&'static str, &'static str) {
    if subject.timeslice().is_some() { (SLICES_TOTAL, SLICES_BAD) } else { (TOTAL, BAD) }
}

/// The sidecars' own counters, over all pods of a namespace.
fn held(subject: &Subject<'_>) -> (String, String) {
    let (slo, service) = (text(&subject.slo.id()), text(&subject.slo.service));
    let counter = |name| {
        indented(&counted(&format!("{name}{{service={service},slo={slo}}}"), std::time::Duration::ZERO))
    };
    let total = subject.fold("sum", &counter(SLI_EVENTS.name));
    let good = subject.fold("sum", &counter(SLI_GOOD.name));
    (total, bad_of_good(subject, &good))
}

fn queried(subject: &Subject<'_>, queries: &Queries) -> Result<(String, String), String> {
    let of = |what: &str, text: Result<String, String>| {
        text.map(|text| indented(&text)).map_err(|why| format!("its {what} is not PromQL: {why}"))
    };
    match queries {
        Queries::Events { total, part, is } => {
            let total = subject.fold("sum", &of("total", count_of_slice(total))?);
            let part = subject.fold("sum", &of("part", count_of_slice(part))?);
            let bad = match is {
                Judged::Good => bad_of_good(subject, &part),
                Judged::Bad => {
                    format!("clamp_min(\n{}\n  or\n  {}\n, 0)", indent(&part), none_of_total(subject))
                }
            };
            Ok((total, bad))
        }
        Queries::Ratio { share, is } => {
            let share = of("share", over(share, &ANSWERED.to_string()))?;
            let (worst, bad) = match is {
                Judged::Bad => ("max", ("", "")),
                Judged::Good => ("min", ("1 - ", "")),
            };
            let share = subject.fold(worst, &share);
            // A share that is not a number is no measurement, and compares with nothing.
            let total = format!("({share} >= bool 0) == 1");
            Ok((total, format!("{}clamp({share} >= 0, 0, 1){}", bad.0, bad.1)))
        }
        Queries::Threshold { value, good, threshold } => {
            let value = of("value", over(value, &ANSWERED.to_string()))?;
            let compare = match good {
                Comparison::Lte => "<=",
                Comparison::Gte => ">=",
                Comparison::Lt => "<",
                Comparison::Gt => ">",
            };
            let total = format!("{} == 1", subject.fold("max", &format!("({value}) >= bool -Inf")));
            let verdict =
                subject.fold("min", &format!("({value}) {compare} bool {}", super::tier::number(*threshold)));
            Ok((total, format!("1 - {verdict}\nand\n{}", measured(subject))))
        }
    }
}

/// All events that were not good; with no good ones, all.
fn bad_of_good(subject: &Subject<'_>, good: &str) -> String {
    let all = measured(subject);
    format!(
        "clamp_min(\n  {all}\n  - (\n{}\n    or\n    {}\n  )\n, 0)",
        indent(&indent(good)),
        none_of_total(subject)
    )
}

/// The slice's events without the labels that a rule adds.
fn measured(subject: &Subject<'_>) -> String {
    subject.fold("sum", &subject.series(TOTAL))
}

/// Zero wherever something was measured.
fn none_of_total(subject: &Subject<'_>) -> String {
    format!("0 * {}", measured(subject))
}

/// Slices of time by the clock, each counted once, by whatever is compared with its share of bad events.
fn timeslices(subject: &Subject<'_>, verdict: &str) -> Result<[Rule; 2], String> {
    let slice = subject.timeslice().map_or(SLICE, Window::seconds);
    if slice < SLICE || !slice.is_multiple_of(SLICE) {
        return Err(format!("its slices of {slice} s are not whole minutes"));
    }
    let window = Window::new(mapwarden::contract::Nanos::from_secs(slice));
    let sum = |name: &str| {
        subject.fold("sum", &format!("sum_over_time({}[{}])", subject.series(name), window.range()))
    };
    let turn = format!("and on ()\n(floor(vector(time()) / {SLICE}) % {} == 0)", slice / SLICE);
    let total = format!("({} > bool 0)\n{turn}", sum(TOTAL));
    let share = format!("clamp_max({}\n/\n({} > 0), 1)", sum(BAD), sum(TOTAL));
    let none = format!("0 * {}", sum(TOTAL));
    let bad = format!("(\n  ({} {verdict})\n  or\n  {none}\n)\n{turn}", indent(&share).trim_start());
    Ok([record(subject, SLICES_TOTAL, total), record(subject, SLICES_BAD, bad)])
}

fn indented(text: &str) -> String {
    if text.contains('\n') { format!("\n{}\n", indent(text)) } else { text.to_owned() }
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
