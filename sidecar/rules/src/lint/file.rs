//! Comes in: the text of a rule file, plain or a `PrometheusRule`, of one or several documents. Goes out: its rules, each
//! with its line. Never judges them.

use std::collections::BTreeMap;
use std::path::Path;

use serde_saphyr::Location;

use mapwarden_objective::Origin;
use mapwarden_slo::Problem;
use mapwarden_slo::declaration::{Node, YamlValue, parse_all};

/// What a rule makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RuleKind {
    Alert,
    Record,
}

/// One rule as it was written.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) kind: RuleKind,
    pub(super) name: String,
    pub(super) expression: String,
    /// Its `for`.
    pub(super) after: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) origin: Origin,
}

impl Rule {
    /// Something that is wrong with it.
    pub(super) fn problem(&self, message: String) -> Problem {
        Problem { origin: self.origin.clone(), message }
    }
}

/// Every rule of a file, in its order. Documents that hold no groups are passed over.
pub(super) fn rules(path: &Path, text: &str) -> Result<Vec<Rule>, Problem> {
    let documents = parse_all(text).map_err(|error| unreadable(path, &error))?;
    let mut rules = Vec::new();
    for document in &documents {
        let groups = field(document, "groups").or_else(|| field(field(document, "spec")?, "groups"));
        for group in groups.map(items).unwrap_or_default() {
            let found = field(group, "rules").map(items).unwrap_or_default();
            rules.extend(found.iter().filter_map(|node| rule(path, node)));
        }
    }
    Ok(rules)
}

fn unreadable(path: &Path, error: &serde_saphyr::Error) -> Problem {
    let place = error.location();
    let known = |number: u64| Some(number).filter(|number| *number > 0);
    let line = place.and_then(|place| known(place.line()));
    let column = place.and_then(|place| known(place.column()));
    let origin = Origin::File { path: path.to_owned(), line, column };
    Problem { origin, message: format!("is not YAML: {}", error.without_snippet()) }
}

fn rule(path: &Path, node: &Node) -> Option<Rule> {
    let (kind, name) = match (field(node, "alert"), field(node, "record")) {
        (Some(name), _) => (RuleKind::Alert, name),
        (None, Some(name)) => (RuleKind::Record, name),
        (None, None) => return None,
    };
    let text = |name: &str| field(node, name).map(text).unwrap_or_default();
    Some(Rule {
        kind,
        name: self::text(name),
        expression: text("expr"),
        after: text("for"),
        labels: texts(node, "labels"),
        annotations: texts(node, "annotations"),
        origin: origin(path, name.referenced),
    })
}

fn origin(path: &Path, place: Location) -> Origin {
    let known = |number: u64| Some(number).filter(|number| *number > 0);
    Origin::File { path: path.to_owned(), line: known(place.line()), column: known(place.column()) }
}

fn field<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let YamlValue::Object(fields) = &node.value else { return None };
    fields.iter().find(|(key, _)| key.value == name).map(|(_, value)| value)
}

fn items(node: &Node) -> &[Node] {
    if let YamlValue::List(items) = &node.value { items } else { &[] }
}

/// A scalar's text.
fn text(node: &Node) -> String {
    match &node.value {
        YamlValue::Text(text) => text.clone(),
        YamlValue::Integer(number) => number.to_string(),
        YamlValue::Float(number) => number.to_string(),
        YamlValue::Truth(truth) => truth.to_string(),
        YamlValue::Nothing | YamlValue::List(_) | YamlValue::Object(_) => String::new(),
    }
}

fn texts(node: &Node, name: &str) -> BTreeMap<String, String> {
    let Some(YamlValue::Object(fields)) = field(node, name).map(|node| &node.value) else {
        return BTreeMap::new();
    };
    fields.iter().map(|(key, value)| (key.value.clone(), text(value))).collect()
}
