//! Comes in: the indicator of an objective. Goes out: the rules that record for each one-minute slot the number of
//! events and the number of bad events. Zero events are recorded as 0; without telemetry there is no sample. Never
//! writes a rule of a window.

use mapwarden_contract::{Count, Verdict};
use mapwarden_objective::{Comparison, Indicator, Method, Queried, Queries};

use super::document::{Rule, RuleOutput};
use super::promql::{count_of_slot, counted, over};
use super::resolved::{CompositeMember, ResolvedSlo, series, text, time_slice};
use super::series::{SLI_EVENTS, SLI_GOOD};
use super::tier::number;
use super::window::{RuleWindow, SLOT};

/// All events of one slot.
pub(super) const TOTAL: &str = "mapwarden:sli_total:increase1m";
/// The bad events of one slot.
pub(super) const BAD: &str = "mapwarden:sli_bad:increase1m";
/// Measured time slices, for an objective that counts time slices.
pub(super) const TIME_SLICES_TOTAL: &str = "mapwarden:slice_total:count";
/// The bad time slices.
pub(super) const TIME_SLICES_BAD: &str = "mapwarden:slice_bad:count";

/// The window of a share or a value that a server computes itself. Raised, the value lags more; lowered towards the
/// scrape interval, it has gaps.
const ANSWERED: RuleWindow = RuleWindow::M5;

/// Returns the rules of the slots, total first.
///
/// # Errors
/// The reason why rules cannot count the events.
pub(super) fn rules(objective: &ResolvedSlo<'_>) -> Result<Vec<Rule>, String> {
    let (total, bad) = match &objective.slo.indicator {
        Indicator::Events { .. } | Indicator::Latency { .. } => held(objective),
        Indicator::Queried(Queried { queries, .. }) => queried(objective, queries)?,
        Indicator::Composite { .. } => {
            if objective.members.iter().any(|member| time_slice(member.slo) != objective.time_slice()) {
                return Err("its members do not count time slices of its length".to_owned());
            }
            (counted_once(&all_known(objective, None)), composed(objective, None))
        }
    };
    let mut rules = vec![record(objective, TOTAL, total), record(objective, BAD, bad)];
    match objective.slo.method {
        Method::Occurrences => {}
        Method::Timeslices { target, .. } => {
            let allowed = number(target.complement().get());
            rules.extend(time_slices(objective, &format!("> bool {allowed}"))?);
        }
        Method::RatioTimeslices { .. } => rules.extend(time_slices(objective, "")?),
    }
    Ok(rules)
}

/// Returns a rule that records a series of this objective.
pub(super) fn record(objective: &ResolvedSlo<'_>, name: impl Into<String>, expression: String) -> Rule {
    Rule { output: RuleOutput::Record(name.into()), expression, labels: objective.labels.clone(), after: 0 }
}

/// Returns the names of the series of which the budget is made: all and bad events, or all and bad time slices.
pub(super) fn counted_names(objective: &ResolvedSlo<'_>) -> (&'static str, &'static str) {
    if objective.time_slice().is_some() { (TIME_SLICES_TOTAL, TIME_SLICES_BAD) } else { (TOTAL, BAD) }
}

/// Returns all and bad events from the counters of sidecars, over all pods of a namespace.
fn held(objective: &ResolvedSlo<'_>) -> (String, String) {
    let (slo, service) = (text(&objective.slo.id()), text(&objective.slo.service));
    let counter = |name| {
        indented(&counted(&format!("{name}{{service={service},slo={slo}}}"), std::time::Duration::ZERO))
    };
    let total = objective.fold("sum", &counter(SLI_EVENTS.name));
    let good = objective.fold("sum", &counter(SLI_GOOD.name));
    (total, bad_of_good(objective, &good))
}

