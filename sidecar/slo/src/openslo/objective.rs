//! Comes in: one member of `objectives`. Goes out: a target, a budgeting method, and which values are good. Never reads
//! an SLI.

use mapwarden_contract::{Nanos, Ratio};
use mapwarden_objective::{Comparison, Indicator, Method, Queried, Queries};

use super::indicator::Measure;
use super::source::MetricSource;
use crate::budgeting::{Budgeting, read_method};
use crate::field;
use crate::query::off_bound;
use crate::spelling::Spelling;
use crate::yaml::{Fields, Node, Reader};

/// One objective, before its indicator.
pub(super) struct OpenSloObjective<'n> {
    pub(super) node: &'n Node,
    pub(super) fields: Fields<'n>,
    /// The name for readers.
    pub(super) display_name: Option<String>,
    pub(super) target: Ratio,
    pub(super) method: Method,
    /// The weight in a composite.
    pub(super) weight: Option<f64>,
}

/// The fields of an objective.
const FIELDS: [&str; 10] = [
    "displayName",
    "op",
    "value",
    "target",
    "targetPercent",
    "timeSliceTarget",
    "timeSliceWindow",
    "indicator",
    "indicatorRef",
    "compositeWeight",
];

/// The largest weight of a member of a composite. Raised without end, the sum of all weights overflows.
const MAX_WEIGHT: f64 = 1e9;

/// Reads one objective.
pub(super) fn objective<'n>(
    reader: &mut Reader<'_>,
    node: &'n Node,
    budgeting: Option<Budgeting>,
) -> Option<OpenSloObjective<'n>> {
    let fields = reader.object("objectives[]", node, &FIELDS)?;
    let display_name = field::optional_text(reader, &fields, "displayName");
    let target = match (fields.get("target"), fields.get("targetPercent")) {
        (Some(node), None) => field::share(reader, "target", node),
        (None, Some(node)) => field::percent(reader, "targetPercent", node),
        (None, None) | (Some(_), Some(_)) => {
            let message = "an objective has either `target` or `targetPercent`: accepted is exactly one";
            reader.problem(node.referenced, message.to_owned());
            None
        }
    };
    let method = budgeting
        .and_then(|budgeting| read_method(reader, ("objectives[]", &fields), budgeting, Spelling::Camel));
    let weight = fields.get("compositeWeight").map(|node| {
        let weight = reader.number("compositeWeight", node)?;
        let is_weight = weight > 0.0 && weight <= MAX_WEIGHT;
        if !is_weight {
            let accepted = format!("accepted is a number above 0 and up to {MAX_WEIGHT}");
            reader.problem(node.referenced, format!("`compositeWeight` is {}: {accepted}", node.value));
        }
        is_weight.then_some(weight)
    });
    let weight = weight.map(|weight| weight.unwrap_or(1.0));
    Some(OpenSloObjective { node, display_name, target: target?, method: method?, weight, fields })
}

/// Returns the indicator of an objective: what its SLI measures, with the good range of a value.
pub(super) fn indicator(
    reader: &mut Reader<'_>,
    objective: &OpenSloObjective<'_>,
    measure: Measure,
) -> Option<Indicator> {
    let source = match measure {
        Measure::Complete(indicator) => return Some(indicator),
        Measure::Value(source) => source,
    };
    let location = objective.node.referenced;
    let (Some(op), Some(value)) = (objective.fields.get("op"), objective.fields.get("value")) else {
        let message =
            "an objective of a `thresholdMetric` declares the good values: accepted are `op` and `value`";
        reader.problem(location, message.to_owned());
        return None;
    };
    let good = reader.checked("op", op, comparison);
    let number = reader.number("value", value);
    let (good, threshold) = (good?, number?);
    match source {
        MetricSource::Queried { source, query } => {
            let queries = Queries::Threshold { value: query.expression(), good, threshold };
            Some(Indicator::Queried(Queried { source, queries }))
        }
        MetricSource::Held { selector, unit } => {
            if !matches!(good, Comparison::Lt | Comparison::Lte) {
                let message =
                    "small values are good in series that the sidecar holds: accepted are lt and lte";
                reader.problem(op.referenced, message.to_owned());
                return None;
            }
            let span = std::time::Duration::try_from_secs_f64(threshold * unit.as_secs_f64());
            let Some(span) = span.ok().filter(|span| !span.is_zero()) else {
                reader
                    .problem(value.referenced, format!("`value` is {threshold}: accepted is a time above 0"));
                return None;
            };
            // A float of seconds is off by less than a nanosecond; its author means whole microseconds.
            let micros = u64::try_from((span.as_nanos() + 500) / 1_000).unwrap_or(u64::MAX);
            let threshold = Nanos::new(micros.saturating_mul(1_000));
            if let Some(warning) = off_bound(&selector.metric, threshold) {
                reader.warn(value.referenced, warning);
            }
            Some(Indicator::Latency { series: selector, threshold })
        }
    }
}

/// Reads an `op`.
pub(super) fn comparison(text: &str) -> Result<Comparison, String> {
    match text {
        "lte" => Ok(Comparison::Lte),
        "gte" => Ok(Comparison::Gte),
        "lt" => Ok(Comparison::Lt),
        "gt" => Ok(Comparison::Gt),
        _ => Err(format!("`{text}` is not a comparison: accepted are lte, gte, lt and gt")),
    }
}
