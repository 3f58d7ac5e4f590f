//! Comes in: `slos` of `mapwarden.yaml`. Goes out: objectives, each with its origin, which later problemsname.

use mapwarden_contract::Ratio;

use super::queries;
use mapwarden_objective::{Indicator, Matcher, Method, Period, Selector, Slo};
use mapwarden_slo::declaration::{
    Budgeting, Fields, Node, Reader, Spelling, check_time_slice, is_label, read_method, read_window,
};

/// The fields of an objective.
const FIELDS: [&str; 11] = [
    "name",
    "service",
    "target",
    "events",
    "latency",
    "queries",
    "time_window",
    "budgeting_method",
    "time_slice_target",
    "time_slice_window",
    "group_by",
];

/// Reads one objective; `period` is the default of `time_window`.
pub(super) fn objective(reader: &mut Reader<'_>, node: &Node, period: &Period) -> Option<Slo> {
    let fields = reader.object("slos[]", node, &FIELDS)?;
    let name = reader.required_text("slos[]", &fields, "name");
    let service = reader.required_text("slos[]", &fields, "service");
    let target = target(reader, &fields);
    let indicator = match (fields.get("events"), fields.get("latency"), fields.get("queries")) {
        (Some(node), None, None) => events(reader, node),
        (None, Some(node), None) => latency(reader, node),
        (None, None, Some(node)) => queries::queries(reader, node),
        _ => {
            let message =
                "an objective measures one of `events`, `latency` and `queries`: accepted is exactly one";
            reader.problem(node.referenced, message.to_owned());
            None
        }
    };
    let period = match fields.get("time_window") {
        None => Some(period.clone()),
        Some(node) => read_window(reader, "time_window", node, Spelling::Snake),
    };
    let method = method(reader, &fields, period.as_ref());
    let group_by = group_by(reader, &fields);
    Some(Slo {
        method: method?,
        period: period?,
        group_by: group_by?,
        origin: Some(reader.origin(node.referenced)),
        ..Slo::new(service?, name?, target?, indicator?)
    })
}

/// Reads how events become a budget: each event counts, or each time slice, as with `budgetingMethod` of OpenSLO.
fn method(reader: &mut Reader<'_>, fields: &Fields<'_>, period: Option<&Period>) -> Option<Method> {
    let budgeting = match fields.get("budgeting_method") {
        None => Budgeting::Occurrences,
        Some(node) => reader.checked("budgeting_method", node, Budgeting::parse)?,
    };
    for name in budgeting.without() {
        if let Some(place) = fields.key(name) {
            let accepted = "accepted is another `budgeting_method`, or nothing";
            reader.problem(place, format!("`{name}` has no effect with {}: {accepted}", budgeting.name()));
        }
    }
    let method = read_method(reader, ("slos[]", fields), budgeting, Spelling::Snake)?;
    if let Some(period) = period {
        check_time_slice(reader, fields, method, period, Spelling::Snake);
    }
    Some(method)
}

/// Reads the names that form groups: attributes of series that the sidecar holds, or labels of the series that a
/// server returns.
fn group_by(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Vec<String>> {
    let is_queried = fields.get("queries").is_some();
    let is_attribute =
        |name: &str| name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_.-/".contains(letter));
    let mut names: Vec<String> = Vec::new();
    for node in reader.list("group_by", fields.get("group_by")) {
        let name = reader.text("group_by", node)?;
        let refusal = if names.contains(&name) {
            Some("is declared twice: accepted is once")
        } else if is_queried && !is_label(&name) {
            Some("is not a label name: accepted are letters, digits and _, not a digit first")
        } else if !is_attribute(&name) {
            Some("is not an attribute name: accepted are letters, digits and _ . - /")
        } else {
            None
        };
        if let Some(refusal) = refusal {
            reader.problem(node.referenced, format!("`group_by` has `{name}`, which {refusal}"));
        }
        names.push(name);
    }
    Some(names)
}

fn target(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Ratio> {
    let node = reader.required("slos[]", fields, "target")?;
    let number = reader.number("target", node)?;
    let target = Ratio::new(number).ok().filter(|_| number > 0.0 && number < 1.0);
    if target.is_none() {
        let message = format!("`target` is {number}: accepted is a share in (0, 1), e.g. 0.999 for 99.9 %");
        reader.problem(node.referenced, message);
    }
    target
}

fn events(reader: &mut Reader<'_>, node: &Node) -> Option<Indicator> {
    let fields = reader.object("events", node, &["total", "bad"])?;
    let mut part = |name| {
        let node = reader.required("events", &fields, name)?;
        let fields = reader.object(name, node, &["metric", "where"])?;
        selector(reader, name, &fields)
    };
    let (total, bad) = (part("total"), part("bad"));
    Some(Indicator::Events { total: total?, bad: bad? })
}

fn latency(reader: &mut Reader<'_>, node: &Node) -> Option<Indicator> {
    let fields = reader.object("latency", node, &["metric", "where", "threshold"])?;
    let series = selector(reader, "latency", &fields);
    let threshold = reader.required("latency", &fields, "threshold");
    let threshold = threshold.and_then(|node| reader.duration("threshold", node));
    Some(Indicator::Latency { series: series?, threshold: threshold? })
}

fn selector(reader: &mut Reader<'_>, of: &str, fields: &Fields<'_>) -> Option<Selector> {
    let metric = reader.required_text(of, fields, "metric");
    let matching = reader.texts("where", fields.get("where"));
    let matching = matching.into_iter().map(|(attribute, pattern)| Matcher { attribute, pattern }).collect();
    Some(Selector { metric: metric?, matching })
}
