//! Every metric and attribute name in dashboards, alerts, manifests and documents is declared in
//! `sdk/contract/src/names` or `sidecar/src/metric_names.rs`, or recorded by the written rules. Every label in a query
//! belongs to its metric.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use mapwarden_contract::names::{Metric, MetricKind};
use mapwarden_objective::Period;
use mapwarden_rules::{ObjectiveRules, RuleTarget};
use mapwarden_sidecar::metric_names;

use crate::repository::{Text, parse, root, strings, texts};

/// Words that begin like our names but are not names: the sidecar's library crate, a file, a domain.
const NOT_NAMES: [&str; 4] = ["mapwarden_sidecar", "mapwarden_loom", "mapwarden.yaml", "mapwarden.io"];

/// Labels that Prometheus and its operator put on every series of a target, and on histograms.
const TARGET_LABELS: [&str; 7] = ["job", "instance", "namespace", "pod", "container", "endpoint", "le"];

/// Words after which a query lists labels.
const LABEL_LISTS: [&str; 7] =
    ["by", "without", "on", "ignoring", "group_left", "group_right", "label_values"];

/// The series that the written rules record, with their labels: for the objectives of the repository's SLO files, which
/// are of every kind.
static RECORDED: LazyLock<BTreeMap<String, BTreeSet<String>>> = LazyLock::new(|| {
    let files =
        ["tests/objectives", "sidecar/slo/tests/it/golden/openslo.yaml"].map(|path| root().join(path));
    let slos = mapwarden_slo::load(&files, &Period::DEFAULT, Vec::new()).slos;
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for slo in &slos {
        let written = ObjectiveRules::new(slo, &slos).unwrap();
        let rules: serde_json::Value =
            serde_saphyr::from_str(&written.rules(RuleTarget::Prometheus)).unwrap();
        let groups = rules["groups"].as_array().unwrap().iter();
        for rule in groups.flat_map(|group| group["rules"].as_array().unwrap()) {
            // A firing alert is a sample of the series `ALERTS`.
            let name = rule["record"].as_str().unwrap_or("ALERTS").to_owned();
            let labels = rule["labels"].as_object().into_iter().flatten().map(|(label, _)| label.clone());
            found.entry(name).or_default().extend(labels);
        }
    }
    for labels in found.values_mut() {
        labels.extend(["sloth_id", "sloth_service", "sloth_slo"].map(str::to_owned));
    }
    found.entry("ALERTS".to_owned()).or_default().extend(["alertname", "alertstate"].map(str::to_owned));
    found
});

/// Returns the labels of a metric that the sidecar serves or rules record; none for other metrics.
fn labels_of(name: &str) -> Option<BTreeSet<&str>> {
    let served = metric(name).map(|metric| metric.labels.iter().copied().collect());
    served.or_else(|| Some(RECORDED.get(name)?.iter().map(String::as_str).collect()))
}

/// Every file that may name a metric.
fn documents() -> Vec<Text> {
    let places = [
        ("dashboards", ".json"),
        ("alerts", ".yaml"),
        ("alerts", ".md"),
        ("k8s", ".yaml"),
        ("k8s", ".md"),
        ("docs", ".md"),
        ("README.md", ""),
        ("ARCHITECTURE.md", ""),
        ("CHANGELOG.md", ""),
    ];
    places.iter().flat_map(|(under, ending)| texts(under, ending)).collect()
}

/// The dotted names: every literal of the contract that begins like one, so that a new constant is included at once.
fn dotted() -> BTreeSet<&'static str> {
    let declared = [
        include_str!("../../../sdk/contract/src/names/attribute.rs"),
        include_str!("../../../sdk/contract/src/names/wire.rs"),
    ];
    let literals = declared.into_iter().flat_map(|file| file.split('"'));
    literals.filter(|literal| literal.starts_with("mapwarden.")).collect()
}

fn metric(word: &str) -> Option<Metric> {
    let exact = metric_names::ALL.into_iter().find(|metric| metric.name == word);
    exact.or_else(|| {
        metric_names::ALL.into_iter().filter(|metric| metric.kind == MetricKind::Histogram).find(
            |histogram| {
                word.strip_prefix(histogram.name)
                    .is_some_and(|suffix| ["_bucket", "_sum", "_count"].contains(&suffix))
            },
        )
    })
}