fn queried(objective: &ResolvedSlo<'_>, queries: &Queries) -> Result<(String, String), String> {
    let of = |what: &str, text: Result<String, String>| {
        text.map(|text| indented(&text)).map_err(|why| format!("its {what} is not PromQL: {why}"))
    };
    match queries {
        Queries::Events { total, part, is } => {
            let total = objective.fold("sum", &of("total", count_of_slot(total))?);
            let part = objective.fold("sum", &of("part", count_of_slot(part))?);
            let bad = match is {
                Verdict::Good => bad_of_good(objective, &part),
                Verdict::Bad => {
                    format!("clamp_min(\n{}\n  or\n  {}\n, 0)", indent(&part), none_of_total(objective))
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
            let share = objective.fold(worst, &share);
            // A share that is NaN is not a measurement, and no comparison with it holds.
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
            let total = format!("{} == 1", objective.fold("max", &format!("({value}) >= bool -Inf")));
            let verdict = objective.fold("min", &format!("({value}) {compare} bool {}", number(*threshold)));
            Ok((total, format!("1 - {verdict}\nand\n{}", measured(objective))))
        }
    }
}

/// Returns all events that were not good; without a good event, all events.
fn bad_of_good(objective: &ResolvedSlo<'_>, good: &str) -> String {
    let all = measured(objective);
    format!(
        "clamp_min(\n  {all}\n  - (\n{}\n    or\n    {}\n  )\n, 0)",
        indent(&indent(good)),
        none_of_total(objective)
    )
}

/// Returns the events of the slot, without the labels that a rule adds.
fn measured(objective: &ResolvedSlo<'_>) -> String {
    objective.fold("sum", &objective.series(TOTAL))
}

/// Returns 0 for every slot that was measured.
fn none_of_total(objective: &ResolvedSlo<'_>) -> String {
    format!("0 * {}", measured(objective))
}

/// Returns the rules of time slices, aligned to the clock. Each counts once, by its share of bad events or by the
/// comparison `verdict` of it.
fn time_slices(objective: &ResolvedSlo<'_>, verdict: &str) -> Result<[Rule; 2], String> {
    let slice = objective.time_slice().map_or(SLOT, RuleWindow::seconds);
    if slice < SLOT || !slice.is_multiple_of(SLOT) {
        return Err(format!("its time slices of {slice} s are not whole minutes"));
    }
    let window = RuleWindow::new(mapwarden_contract::Nanos::from_secs(slice));
    let turn = format!("and on ()\n(floor(vector(time()) / {SLOT}) % {} == 0)", slice / SLOT);
    let (known, share) = if objective.members.is_empty() {
        let sum = |name: &str| {
            objective.fold("sum", &format!("sum_over_time({}[{}])", objective.series(name), window.range()))
        };
        let measured = format!("count_over_time({}[{}])", objective.series(TOTAL), window.range());
        let half = number(Count::new(slice / SLOT).as_f64() / 2.0);
        let known = format!(
            "{total} > 0\nor\n{total} and {} >= {half}",
            objective.fold("max", &measured),
            total = sum(TOTAL)
        );
        let share = share_or_none(&sum(TOTAL), &sum(BAD));
        (known, share)
    } else {
        (all_known(objective, Some(window)), composed(objective, Some(window)))
    };
    let total = format!("{}\n{turn}", counted_once(&known));
    let bad = format!("(\n{}\n) {verdict}\n{turn}", indent(&share));
    Ok([record(objective, TIME_SLICES_TOTAL, total), record(objective, TIME_SLICES_BAD, bad)])
}

/// Returns 1 for everything that was measured.
fn counted_once(known: &str) -> String {
    format!("1 + 0 * (\n{}\n)", indent(known))
}

/// Returns the share of bad events; no sample without events.
pub(super) fn share_of(total: &str, bad: &str) -> String {
    format!("clamp_max(\n  {bad}\n  /\n  ({total} > 0)\n, 1)")
}

/// Returns the share of bad events; 0 without events.
fn share_or_none(total: &str, bad: &str) -> String {
    format!("{}\nor\n0 * {total}", share_of(total, bad))
}

/// Returns all and bad events of a member in the newest slot, or in the newest of its time slices. Reads one sample,
/// whichever of the two groups of rules is evaluated first, and whether or not the ends of a range count.
fn of_member(
    objective: &ResolvedSlo<'_>,
    member: &CompositeMember<'_>,
    slice: Option<RuleWindow>,
) -> (String, String) {
    let newest = |minute: &str, slices: &str| {
        let newest = match slice {
            None => series(member.slo, minute),
            Some(slice) => {
                format!("last_over_time({}[{}ms])", series(member.slo, slices), 1_000 * slice.seconds() - 1)
            }
        };
        objective.fold("sum", &newest)
    };
    (newest(TOTAL, TIME_SLICES_TOTAL), newest(BAD, TIME_SLICES_BAD))
}

/// Returns the events of all members, where each of them was measured.
fn all_known(objective: &ResolvedSlo<'_>, slice: Option<RuleWindow>) -> String {
    let members = objective.members.iter().map(|member| of_member(objective, member, slice).0);
    members.collect::<Vec<_>>().join("\n+\n")
}

/// Returns the badness of the members of a composite, where each of them was measured: the weighted mean of their
/// shares of bad events, without members that have no event; or, without weights, 1 where one of them misses its
/// target.
fn composed(objective: &ResolvedSlo<'_>, slice: Option<RuleWindow>) -> String {
    let shares = objective.members.iter().map(|member| {
        let (total, bad) = of_member(objective, member, slice);
        let share = indent(&share_or_none(&total, &bad));
        match member.weight {
            Some(weight) => format!("{} * (\n{share}\n)", number(weight)),
            None => format!("((\n{share}\n) > bool {})", number(member.allowed())),
        }
    });
    let shares = indent(&shares.collect::<Vec<_>>().join("\n+\n"));
    let weights = objective.members.iter().filter_map(|member| {
        Some(format!("{} * ({} > bool 0)", number(member.weight?), of_member(objective, member, slice).0))
    });
    let weights: Vec<_> = weights.collect();
    if weights.is_empty() {
        return format!("clamp_max(\n{shares}\n, 1)");
    }
    let (weights, known) = (indent(&weights.join("\n+\n")), indent(&all_known(objective, slice)));
    format!("(\n{shares}\n)\n/\n(\n{weights}\n  > 0\n)\nor\n0 * (\n{known}\n)")
}

fn indented(text: &str) -> String {
    if text.contains('\n') { format!("\n{}\n", indent(text)) } else { text.to_owned() }
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
