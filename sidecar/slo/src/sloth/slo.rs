//! Comes in: one member of `slos`. Goes out: one objective. Never reads the document around it.

use std::collections::BTreeMap;

use mapwarden_contract::Verdict;
use mapwarden_objective::{Indicator, Queried, Queries, Slo};

use super::fields::SlothFields;
use super::{alerting, plugins};
use crate::field;
use crate::query::{self, Template};
use crate::spelling::Spelling;
use crate::yaml::{Node, Reader};

/// The parts that all objectives of a document share.
pub(super) struct SlothService {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) spelling: Spelling,
}

/// Reads one objective.
pub(super) fn slo(reader: &mut Reader<'_>, node: &Node, service: &SlothService) -> Option<Slo> {
    let accepted = ["name", "description", "objective", "labels", "sli", "alerting", "plugins", "interval"];
    let part = SlothFields::open(reader, "slos[]", node, &accepted, service.spelling)?;
    let name = part.required(reader, "slos[]", "name").and_then(|node| field::name(reader, "name", node));
    let target = part.required(reader, "slos[]", "objective");
    let target = target.and_then(|node| field::percent(reader, "objective", node));
    let indicator =
        part.required(reader, "slos[]", "sli").and_then(|node| sli(reader, node, service.spelling));
    let description = field::optional_text(reader, &part.fields, "description");
    let mut labels = service.labels.clone();
    labels.extend(field::labels(reader, "labels", part.get("labels")));
    let alerting = part.get("alerting").map(|node| alerting::alerting(reader, node, service.spelling));
    if let Some(node) = part.get("plugins") {
        plugins::chain(reader, "plugins", node);
    }
    if let (Some(_), Some(location)) = (part.get("interval"), part.fields.key("interval")) {
        let message = "`interval` is not used: the sidecar evaluates each second, and generated rules have one interval";
        reader.warn(location, message.to_owned());
    }
    Some(Slo {
        description,
        labels,
        alerting: alerting.unwrap_or_default(),
        origin: Some(reader.origin(node.referenced)),
        ..Slo::new(service.name.clone(), name?, target?, indicator?)
    })
}

/// Reads what is measured.
fn sli(reader: &mut Reader<'_>, node: &Node, spelling: Spelling) -> Option<Indicator> {
    let part = SlothFields::open(reader, "sli", node, &["events", "raw", "plugin"], spelling)?;
    let queries = match (part.get("events"), part.get("raw"), part.get("plugin")) {
        (Some(node), None, None) => events(reader, node, spelling)?,
        (None, Some(node), None) => raw(reader, node, spelling)?,
        (None, None, Some(node)) => {
            plugins::refuse_sli(reader, node, spelling);
            return None;
        }
        (None, None, None) | (Some(_), Some(_), _) | (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
            let message = "`sli` is one of `events` and `raw`: accepted is exactly one";
            reader.problem(node.referenced, message.to_owned());
            return None;
        }
    };
    Some(Indicator::Queried(Queried { source: None, queries }))
}

fn events(reader: &mut Reader<'_>, node: &Node, spelling: Spelling) -> Option<Queries> {
    let part = SlothFields::open(reader, "events", node, &["error_query", "total_query"], spelling)?;
    let mut query = |name: &str| {
        let node = part.required(reader, "events", name)?;
        query::read(reader, &spelling.of(name), node, Template::Required)
    };
    let (bad, total) = (query("error_query"), query("total_query"));
    let (bad, total) = (bad?, total?);
    query::warn_of_thresholds(reader, &[&bad, &total]);
    Some(Queries::Events { total: total.expression(), part: bad.expression(), is: Verdict::Bad })
}

fn raw(reader: &mut Reader<'_>, node: &Node, spelling: Spelling) -> Option<Queries> {
    let part = SlothFields::open(reader, "raw", node, &["error_ratio_query"], spelling)?;
    let node = part.required(reader, "raw", "error_ratio_query")?;
    let query = query::read(reader, &spelling.of("error_ratio_query"), node, Template::Required)?;
    query::warn_of_thresholds(reader, &[&query]);
    Some(Queries::Ratio { share: query.expression(), is: Verdict::Bad })
}