/// Whether a word is declared. A word that ends in a separator is a prefix of names, as in `mapwarden_slo_*`.
fn is_declared(word: &str) -> bool {
    if NOT_NAMES.contains(&word) {
        return true;
    }
    if word.starts_with("mapwarden.") {
        let names = dotted();
        return if word.ends_with('.') {
            names.iter().any(|name| name.starts_with(word))
        } else {
            names.contains(word)
        };
    }
    if word.contains(':') {
        return RECORDED.contains_key(word) || is_beginning(word);
    }
    if word.ends_with('_') {
        return metric_names::ALL.iter().any(|metric| metric.name.starts_with(word));
    }
    metric(word).is_some()
}

/// Whether a word stands for several recorded series: `slo:sli_error:ratio_rate<window>`.
fn is_beginning(word: &str) -> bool {
    let windows = |name: &String| {
        name.strip_prefix(word).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    RECORDED.keys().any(windows)
}

/// Returns the words of a text that begin like our names. A full stop counts only before another letter or a `*`.
fn names_in(text: &str) -> Vec<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.' || c == ':';
    let mut rest = text;
    let mut found = Vec::new();
    while let Some(start) = rest.find(is_part) {
        rest = &rest[start..];
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let word = word.trim_end_matches(':');
        let word = if after.starts_with('*') { word } else { word.trim_end_matches('.') };
        let starts = ["mapwarden_", "mapwarden.", "mapwarden:sli_", "slo:"];
        if starts.iter().any(|start| word.starts_with(start)) {
            found.push(word);
        }
        rest = after;
    }
    found
}

/// Returns every query: of a dashboard, with other texts that name labels; of a rule file and of its tests.
fn queries() -> Vec<(String, String)> {
    let files = texts("dashboards", ".json").into_iter().chain(texts("alerts", ".yaml"));
    files
        .flat_map(|file| {
            let keys = ["expr", "query", "series"];
            let queries =
                strings(&parse(&file)).into_iter().filter(move |(key, _)| keys.contains(&key.as_str()));
            queries.map(|(_, query)| (file.path.clone(), query)).collect::<Vec<_>>()
        })
        .collect()
}

