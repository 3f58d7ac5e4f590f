//! Comes in: Sloth's documents, `prometheus/v1` and its Kubernetes form. Goes out: objectives over PromQL, and
//! catalogues of burn-rate tiers. Never runs a plugin.

mod alerting;
mod fields;
mod plugins;
mod slo;
mod windows;

pub(super) use self::windows::{AlertWindows, windows};

use std::collections::BTreeMap;

use mapwarden_objective::Slo;

use self::fields::SlothFields;
use crate::document::{Document, Format};
use crate::field;
use crate::spelling::Spelling;
use crate::yaml::Reader;

/// Reads the objectives of a document of either form.
pub(super) fn slos(reader: &mut Reader<'_>, document: &Document) -> Vec<Slo> {
    if document.format == Format::Sloth {
        let accepted = ["version", "service", "labels", "slos", "slo_plugins"];
        let part = SlothFields::open(reader, "the document", &document.root, &accepted, Spelling::Snake);
        return part.map(|part| service(reader, "the document", &part)).unwrap_or_default();
    }
    let accepted = ["apiVersion", "kind", "metadata", "spec", "status"];
    let Some(root) = reader.object("the document", &document.root, &accepted) else { return Vec::new() };
    let Some(node) = reader.required("the document", &root, "spec") else { return Vec::new() };
    let accepted = ["service", "labels", "slos", "slo_plugins"];
    let part = SlothFields::open(reader, "spec", node, &accepted, Spelling::Camel);
    part.map(|part| service(reader, "spec", &part)).unwrap_or_default()
}

fn service(reader: &mut Reader<'_>, of: &str, part: &SlothFields<'_>) -> Vec<Slo> {
    let service = part.required(reader, of, "service").and_then(|node| field::name(reader, "service", node));
    let labels: BTreeMap<_, _> = field::labels(reader, "labels", part.get("labels"));
    if let Some(node) = part.get("slo_plugins") {
        plugins::chain(reader, &part.spelled("slo_plugins"), node);
    }
    let nodes = reader.list("slos", part.get("slos"));
    if nodes.is_empty() {
        reader.warn(
            part.fields.location(),
            "`slos` is empty, so that the document declares no objective".to_owned(),
        );
    }
    let shared = slo::SlothService { name: service.unwrap_or_default(), labels, spelling: part.spelling };
    let read: Vec<Slo> = nodes.iter().filter_map(|node| slo::slo(reader, node, &shared)).collect();
    if shared.name.is_empty() { Vec::new() } else { read }
}
