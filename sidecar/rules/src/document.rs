//! Comes in: groups of rules. Goes out: YAML, as a plain rule file or as a resource of the Prometheus operator. The
//! same groups give the same bytes. Never reorders rules.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Rules that are evaluated together, in their order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct EvaluationGroup {
    pub(super) name: String,
    /// The interval in the notation of Prometheus.
    pub(super) interval: &'static str,
    pub(super) rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rule {
    pub(super) output: RuleOutput,
    pub(super) expression: String,
    pub(super) labels: BTreeMap<String, String>,
    /// The seconds for which the condition of an alert must hold.
    pub(super) after: u64,
}

/// The output of a rule. A closed set.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum RuleOutput {
    /// A series.
    Record(String),
    /// An alert, with its annotations.
    Alert(String, BTreeMap<String, String>),
}

/// The form of a rule file. A closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleTarget {
    /// A rule file of Prometheus, Thanos, Mimir or vmalert.
    Prometheus,
    /// A `PrometheusRule` of the Prometheus operator.
    PrometheusRule,
}

/// Writes the groups of an objective.
pub(super) fn write(target: RuleTarget, name: &str, groups: &[EvaluationGroup]) -> String {
    let mut text = String::from("# Written by `mapwarden rules`: change the objective, not this file.\n");
    let margin = match target {
        RuleTarget::Prometheus => "",
        RuleTarget::PrometheusRule => {
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

fn write_group(text: &mut String, group: &EvaluationGroup) {
    // Writing to a String never fails.
    let _ = write!(text, "  - name: {}\n    interval: {}\n    rules:\n", quoted(&group.name), group.interval);
    for Rule { output, expression, labels, after } in &group.rules {
        let annotations = match output {
            RuleOutput::Record(name) => {
                let _ = writeln!(text, "      - record: {name}");
                None
            }
            RuleOutput::Alert(name, annotations) => {
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
        if *after > 0 {
            let _ = writeln!(text, "        for: {after}s");
        }
        write_map(text, "labels", labels);
        if let Some(annotations) = annotations {
            write_map(text, "annotations", annotations);
        }
    }
}

fn write_map(text: &mut String, field: &str, map: &BTreeMap<String, String>) {
    if map.is_empty() {
        return;
    }
    let _ = writeln!(text, "        {field}:");
    for (name, value) in map {
        let _ = writeln!(text, "          {}: {}", key(name), quoted(value));
    }
}

/// Returns a double-quoted YAML scalar. JSON strings are such scalars.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Words that YAML 1.1, which readers of the operator still follow, reads as a truth or as null without quotes.
const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

/// Returns the name of a label or an annotation as a key.
fn key(name: &str) -> String {
    let is_word = WORDS.iter().any(|word| name.eq_ignore_ascii_case(word));
    if is_word { quoted(name) } else { name.to_owned() }
}

/// The longest name of an objective in the name of a resource, so that this stays below the 253 characters of
/// Kubernetes. Raised above 243, Kubernetes refuses long names.
const MAX_NAME: usize = 240;

/// Returns the name of a Kubernetes resource, a DNS subdomain: parts of lower-case letters, digits and hyphens inside
/// them, with full stops between them. Names that differ only in other characters become equal.
pub(super) fn resource_name(name: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c.to_ascii_lowercase() } else { '-' };
    let name: String = name.chars().map(allowed).take(MAX_NAME).collect();
    let parts: Vec<_> = name.split('.').map(|part| part.trim_matches('-')).collect();
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { "mapwarden".to_owned() } else { format!("mapwarden-{}", parts.join(".")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups() -> Vec<EvaluationGroup> {
        let labels = BTreeMap::from([("a".to_owned(), "x \"y\"".to_owned())]);
        let record = Rule {
            output: RuleOutput::Record("a:b".to_owned()),
            expression: "sum(\n  c\n)".to_owned(),
            labels,
            after: 0,
        };
        let output = RuleOutput::Alert(
            "Low".to_owned(),
            BTreeMap::from([("summary".to_owned(), "it: is".to_owned())]),
        );
        let alert = Rule { output, expression: "a:b < 1".to_owned(), labels: BTreeMap::new(), after: 90 };
        vec![EvaluationGroup { name: "one".to_owned(), interval: "1m", rules: vec![record, alert] }]
    }

    #[test]
    fn both_forms_hold_the_same_groups() {
        let plain: serde_json::Value =
            serde_saphyr::from_str(&write(RuleTarget::Prometheus, "shop-x", &groups())).unwrap();
        let resource: serde_json::Value =
            serde_saphyr::from_str(&write(RuleTarget::PrometheusRule, "Shop_x", &groups())).unwrap();
        assert_eq!(resource["spec"], plain);
        assert_eq!(resource["metadata"]["name"], "mapwarden-shop-x");
        assert_eq!(plain["groups"][0]["rules"][0]["labels"]["a"], "x \"y\"");
        assert_eq!(plain["groups"][0]["rules"][0]["expr"], "sum(\n  c\n)\n");
        assert_eq!(plain["groups"][0]["rules"][1]["for"], "90s");
        assert_eq!(plain["groups"][0]["rules"][1]["annotations"]["summary"], "it: is");
    }

    #[test]
    fn names_of_resources_are_subdomains() {
        let cases = [
            ("shop-answered", "mapwarden-shop-answered"),
            ("Shop_/a|b", "mapwarden-shop--a-b"),
            ("shop.eu-.-x..y.", "mapwarden-shop.eu.x.y"),
            ("-._:", "mapwarden"),
        ];
        for (name, expected) in cases {
            assert_eq!(resource_name(name), expected, "{name}");
        }
        let long = resource_name(&format!("{}-{}", "a".repeat(239), "b".repeat(100)));
        assert_eq!(long, format!("mapwarden-{}", "a".repeat(239)));
    }

    #[test]
    fn keys_that_are_yaml_keywords_are_quoted() {
        let rule = Rule {
            output: RuleOutput::Record("a".to_owned()),
            expression: "b".to_owned(),
            labels: BTreeMap::from([("No".to_owned(), "x".to_owned()), ("only".to_owned(), "z".to_owned())]),
            after: 0,
        };
        let text = write(
            RuleTarget::Prometheus,
            "",
            &[EvaluationGroup { name: "one".to_owned(), interval: "1m", rules: vec![rule] }],
        );
        assert!(text.contains("          \"No\": \"x\"\n          only: \"z\"\n"), "{text}");
    }
}