/// Returns every label that a query selects of one metric: `(metric, label)`.
fn matchers(query: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    for name in names_in(query) {
        for (at, _) in query.match_indices(name) {
            let after = &query[at + name.len()..];
            let Some(inside) = after.strip_prefix('{').and_then(|rest| rest.split_once('}')) else {
                continue;
            };
            // Values are between quotes; the rest are labels, operators and commas.
            let labels = inside.0.split('"').step_by(2).flat_map(|part| part.split(','));
            let labels =
                labels.map(|label| label.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
            found.extend(labels.filter(|label| !label.is_empty()).map(|label| (name, label)));
        }
    }
    found
}

/// Returns every label in a list, as in `by (slo, service)`.
fn listed(query: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for word in LABEL_LISTS {
        for (at, _) in query.match_indices(word) {
            let is_word = !query[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            let Some(list) = query[at + word.len()..].trim_start().strip_prefix('(') else { continue };
            if let (true, Some((labels, _))) = (is_word, list.split_once(')')) {
                // In `label_values(metric{..}, label)` only the last is a label.
                let mut all = labels.split(',').map(str::trim).filter(|label| !label.is_empty());
                if word == "label_values" {
                    found.extend(all.next_back());
                } else {
                    found.extend(all);
                }
            }
        }
    }
    found
}

#[test]
fn every_name_is_declared() {
    let documents = documents();
    let mut unknown = Vec::new();
    for document in &documents {
        for (number, line) in document.text.lines().enumerate() {
            let undeclared = names_in(line).into_iter().filter(|name| !is_declared(name));
            unknown.extend(undeclared.map(|name| format!("{}:{}: {name}", document.path, number + 1)));
        }
    }
    assert!(
        unknown.is_empty(),
        "not declared in sdk/contract/src/names or sidecar/src/metric_names.rs:\n{}",
        unknown.join("\n")
    );
    let seen: BTreeSet<_> = documents.iter().flat_map(|document| names_in(&document.text)).collect();
    assert!(seen.len() > 30, "only {} names were found: are the folders still there?", seen.len());
}

#[test]
fn every_label_belongs_to_its_metric() {
    let mut unknown = Vec::new();
    let queries = queries();
    assert!(queries.len() > 50, "only {} queries were found: are the folders still there?", queries.len());
    for (path, query) in &queries {
        for (name, label) in matchers(query) {
            let declared = labels_of(name).unwrap_or_else(|| panic!("{path}: {name} is not declared"));
            if !declared.contains(label) && !TARGET_LABELS.contains(&label) {
                unknown.push(format!("{path}: {name} has no label {label}"));
            }
        }
        for label in listed(query) {
            let served = metric_names::ALL.iter().any(|metric| metric.labels.contains(&label));
            let recorded = RECORDED.values().any(|labels| labels.contains(label));
            if !served && !recorded && !TARGET_LABELS.contains(&label) {
                unknown.push(format!("{path}: no metric has a label {label}: {query}"));
            }
        }
    }
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
}

#[test]
fn every_served_metric_can_be_seen() {
    let queries: String = queries().into_iter().map(|(_, query)| query + "\n").collect();
    let seen: BTreeSet<_> =
        names_in(&queries).into_iter().filter_map(metric).map(|metric| metric.name).collect();
    let ours =
        metric_names::ALL.iter().map(|metric| metric.name).filter(|name| name.starts_with("mapwarden_"));
    let unseen: Vec<_> = ours.filter(|name| !seen.contains(name)).collect();
    assert!(unseen.is_empty(), "neither on a dashboard nor in an alert: {unseen:?}");
}

#[test]
fn an_undeclared_name_is_refused() {
    let cases = [
        ("a metric", "mapwarden_slo_info", true),
        ("a histogram's bucket", "mapwarden_evaluation_duration_seconds_bucket", true),
        ("a counter has no buckets", "mapwarden_sli_events_total_bucket", false),
        ("a counter without its suffix", "mapwarden_sli_events", false),
        ("an unknown metric", "mapwarden_made_up_total", false),
        ("the prefix of a metric", "mapwarden_slo_", true),
        ("the prefix of no metric", "mapwarden_made_", false),
        ("a wire name", "mapwarden.map.operations", true),
        ("an attribute", "mapwarden.team", true),
        ("the prefix of wire names", "mapwarden.map.", true),
        ("an unknown attribute", "mapwarden.colour", false),
        ("a file", "mapwarden.yaml", true),
        ("a recorded series", "slo:period_error_budget_remaining:ratio", true),
        ("a series of a window", "mapwarden:sli_bad:increase5m", true),
        ("the series of every window", "slo:sli_error:ratio_rate", true),
        ("a series that no rule records", "slo:error_budget:remaining", false),
        ("a series of a window that no rule has", "slo:sli_error:ratio_rate7m", false),
    ];
    for (name, word, expected) in cases {
        assert_eq!(is_declared(word), expected, "{name}: {word}");
    }
}

#[test]
fn names_and_labels_are_found_in_text() {
    assert_eq!(
        names_in("see `mapwarden.team`, mapwarden.map.* and mapwarden_slo_info{a=\"b\"}."),
        ["mapwarden.team", "mapwarden.map.", "mapwarden_slo_info"]
    );
    let query = r#"max(slo:objective:ratio{sloth_id="a"}) or ALERTS{alertstate="firing"}"#;
    assert_eq!(matchers(query), [("slo:objective:ratio", "sloth_id")]);
    assert!(labels_of("slo:objective:ratio").unwrap().contains("sloth_slo"));
    assert!(!labels_of("slo:objective:ratio").unwrap().contains("sloth_window"));
    assert!(labels_of("slo:sli_error:ratio_rate1h").unwrap().contains("sloth_window"));
    let query = r#"sum by (slo, le) (rate(mapwarden_x{slo=~"a,b", job!="c"}[5m])) * on (team) group_left mapwarden_y"#;
    assert_eq!(matchers(query), [("mapwarden_x", "slo"), ("mapwarden_x", "job")]);
    assert_eq!(listed(query), ["slo", "le", "team"]);
    assert_eq!(listed("label_values(mapwarden_x{slo=\"a\"}, service)"), ["service"]);
}
