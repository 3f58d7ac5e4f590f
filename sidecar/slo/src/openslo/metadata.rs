//! Comes in: the `metadata` of an object. Goes out: its name, labels and annotations. Never reads a `spec`.

use std::collections::BTreeMap;

use crate::field;
use crate::yaml::{Node, Reader, YamlValue};

/// The prefix of Mapwarden's annotations.
const OURS: &str = "mapwarden/";

/// The annotation with the labels by which an objective is grouped, separated by commas.
const GROUP_BY: &str = "mapwarden/group-by";

/// The metadata of an object.
#[derive(Clone, Debug, Default)]
pub(super) struct Metadata {
    pub(super) name: String,
    /// Labels by names that Prometheus accepts; several values are joined by commas.
    pub(super) labels: BTreeMap<String, String>,
    /// Annotations without a prefix, which alerts carry.
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) group_by: Vec<String>,
}

/// Reads `metadata`.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Metadata> {
    let fields = reader.object("metadata", node, &["name", "displayName", "labels", "annotations"])?;
    let name = field::required_name(reader, "metadata", &fields, "name");
    field::optional_text(reader, &fields, "displayName");
    let labels = labels(reader, fields.get("labels"));
    let annotations = fields.get("annotations");
    let mut group_by = Vec::new();
    let mut carried = BTreeMap::new();
    for (key, value) in field::pairs(reader, "annotations", annotations) {
        if key == GROUP_BY {
            group_by = value.split(',').map(|label| label.trim().to_owned()).collect();
        } else if key.starts_with(OURS) {
            let location = annotations.map_or(node.referenced, |node| node.referenced);
            reader.problem(location, format!("`annotations` has `{key}`: accepted is {GROUP_BY}"));
        } else if !key.contains('/') {
            carried.insert(label_name(&key), value);
        }
    }
    if let (Some(wrong), Some(node)) = (group_by.iter().find(|label| !field::is_label(label)), annotations) {
        reader.problem(
            node.referenced,
            format!("`{GROUP_BY}` has `{wrong}`: accepted are labels, separated by commas"),
        );
    }
    Some(Metadata { name: name?, labels, annotations: carried, group_by })
}

/// Reads labels, each a text or a list of texts.
fn labels(reader: &mut Reader<'_>, node: Option<&Node>) -> BTreeMap<String, String> {
    let Some(fields) = node.and_then(|node| reader.any_object("labels", node)) else {
        return BTreeMap::new();
    };
    let mut labels = BTreeMap::new();
    for (key, _) in fields.keys() {
        let Some(node) = fields.get(key) else { continue };
        let values: Vec<String> = match &node.value {
            YamlValue::List(values) => values.iter().filter_map(|value| reader.scalar(key, value)).collect(),
            YamlValue::Nothing
            | YamlValue::Truth(_)
            | YamlValue::Integer(_)
            | YamlValue::Float(_)
            | YamlValue::Text(_)
            | YamlValue::Object(_) => reader.scalar(key, node).into_iter().collect(),
        };
        labels.insert(label_name(key), values.join(","));
    }
    labels
}

/// Returns the name as Prometheus accepts it: `app.kubernetes.io/name` is `app_kubernetes_io_name`.
fn label_name(name: &str) -> String {
    let allowed = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    let name: String = name.chars().map(allowed).collect();
    if name.starts_with(|letter: char| letter.is_ascii_digit()) { format!("_{name}") } else { name }
}
