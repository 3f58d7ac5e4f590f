//! Comes in: an SLI's `spec`. Goes out: what it measures, before an objective says what of it is good.

use super::Scope;
use super::source::{Source, source};
use crate::field;
use crate::query::{self, Kind, Query, Template, over_window};
use crate::yaml::{Fields, Node, Reader};
use mapwarden_contract::Verdict;
use mapwarden_objective::{Expression, Indicator, Queried, Queries};

/// What an SLI measures.
#[derive(Clone, Debug)]
pub(super) enum Measure {
    /// Nothing more is to be said.
    Complete(Indicator),
    /// A value, of which an objective says which are good.
    Value(Source),
}

/// Reads the `spec` of an SLI.
pub(super) fn measure(scope: &Scope<'_>, reader: &mut Reader<'_>, node: &Node) -> Option<Measure> {
    let fields = reader.object("spec", node, &["description", "thresholdMetric", "ratioMetric"])?;
    field::optional_text(reader, &fields, "description");
    match (fields.get("thresholdMetric"), fields.get("ratioMetric")) {
        (Some(node), None) => {
            source(scope, reader, "thresholdMetric", node, Template::Absent).map(Measure::Value)
        }
        (None, Some(node)) => ratio(scope, reader, node).map(Measure::Complete),
        (None, None) | (Some(_), Some(_)) => {
            let message =
                "an SLI measures either `ratioMetric` or `thresholdMetric`: accepted is exactly one";
            reader.problem(node.referenced, message.to_owned());
            None
        }
    }
}

fn ratio(scope: &Scope<'_>, reader: &mut Reader<'_>, node: &Node) -> Option<Indicator> {
    let accepted = ["counter", "good", "bad", "total", "rawType", "raw"];
    let fields = reader.object("ratioMetric", node, &accepted)?;
    let counter = fields.get("counter").and_then(|node| reader.truth("counter", node));
    let kind = if counter == Some(true) { Kind::Counter } else { Kind::Gauge };
    let told = [("good", Verdict::Good), ("bad", Verdict::Bad)];
    let parts = told.map(|(name, is)| fields.get(name).map(|node| (name, node, is)));
    match (parts, fields.get("total"), fields.get("raw")) {
        ([Some(part), None] | [None, Some(part)], Some(total), None) => {
            let (name, node, is) = part;
            let part = source(scope, reader, name, node, Template::Optional);
            let total = source(scope, reader, "total", total, Template::Optional);
            fraction(scope, reader, (node, part?, is), total?, kind)
        }
        ([None, None], None, Some(node)) => {
            let is = raw_type(reader, &fields);
            let share = source(scope, reader, "raw", node, Template::Optional);
            raw(scope, reader, node, share?, is?)
        }
        _ => {
            let message = "`ratioMetric` has `total` and either `good` or `bad`, or `raw` alone: accepted is one of these";
            reader.problem(node.referenced, message.to_owned());
            None
        }
    }
}

fn raw_type(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Verdict> {
    let node = reader.required("ratioMetric", fields, "rawType")?;
    reader.checked("rawType", node, |text| match text {
        "success" => Ok(Verdict::Good),
        "failure" => Ok(Verdict::Bad),
        _ => Err(format!("`{text}` is not a kind of ratio: accepted are success and failure")),
    })
}

/// A part of all events: the node it was read from, where it comes from, and what its events are.
type Part<'n> = (&'n Node, Source, Verdict);

fn fraction(
    scope: &Scope<'_>,
    reader: &mut Reader<'_>,
    (node, part, is): Part<'_>,
    total: Source,
    kind: Kind,
) -> Option<Indicator> {
    match (part, total) {
        (Source::Queried { source, query: part }, Source::Queried { source: other, query: total }) => {
            if source != other {
                let message = "`total` is asked of another source: accepted is the same for both";
                reader.problem(node.referenced, message.to_owned());
                return None;
            }
            query::warn_of_thresholds(reader, &[&part, &total]);
            let (part, total) = (windowed(scope, reader, &part, kind), windowed(scope, reader, &total, kind));
            let queries = Queries::Events { total: total?, part: part?, is };
            Some(Indicator::Queried(Queried { source, queries }))
        }
        (Source::Held { selector: bad, .. }, Source::Held { selector: total, .. }) => match is {
            Verdict::Bad => Some(Indicator::Events { total, bad }),
            Verdict::Good => {
                let message =
                    "of series that the sidecar holds the bad events are counted: accepted is `bad`";
                scope.refuse(reader, node, message.to_owned());
                None
            }
        },
        (Source::Queried { .. }, Source::Held { .. }) | (Source::Held { .. }, Source::Queried { .. }) => {
            let message = "`total` is of another type: accepted is the same for both";
            reader.problem(node.referenced, message.to_owned());
            None
        }
    }
}

fn raw(
    scope: &Scope<'_>,
    reader: &mut Reader<'_>,
    node: &Node,
    share: Source,
    is: Verdict,
) -> Option<Indicator> {
    match share {
        Source::Queried { source, query } => {
            query::warn_of_thresholds(reader, &[&query]);
            let share = windowed(scope, reader, &query, Kind::Share)?;
            Some(Indicator::Queried(Queried { source, queries: Queries::Ratio { share, is } }))
        }
        Source::Held { .. } => {
            let message =
                "of series that the sidecar holds events are counted: accepted are `bad` and `total`";
            scope.refuse(reader, node, message.to_owned());
            None
        }
    }
}

/// The query over the window, as it was written or rewritten.
fn windowed(scope: &Scope<'_>, reader: &mut Reader<'_>, query: &Query, kind: Kind) -> Option<Expression> {
    if query.has_window {
        return Some(query.expression());
    }
    match over_window(&query.text, kind, &scope.groups.borrow()) {
        Ok(over) => {
            if let Some(warning) = over.warning {
                reader.warn(query.place, format!("the query `{}`: {warning}", query.text));
            }
            Some(Expression::new(over.text))
        }
        Err(message) => {
            reader.problem(query.place, format!("the query `{}`: {message}", query.text));
            None
        }
    }
}
