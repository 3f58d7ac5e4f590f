//! Comes in: the text of a rule file, plain or a `PrometheusRule`, of one or several documents. Goes out: its rules,
//! each with its line. Never checks a rule.

use std::collections::BTreeMap;
use std::path::Path;

use mapwarden_objective::Origin;
use mapwarden_slo::Problem;
use mapwarden_slo::declaration::{Node, Reader, YamlValue, read_all};

/// The kind of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RuleKind {
    Alert,
    Record,
}

/// A rule of a file.
#[derive(Clone, Debug)]
pub(super) struct LintedRule {
    pub(super) kind: RuleKind,
    pub(super) name: String,
    pub(super) expression: String,
    /// Its `for`.
    pub(super) after: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) origin: Origin,
}

impl LintedRule {
    /// Returns a problem with this rule.
    pub(super) fn problem(&self, message: String) -> Problem {
        Problem { origin: self.origin.clone(), message }
    }
}

/// Returns every rule of a file, in its order. Skips documents without groups.
pub(super) fn rules(path: &Path, text: &str) -> Result<Vec<LintedRule>, Problem> {
    let documents = read_all(path, text)?;
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

fn rule(path: &Path, node: &Node) -> Option<LintedRule> {
    let (kind, name) = match (field(node, "alert"), field(node, "record")) {
        (Some(name), _) => (RuleKind::Alert, name),
        (None, Some(name)) => (RuleKind::Record, name),
        (None, None) => return None,
    };
    let text = |name: &str| field(node, name).map(text).unwrap_or_default();
    Some(LintedRule {
        kind,
        name: self::text(name),
        expression: text("expr"),
        after: text("for"),
        labels: texts(node, "labels"),
        annotations: texts(node, "annotations"),
        origin: Reader::new(path).origin(name.referenced),
    })
}

fn field<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let YamlValue::Object(fields) = &node.value else { return None };
    fields.iter().find(|(key, _)| key.value == name).map(|(_, value)| value)
}

fn items(node: &Node) -> &[Node] {
    if let YamlValue::List(items) = &node.value { items } else { &[] }
}

/// Returns the text of a scalar.
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
