//! Comes in: the `spec` of an SLI. Goes out: what it measures, before an objective says which values are good. Never
//! reads an objective.

use mapwarden_contract::Verdict;
use mapwarden_objective::{Expression, Indicator, Queried, Queries};

use super::resolver::Resolver;
use super::source::{MetricSource, source};
use crate::field;
use crate::query::{self, Query, SeriesKind, Template, over_window};
use crate::yaml::{Fields, Node, Reader};

/// What an SLI measures.
#[derive(Clone, Debug)]
pub(super) enum Measure {
    /// A complete indicator.
    Complete(Indicator),
    /// A value, for which an objective declares the good range.
    Value(MetricSource),
}

/// Reads the `spec` of an SLI.
pub(super) fn measure(resolver: &Resolver<'_>, reader: &mut Reader<'_>, node: &Node) -> Option<Measure> {
    let fields = reader.object("spec", node, &["description", "thresholdMetric", "ratioMetric"])?;
    field::optional_text(reader, &fields, "description");
    match (fields.get("thresholdMetric"), fields.get("ratioMetric")) {
        (Some(node), None) => {
            source(resolver, reader, "thresholdMetric", node, Template::Absent).map(Measure::Value)
        }
        (None, Some(node)) => ratio(resolver, reader, node).map(Measure::Complete),
        (None, None) | (Some(_), Some(_)) => {
            let message =
                "an SLI measures either `ratioMetric` or `thresholdMetric`: accepted is exactly one";
            reader.problem(node.referenced, message.to_owned());
            None
        }
    }
}

fn ratio(resolver: &Resolver<'_>, reader: &mut Reader<'_>, node: &Node) -> Option<Indicator> {
    let accepted = ["counter", "good", "bad", "total", "rawType", "raw"];
    let fields = reader.object("ratioMetric", node, &accepted)?;
    let counter = fields.get("counter").and_then(|node| reader.truth("counter", node));
    let kind = if counter == Some(true) { SeriesKind::Counter } else { SeriesKind::Gauge };
    let names = [("good", Verdict::Good), ("bad", Verdict::Bad)];
    let parts = names.map(|(name, is)| fields.get(name).map(|node| (name, node, is)));
    match (parts, fields.get("total"), fields.get("raw")) {
        ([Some(part), None] | [None, Some(part)], Some(total), None) => {
            let (name, node, is) = part;
            let part = source(resolver, reader, name, node, Template::Optional);
            let total = source(resolver, reader, "total", total, Template::Optional);
            fraction(resolver, reader, (node, part?, is), total?, kind)
        }
        ([None, None], None, Some(node)) => {
            let is = raw_type(reader, &fields);
            let share = source(resolver, reader, "raw", node, Template::Optional);
            raw(resolver, reader, node, share?, is?)
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

/// The good or the bad events of a ratio: the node, the source and the verdict.
type RatioPart<'n> = (&'n Node, MetricSource, Verdict);

fn fraction(
    resolver: &Resolver<'_>,
    reader: &mut Reader<'_>,
    (node, part, is): RatioPart<'_>,
    total: MetricSource,
    kind: SeriesKind,
) -> Option<Indicator> {
    match (part, total) {
        (
            MetricSource::Queried { source, query: part },
            MetricSource::Queried { source: other, query: total },
        ) => {
            if source != other {
                let message = "`total` is asked of another source: accepted is the same for both";
                reader.problem(node.referenced, message.to_owned());
                return None;
            }
            query::warn_of_thresholds(reader, &[&part, &total]);
            let (part, total) =
                (windowed(resolver, reader, &part, kind), windowed(resolver, reader, &total, kind));
            let queries = Queries::Events { total: total?, part: part?, is };
            Some(Indicator::Queried(Queried { source, queries }))
        }
        (MetricSource::Held { selector: bad, .. }, MetricSource::Held { selector: total, .. }) => match is {
            Verdict::Bad => Some(Indicator::Events { total, bad }),
            Verdict::Good => {
                let message = "the sidecar counts the bad events of series that it holds: accepted is `bad`";
                resolver.refuse(reader, node, message.to_owned());
                None
            }
        },
        (MetricSource::Queried { .. }, MetricSource::Held { .. })
        | (MetricSource::Held { .. }, MetricSource::Queried { .. }) => {
            let message = "`total` is of another type: accepted is the same for both";
            reader.problem(node.referenced, message.to_owned());
            None
        }
    }
}

fn raw(
    resolver: &Resolver<'_>,
    reader: &mut Reader<'_>,
    node: &Node,
    share: MetricSource,
    is: Verdict,
) -> Option<Indicator> {
    match share {
        MetricSource::Queried { source, query } => {
            query::warn_of_thresholds(reader, &[&query]);
            let share = windowed(resolver, reader, &query, SeriesKind::Share)?;
            Some(Indicator::Queried(Queried { source, queries: Queries::Ratio { share, is } }))
        }
        MetricSource::Held { .. } => {
            let message = "the sidecar counts events of series that it holds: accepted are `bad` and `total`";
            resolver.refuse(reader, node, message.to_owned());
            None
        }
    }
}

/// Returns the query over the window, as it was written or rewritten.
fn windowed(
    resolver: &Resolver<'_>,
    reader: &mut Reader<'_>,
    query: &Query,
    kind: SeriesKind,
) -> Option<Expression> {
    if query.has_window {
        return Some(query.expression());
    }
    match over_window(&query.text, kind, &resolver.groups.borrow()) {
        Ok(over) => {
            if let Some(warning) = over.warning {
                reader.warn(query.location, format!("the query `{}`: {warning}", query.text));
            }
            Some(Expression::new(over.text))
        }
        Err(message) => {
            reader.problem(query.location, format!("the query `{}`: {message}", query.text));
            None
        }
    }
}
