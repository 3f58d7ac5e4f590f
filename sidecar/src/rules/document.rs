//! Comes in: groups of rules. Goes out: YAML, as a plain rule file or as the resource of the Prometheus operator; the
//! same groups are the same bytes. Never reorders what it is given.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Rules that are evaluated together, in their order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group {
    pub(super) name: String,
    /// How often, in Prometheus' notation.
    pub(super) interval: &'static str,
    pub(super) rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rule {
    pub(super) kind: Kind,
    pub(super) expression: String,
    pub(super) labels: BTreeMap<String, String>,
}

/// What a rule makes. A closed set.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A series.
    Record(String),
    /// An alert, with its annotations.
    Alert(String, BTreeMap<String, String>),
}

/// The form of a rule file. A closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A rule file of Prometheus, Thanos, Mimir or vmalert.
    Prometheus,
    /// A `PrometheusRule` of the Prometheus operator.
    PrometheusRule,
}

/// Writes the groups of one objective.
pub(super) fn write(target: Target, name: &str, groups: &[Group]) -> String {
    let mut text = String::from("# Written by `mapwarden rules`: change the objective, not this file.\n");
    let margin = match target {
        Target::Prometheus => "",
        Target::PrometheusRule => {
            let _ = write!(
                text,
                "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: {}\n  labels:\n    \
                 app.kubernetes.io/name: mapwarden\nspec:\n",
                quoted(&resource_name(name))
            );
            "  "
        }
    };
    let mut groups_text = String::from("groups:\n");
    groups.iter().for_each(|group| write_group(&mut groups_text, group));
    for line in groups_text.lines() {
        let _ = if line.is_empty() { writeln!(text) } else { writeln!(text, "{margin}{line}") };
    }
    text
}

fn write_group(text: &mut String, group: &Group) {
    // Writing to a String never fails.
    let _ = write!(text, "  - name: {}\n    interval: {}\n    rules:\n", quoted(&group.name), group.interval);
    for Rule { kind, expression, labels } in &group.rules {
        let annotations = match kind {
            Kind::Record(name) => {
                let _ = writeln!(text, "      - record: {name}");
                None
            }
            Kind::Alert(name, annotations) => {
                let _ = writeln!(text, "      - alert: {}", quoted(name));
                Some(annotations)
            }
        };
        if expression.contains('\n') {
            let _ = writeln!(text, "        expr: |");
            expression.lines().for_each(|line| {
                let _ = writeln!(text, "          {line}");
            });
        } else {
            let _ = writeln!(text, "        expr: {}", quoted(expression));
        }
        write_map(text, "labels", labels);
        if let Some(annotations) = annotations {
            write_map(text, "annotations", annotations);
        }
    }
}

fn write_map(text: &mut String, name: &str, map: &BTreeMap<String, String>) {
    if map.is_empty() {
        return;
    }
    let _ = writeln!(text, "        {name}:");
    for (key, value) in map {
        let _ = writeln!(text, "          {key}: {}", quoted(value));
    }
}

/// A string as YAML's double-quoted scalar. JSON's strings are such scalars.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The name of a Kubernetes resource: lower case, digits, hyphens and dots, at most 253 characters.
fn resource_name(name: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c.to_ascii_lowercase() } else { '-' };
    let name: String = name.chars().map(allowed).take(240).collect();
    format!("mapwarden-{}", name.trim_matches(|c| c == '-' || c == '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups() -> Vec<Group> {
        let labels = BTreeMap::from([("a".to_owned(), "x \"y\"".to_owned())]);
        let record =
            Rule { kind: Kind::Record("a:b".to_owned()), expression: "sum(\n  c\n)".to_owned(), labels };
        let kind = Kind::Alert("Low".to_owned(), BTreeMap::from([("summary".to_owned(), "it: is".to_owned())]));
        let alert = Rule { kind, expression: "a:b < 1".to_owned(), labels: BTreeMap::new() };
        vec![Group { name: "one".to_owned(), interval: "1m", rules: vec![record, alert] }]
    }

    #[test]
    fn both_forms_hold_the_same_groups() {
        let plain: serde_json::Value =
            serde_saphyr::from_str(&write(Target::Prometheus, "shop-x", &groups())).unwrap();
        let resource: serde_json::Value =
            serde_saphyr::from_str(&write(Target::PrometheusRule, "Shop_x", &groups())).unwrap();
        assert_eq!(resource["spec"], plain);
        assert_eq!(resource["metadata"]["name"], "mapwarden-shop-x");
        assert_eq!(plain["groups"][0]["rules"][0]["labels"]["a"], "x \"y\"");
        assert_eq!(plain["groups"][0]["rules"][0]["expr"], "sum(\n  c\n)\n");
        assert_eq!(plain["groups"][0]["rules"][1]["annotations"]["summary"], "it: is");
    }
}
