//! Comes in: an `SLO`. Goes out: one objective for each of its `objectives`, and one for all of them where they make a
//! composite. Never keeps a part of a wrong `SLO`.

use std::collections::BTreeSet;

use mapwarden_contract::Ratio;
use mapwarden_objective::{Alert, Alerting, Indicator, Member, Period, Slo};

use super::alerts;
use super::catalogue::{ObjectKind, OpenSloObject};
use super::indicator::{Measure, measure};
use super::objective::{self, OpenSloObjective};
use super::resolver::{Resolver, follow};
use crate::budgeting::{Budgeting, check_time_slice};
use crate::field;
use crate::spelling::Spelling;
use crate::window::read_window;
use crate::yaml::{Fields, Node, Reader};

/// The fields of an `SLO`'s spec.
const FIELDS: [&str; 8] = [
    "description",
    "service",
    "indicator",
    "indicatorRef",
    "timeWindow",
    "budgetingMethod",
    "objectives",
    "alertPolicies",
];

/// Reads the objectives of one `SLO`.
pub(super) fn slos(resolver: &Resolver<'_>, reader: &mut Reader<'_>, object: &OpenSloObject<'_>) -> Vec<Slo> {
    let Some(fields) = reader.object("spec", object.spec, &FIELDS) else { return Vec::new() };
    resolver.groups.replace(object.metadata.group_by.clone());
    let description = field::optional_text(reader, &fields, "description");
    let service = field::required_name(reader, "spec", &fields, "service");
    let period = period(resolver, reader, fields.get("timeWindow"));
    let budgeting = reader.required("spec", &fields, "budgetingMethod");
    let budgeting = budgeting.and_then(|node| reader.checked("budgetingMethod", node, Budgeting::parse));
    let alerting = alerts::alerting(resolver, reader, &object.metadata, fields.get("alertPolicies"));
    let nodes = reader.list("objectives", fields.get("objectives"));
    if nodes.is_empty() {
        reader.problem(fields.location(), "`objectives` is empty: accepted is at least one".to_owned());
    }
    let read: Vec<_> = nodes.iter().map(|node| objective::objective(reader, node, budgeting)).collect();
    let objectives: Vec<OpenSloObjective<'_>> = read.into_iter().flatten().collect();
    if let Some(period) = &period {
        objectives
            .iter()
            .for_each(|one| check_time_slice(reader, &one.fields, one.method, period, Spelling::Camel));
    }
    let is_composite = objectives.iter().any(|one| has_indicator(&one.fields));
    let indicators = indicators(resolver, reader, &fields, &objectives);
    // Each problem was reported; with one objective missing, the others would get other ids.
    let complete = objectives.len() == nodes.len() && indicators.iter().all(Option::is_some);
    let (Some(service), Some(period), true) = (service, period, complete) else { return Vec::new() };
    let common = |name: String, target: Ratio, indicator: Indicator| Slo {
        description: description.clone(),
        labels: object.metadata.labels.clone(),
        period: period.clone(),
        group_by: object.metadata.group_by.clone(),
        alerting: alerting.clone(),
        ..Slo::new(service.clone(), name, target, indicator)
    };
    let names = names(&object.metadata.name, &objectives, is_composite);
    let mut slos: Vec<Slo> = Vec::new();
    for ((objective, indicator), name) in objectives.iter().zip(indicators.into_iter().flatten()).zip(names) {
        let origin = Some(reader.origin(objective.node.referenced));
        let slo = common(name, objective.target, indicator);
        let alerting = if is_composite { silent() } else { slo.alerting.clone() };
        slos.push(Slo { method: objective.method, origin, alerting, ..slo });
    }
    if let (true, Some(composite)) = (is_composite, composite(&objectives, &slos)) {
        let (target, indicator) = composite;
        let method = objectives.first().map(|one| one.method);
        let slo = common(object.metadata.name.clone(), target, indicator);
        let origin = Some(reader.origin(object.document.root.referenced));
        slos.push(Slo { method: method.unwrap_or(slo.method), origin, ..slo });
    }
    slos
}

/// Reads `timeWindow`. Without one, the period of the run applies.
fn period(resolver: &Resolver<'_>, reader: &mut Reader<'_>, node: Option<&Node>) -> Option<Period> {
    let Some(node) = node else { return Some(resolver.period.clone()) };
    let [node] = reader.list("timeWindow", Some(node)) else {
        reader.problem(node.referenced, "`timeWindow` has exactly one member: accepted is one".to_owned());
        return None;
    };
    read_window(reader, "timeWindow[]", node, Spelling::Camel)
}

