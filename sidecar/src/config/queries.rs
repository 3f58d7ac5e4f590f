//! Comes in: `queries` of an objective in `mapwarden.yaml`. Goes out: its queries to a Prometheus-compatible
//! server. Never checks PromQL: `mapwarden-slo` does.

use mapwarden_contract::Verdict;
use mapwarden_objective::{Comparison, Expression, Indicator, Queried, Queries};
use mapwarden_slo::declaration::{Fields, Node, Reader};

/// The fields of `queries`.
const FIELDS: [&str; 8] =
    ["source", "total", "good", "bad", "good_ratio", "error_ratio", "value", "good_when"];

/// The comparisons, as they are written.
const COMPARISONS: [(&str, Comparison); 4] =
    [("lte", Comparison::Lte), ("gte", Comparison::Gte), ("lt", Comparison::Lt), ("gt", Comparison::Gt)];

/// Reads the queries of one objective.
pub(super) fn queries(reader: &mut Reader<'_>, node: &Node) -> Option<Indicator> {
    let fields = reader.object("queries", node, &FIELDS)?;
    let source = match fields.get("source") {
        None => None,
        Some(node) => Some(reader.text("source", node)?),
    };
    let here: Vec<&str> =
        FIELDS.into_iter().filter(|name| *name != "source" && fields.get(name).is_some()).collect();
    let mut expression = |name| {
        let node = reader.required("queries", &fields, name)?;
        reader.text(name, node).map(Expression::new)
    };
    let queries = match here.as_slice() {
        ["total", "good"] => {
            let (total, part) = (expression("total"), expression("good"));
            Queries::Events { total: total?, part: part?, is: Verdict::Good }
        }
        ["total", "bad"] => {
            let (total, part) = (expression("total"), expression("bad"));
            Queries::Events { total: total?, part: part?, is: Verdict::Bad }
        }
        ["good_ratio"] => Queries::Ratio { share: expression("good_ratio")?, is: Verdict::Good },
        ["error_ratio"] => Queries::Ratio { share: expression("error_ratio")?, is: Verdict::Bad },
        ["value", "good_when"] => {
            let value = expression("value");
            let (good, threshold) = good_when(reader, &fields)?;
            Queries::Threshold { value: value?, good, threshold }
        }
        _ => {
            let message = "`queries` are not of one kind: accepted are `total` with `good` or `bad`, `good_ratio`, \
                           `error_ratio`, and `value` with `good_when`";
            reader.problem(node.referenced, message.to_owned());
            return None;
        }
    };
    Some(Indicator::Queried(Queried { source, queries }))
}

/// Reads `{lte: 0.3}`: the comparison that a good value satisfies, and the threshold.
fn good_when(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<(Comparison, f64)> {
    let node = reader.required("queries", fields, "good_when")?;
    let compared = reader.object("good_when", node, &COMPARISONS.map(|(name, _)| name))?;
    let present: Vec<_> = COMPARISONS
        .into_iter()
        .filter_map(|(name, comparison)| Some((name, comparison, compared.get(name)?)))
        .collect();
    let [(name, comparison, node)] = present.as_slice() else {
        let message =
            "`good_when` compares with exactly one of lte, gte, lt, gt: accepted is e.g. {lte: 0.3}";
        reader.problem(node.referenced, message.to_owned());
        return None;
    };
    Some((*comparison, reader.number(name, node)?))
}
