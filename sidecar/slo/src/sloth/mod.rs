//! Comes in: Sloth's documents, `prometheus/v1` and its Kubernetes form. Goes out: objectives over PromQL, and catalogues
//! of burn-rate tiers. Never runs a plugin.

mod alerting;
mod plugins;
mod slo;
mod windows;

pub(super) use self::windows::{Windows, windows};

use std::collections::BTreeMap;

use super::document::{Document, Format};
use super::{Spelling, field};
use crate::yaml::{Fields, Node, Reader};
use mapwarden_objective::Slo;

/// The fields of an object, by their names as `prometheus/v1` spells them.
struct Part<'n> {
    fields: Fields<'n>,
    spelling: Spelling,
}

impl<'n> Part<'n> {
    /// Opens an object. A field in the other form's spelling is read, and told.
    fn open(
        reader: &mut Reader<'_>,
        name: &str,
        node: &'n Node,
        accepted: &[&str],
        spelling: Spelling,
    ) -> Option<Self> {
        let name = spelling.of(name);
        let fields = reader.any_object(&name, node)?;
        let spelled = |spelling: Spelling| accepted.iter().map(move |name| spelling.of(name));
        for (key, place) in fields.keys() {
            if spelled(spelling).any(|accepted| accepted == key) {
                continue;
            }
            let other = spelled(spelling.other()).position(|accepted| accepted == key);
            let meant = other.and_then(|at| accepted.get(at)).map(|name| spelling.of(name));
            match meant {
                Some(meant) => {
                    reader.warn(place, format!("`{key}` is read as `{meant}`, as which Sloth knows it here"));
                }
                None => {
                    let accepted = spelled(spelling).collect::<Vec<_>>().join(", ");
                    let message = format!("`{name}` has an unknown field `{key}`: accepted are {accepted}");
                    reader.problem(place, message);
                }
            }
        }
        Some(Self { fields, spelling })
    }

    /// A field's value, in either spelling.
    fn get(&self, name: &str) -> Option<&'n Node> {
        let spelled = |spelling: Spelling| self.fields.get(&spelling.of(name));
        spelled(self.spelling).or_else(|| spelled(self.spelling.other()))
    }

    /// A field that must be there.
    fn required(&self, reader: &mut Reader<'_>, of: &str, name: &str) -> Option<&'n Node> {
        let node = self.get(name);
        if node.is_none() {
            let (of, name) = (self.spelling.of(of), self.spelling.of(name));
            reader.problem(self.fields.place(), format!("`{of}` lacks `{name}`"));
        }
        node
    }

    fn spelled(&self, name: &str) -> String {
        self.spelling.of(name)
    }
}

/// Reads the objectives of a document of either form.
pub(super) fn slos(reader: &mut Reader<'_>, document: &Document) -> Vec<Slo> {
    if document.format == Format::Sloth {
        let accepted = ["version", "service", "labels", "slos", "slo_plugins"];
        let part = Part::open(reader, "the document", &document.root, &accepted, Spelling::Snake);
        return part.map(|part| service(reader, "the document", &part)).unwrap_or_default();
    }
    let accepted = ["apiVersion", "kind", "metadata", "spec", "status"];
    let Some(root) = reader.object("the document", &document.root, &accepted) else { return Vec::new() };
    let Some(node) = reader.required("the document", &root, "spec") else { return Vec::new() };
    let accepted = ["service", "labels", "slos", "slo_plugins"];
    let part = Part::open(reader, "spec", node, &accepted, Spelling::Camel);
    part.map(|part| service(reader, "spec", &part)).unwrap_or_default()
}

fn service(reader: &mut Reader<'_>, of: &str, part: &Part<'_>) -> Vec<Slo> {
    let service = part.required(reader, of, "service").and_then(|node| field::name(reader, "service", node));
    let labels: BTreeMap<_, _> = field::labels(reader, "labels", part.get("labels"));
    if let Some(node) = part.get("slo_plugins") {
        plugins::chain(reader, &part.spelled("slo_plugins"), node);
    }
    let nodes = reader.list("slos", part.get("slos"));
    if nodes.is_empty() {
        reader.warn(part.fields.place(), "`slos` is empty, so that nothing is promised".to_owned());
    }
    let told = slo::Service { name: service.unwrap_or_default(), labels, spelling: part.spelling };
    let read: Vec<Slo> = nodes.iter().filter_map(|node| slo::slo(reader, node, &told)).collect();
    if told.name.is_empty() { Vec::new() } else { read }
}