/// Reads the indicator of each objective: that of the SLO, or its own.
fn indicators(
    resolver: &Resolver<'_>,
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    objectives: &[OpenSloObjective<'_>],
) -> Vec<Option<Indicator>> {
    let is_composite = objectives.iter().any(|one| has_indicator(&one.fields));
    let whole = if is_composite == has_indicator(fields) {
        let message = "an SLO has its `indicator` or `indicatorRef` either itself or in each of its objectives: \
                       accepted is one of both";
        reader.problem(fields.location(), message.to_owned());
        None
    } else if is_composite {
        None
    } else {
        referenced_or_inline(resolver, reader, "spec", fields)
    };
    objectives
        .iter()
        .map(|one| {
            let measure = if is_composite {
                referenced_or_inline(resolver, reader, "objectives[]", &one.fields)
            } else {
                whole.clone()
            };
            measure.and_then(|measure| objective::indicator(reader, one, measure))
        })
        .collect()
}

fn has_indicator(fields: &Fields<'_>) -> bool {
    fields.get("indicator").is_some() || fields.get("indicatorRef").is_some()
}

/// Reads an SLI that is written in place or referred to.
fn referenced_or_inline(
    resolver: &Resolver<'_>,
    reader: &mut Reader<'_>,
    of: &str,
    fields: &Fields<'_>,
) -> Option<Measure> {
    match (fields.get("indicator"), fields.get("indicatorRef")) {
        (Some(node), None) => inline(resolver, reader, node),
        (None, Some(node)) => {
            let object = resolver.find(reader, ObjectKind::Sli, "indicatorRef", node)?;
            follow(reader, object, |reader, node| measure(resolver, reader, node))
        }
        (None, None) | (Some(_), Some(_)) => {
            let message = format!("`{of}` has `indicator` or `indicatorRef`: accepted is exactly one");
            reader.problem(fields.location(), message);
            None
        }
    }
}

fn inline(resolver: &Resolver<'_>, reader: &mut Reader<'_>, node: &Node) -> Option<Measure> {
    let fields = reader.object("indicator", node, &["apiVersion", "kind", "metadata", "spec"])?;
    if let Some(node) = reader.required("indicator", &fields, "metadata") {
        super::metadata::read(reader, node);
    }
    let node = reader.required("indicator", &fields, "spec")?;
    measure(resolver, reader, node)
}

/// Returns the names of objectives. A single objective has the name of the SLO. Each of several adds its display name,
/// so that their order does not matter, or its number where display names are missing or equal.
fn names(name: &str, objectives: &[OpenSloObjective<'_>], is_composite: bool) -> Vec<String> {
    if objectives.len() == 1 && !is_composite {
        return vec![name.to_owned()];
    }
    let slugs: Vec<String> =
        objectives.iter().map(|one| slug(one.display_name.as_deref().unwrap_or_default())).collect();
    let different: BTreeSet<&String> = slugs.iter().filter(|slug| !slug.is_empty()).collect();
    let are_unique = different.len() == slugs.len();
    let suffixes =
        slugs.iter().zip(1..).map(|(slug, at)| if are_unique { slug.clone() } else { at.to_string() });
    suffixes.map(|suffix| format!("{name}-{suffix}")).collect()
}

/// `Foo Total Errors` is `foo-total-errors`.
fn slug(text: &str) -> String {
    let lower = text.to_lowercase();
    let words = lower.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

/// Returns all objectives as one, weighted by `compositeWeight`; its target is the mean of theirs by the same weights.
/// Without any weight all of them must keep their targets, and the target is the lowest of theirs.
fn composite(objectives: &[OpenSloObjective<'_>], slos: &[Slo]) -> Option<(Ratio, Indicator)> {
    let is_weighted = objectives.iter().any(|one| one.weight.is_some());
    let weight =
        |one: &OpenSloObjective<'_>| if is_weighted { Some(one.weight.unwrap_or(1.0)) } else { None };
    let members = objectives.iter().zip(slos).map(|(one, slo)| Member { slo: slo.id(), weight: weight(one) });
    let members: Vec<Member> = members.collect();
    let target = if is_weighted {
        let total: f64 = objectives.iter().filter_map(weight).sum();
        let sum: f64 = objectives.iter().filter_map(|one| Some(weight(one)? * one.target.get())).sum();
        Ratio::new(sum / total).ok()?
    } else {
        objectives.iter().map(|one| one.target).min_by(|one, other| one.get().total_cmp(&other.get()))?
    };
    Some((target, Indicator::Composite { members }))
}

/// Returns the alerting of members of a composite: only the composite raises alerts.
fn silent() -> Alerting {
    let off = Alert { is_disabled: true, ..Alert::default() };
    Alerting { page: off.clone(), ticket: off, ..Alerting::default() }
}
