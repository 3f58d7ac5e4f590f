//! Comes in: an objective's indicator. Goes out: the rules that record, minute by minute, how many events there were and
//! how many of them were bad. Zero events are a zero; no telemetry is no sample.

use crate::series::{SLI_EVENTS, SLI_GOOD};
use mapwarden_contract::{Count, Verdict};

use super::document::{Kind, Rule};
use super::promql::{count_of_slice, counted, over};
use super::subject::{Part, Subject, series, text, timeslice};
use super::tier::number;
use super::window::{SLICE, Window};
use mapwarden_objective::{Comparison, Indicator, Method, Queried, Queries};

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
            if subject.parts.iter().any(|part| timeslice(part.slo) != subject.timeslice()) {
                return Err("its parts are not kept by slices of time of its own length".to_owned());
            }
            (counted_once(&parts_known(subject, None)), composed(subject, None))
        }
    };
    let mut rules = vec![record(subject, TOTAL, total), record(subject, BAD, bad)];
    match subject.slo.method {
        Method::Occurrences => {}
        Method::Timeslices { target, .. } => {
            let allowed = number(target.complement().get());
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
                Verdict::Good => bad_of_good(subject, &part),
                Verdict::Bad => {
                    format!("clamp_min(\n{}\n  or\n  {}\n, 0)", indent(&part), none_of_total(subject))
                }
            };
            Ok((total, bad))
        }
        Queries::Ratio { share, is } => {
            let share = of("share", over(share, &ANSWERED.to_string()))?;
            let (worst, bad) = match is {
                Verdict::Bad => ("max", ("", "")),
                Verdict::Good => ("min", ("1 - ", "")),
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
            let verdict = subject.fold("min", &format!("({value}) {compare} bool {}", number(*threshold)));
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
    let window = Window::new(mapwarden_contract::Nanos::from_secs(slice));
    let turn = format!("and on ()\n(floor(vector(time()) / {SLICE}) % {} == 0)", slice / SLICE);
    let (known, share) = if subject.parts.is_empty() {
        let sum = |name: &str| {
            subject.fold("sum", &format!("sum_over_time({}[{}])", subject.series(name), window.range()))
        };
        let measured = format!("count_over_time({}[{}])", subject.series(TOTAL), window.range());
        let half = number(Count::new(slice / SLICE).as_f64() / 2.0);
        let known = format!(
            "{total} > 0\nor\n{total} and {} >= {half}",
            subject.fold("max", &measured),
            total = sum(TOTAL)
        );
        let share = share_or_none(&sum(TOTAL), &sum(BAD));
        (known, share)
    } else {
        (parts_known(subject, Some(window)), composed(subject, Some(window)))
    };
    let total = format!("{}\n{turn}", counted_once(&known));
    let bad = format!("(\n{}\n) {verdict}\n{turn}", indent(&share));
    Ok([record(subject, SLICES_TOTAL, total), record(subject, SLICES_BAD, bad)])
}

/// One, wherever something was measured.
fn counted_once(known: &str) -> String {
    format!("1 + 0 * (\n{}\n)", indent(known))
}

/// The share of bad events, and none of none.
pub(super) fn share_of(total: &str, bad: &str) -> String {
    format!("clamp_max(\n  {bad}\n  /\n  ({total} > 0)\n, 1)")
}

/// The share of bad events; 0 of none.
fn share_or_none(total: &str, bad: &str) -> String {
    format!("{}\nor\n0 * {total}", share_of(total, bad))
}

/// All and bad events of a part in the newest minute, or in the newest of its own slices of time: of one sample, whichever of the
/// two groups of rules is evaluated first, and whether or not the ends of a range count.
fn of_part(subject: &Subject<'_>, part: &Part<'_>, slice: Option<Window>) -> (String, String) {
    let newest = |minute: &str, slices: &str| {
        let newest = match slice {
            None => series(part.slo, minute),
            Some(slice) => {
                format!("last_over_time({}[{}ms])", series(part.slo, slices), 1_000 * slice.seconds() - 1)
            }
        };
        subject.fold("sum", &newest)
    };
    (newest(TOTAL, SLICES_TOTAL), newest(BAD, SLICES_BAD))
}

/// The events of all parts, where each of them was measured.
fn parts_known(subject: &Subject<'_>, slice: Option<Window>) -> String {
    let parts = subject.parts.iter().map(|part| of_part(subject, part, slice).0);
    parts.collect::<Vec<_>>().join("\n+\n")
}

/// How bad the parts of an objective are, where each of them was measured: the weighted mean of their shares of bad events, in
/// which a part without an event has no say; or, without weights, 1 where one of them is worse than it promises.
fn composed(subject: &Subject<'_>, slice: Option<Window>) -> String {
    let shares = subject.parts.iter().map(|part| {
        let (total, bad) = of_part(subject, part, slice);
        let share = indent(&share_or_none(&total, &bad));
        match part.weight {
            Some(weight) => format!("{} * (\n{share}\n)", number(weight)),
            None => format!("((\n{share}\n) > bool {})", number(part.allowed())),
        }
    });
    let shares = indent(&shares.collect::<Vec<_>>().join("\n+\n"));
    let heard = subject.parts.iter().filter_map(|part| {
        Some(format!("{} * ({} > bool 0)", number(part.weight?), of_part(subject, part, slice).0))
    });
    let heard: Vec<_> = heard.collect();
    if heard.is_empty() {
        return format!("clamp_max(\n{shares}\n, 1)");
    }
    let (heard, known) = (indent(&heard.join("\n+\n")), indent(&parts_known(subject, slice)));
    format!("(\n{shares}\n)\n/\n(\n{heard}\n  > 0\n)\nor\n0 * (\n{known}\n)")
}

fn indented(text: &str) -> String {
    if text.contains('\n') { format!("\n{}\n", indent(text)) } else { text.to_owned() }
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
