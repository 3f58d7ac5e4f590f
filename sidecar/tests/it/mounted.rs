//! The files that operators mount are complete: dashboards have distinct ids and show missing data, every
//! alert has a severity, an SLI, a runbook and tests, and the manifests carry the same rules.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::repository::{Text, parse, root, strings, texts};

fn with_value(file: Text) -> (Text, Value) {
    let value = parse(&file);
    (file, value)
}

fn dashboards() -> Vec<(Text, Value)> {
    let all: Vec<_> = texts("dashboards", ".json").into_iter().map(with_value).collect();
    assert!(!all.is_empty(), "no dashboard was found");
    all
}

fn rule_files() -> Vec<Text> {
    let all = texts("alerts", ".yaml").into_iter().filter(|file| !file.path.starts_with("alerts/tests/"));
    let all: Vec<_> = all.collect();
    assert!(!all.is_empty(), "no rule file was found");
    all
}

fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Every alert: its file and its rule.
fn alerts() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for file in rule_files() {
        let rules = parse(&file);
        for rule in items(&rules, "groups").flat_map(|group| items(group, "rules")) {
            found.push((file.path.clone(), rule.clone()));
        }
    }
    found
}

fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    items(dashboard, "panels").filter(|panel| text(panel, "type") != "row")
}

#[test]
fn dashboards_have_unique_titles_and_uids() {
    let mut uids = BTreeSet::new();
    let mut titles = BTreeSet::new();
    for (file, dashboard) in dashboards() {
        let uid = text(&dashboard, "uid").to_owned();
        assert_eq!(file.path, format!("dashboards/{}.json", uid.strip_prefix("mapwarden-").unwrap()));
        assert!(uids.insert(uid), "{}: its uid is not unique", file.path);
        assert!(
            titles.insert(text(&dashboard, "title").to_owned()),
            "{}: its title is not unique",
            file.path
        );
        let mut here = BTreeSet::new();
        for panel in panels(&dashboard) {
            let title = text(panel, "title");
            assert!(here.insert(title), "{}: two panels are called {title:?}", file.path);
        }
    }
}

#[test]
fn panels_have_descriptions_and_show_missing_data() {
    for (file, dashboard) in dashboards() {
        for panel in panels(&dashboard) {
            let (title, defaults) = (text(panel, "title"), &panel["fieldConfig"]["defaults"]);
            assert!(text(panel, "description").ends_with('.'), "{}: {title} has no description", file.path);
            assert!(!text(defaults, "noValue").is_empty(), "{}: {title} hides missing data", file.path);
            assert!(!text(defaults, "unit").is_empty(), "{}: {title} has no unit", file.path);
            assert!(items(panel, "targets").count() > 0, "{}: {title} has no query", file.path);
        }
        for (key, query) in strings(&dashboard) {
            assert!(key != "expr" || !query.contains("vector("), "{}: invents a value: {query}", file.path);
        }
    }
}

#[test]
fn dashboards_use_the_chosen_source_and_mark_changes() {
    for (file, dashboard) in dashboards() {
        let variables: Vec<_> = items(&dashboard["templating"], "list").collect();
        assert_eq!(text(variables[0], "type"), "datasource", "{}", file.path);
        for (key, value) in strings(&dashboard) {
            let known = ["prometheus", "grafana", "-- Grafana --", "${datasource}"].contains(&value.as_str());
            assert!(key != "uid" || known || value.starts_with("mapwarden-"), "{}: {value}", file.path);
        }
        let marks = items(&dashboard["annotations"], "list").filter(|mark| !text(mark, "expr").is_empty());
        assert_eq!(marks.count(), 1, "{}: every panel shows changes", file.path);
        assert_eq!(
            text(&dashboard["links"][0], "type"),
            "dashboards",
            "{}: no links to the other dashboards",
            file.path
        );
    }
}

#[test]
fn every_alert_has_a_severity_an_sli_and_a_runbook() {
    let mut names = BTreeSet::new();
    for (path, rule) in alerts() {
        let name = text(&rule, "alert").to_owned();
        assert!(["page", "ticket"].contains(&text(&rule["labels"], "severity")), "{path}: {name}: severity");
        for part in ["summary", "description", "sli"] {
            assert!(!text(&rule["annotations"], part).is_empty(), "{path}: {name} has no {part}");
        }
        let runbook = text(&rule["annotations"], "runbook_url");
        assert!(runbook.ends_with(&format!("/{name}.md")), "{path}: {name}: {runbook}");
        assert!(names.insert(name.clone()), "{path}: there are two alerts {name}");
    }
    let runbooks = texts("alerts/runbooks", ".md");
    let titled = runbooks.iter().filter_map(|file| file.text.lines().next()?.strip_prefix("# Mapwarden"));
    let runbooks: BTreeSet<_> = titled.map(|name| format!("Mapwarden{name}")).collect();
    // The runbooks of the alerts that are written for objectives, which have names of their own.
    names.extend(mapwarden_rules::RUNBOOKS.map(str::to_owned));
    assert_eq!(names, runbooks, "alerts on the left, runbooks on the right");
}

#[test]
fn every_alert_is_tested_silent_and_firing() {
    let tests: Vec<_> = texts("alerts/tests", ".test.yaml").iter().map(parse).collect();
    let cases: Vec<_> = tests
        .iter()
        .flat_map(|file| items(file, "tests"))
        .flat_map(|test| items(test, "alert_rule_test"))
        .collect();
    for (path, rule) in alerts() {
        let name = text(&rule, "alert");
        let of_it = || cases.iter().filter(|case| text(case, "alertname") == name);
        assert!(
            of_it().any(|case| items(case, "exp_alerts").count() > 0),
            "{path}: no test expects {name} to fire"
        );
        assert!(
            of_it().filter(|case| items(case, "exp_alerts").count() == 0).count() > 1,
            "{path}: no test expects {name} to be silent and to resolve"
        );
    }
}

#[test]
fn the_manifests_carry_the_same_rules() {
    for file in rule_files() {
        let name = file.path.strip_prefix("alerts/").unwrap();
        let path = root().join("k8s/base/rules").join(name);
        let manifest = std::fs::read_to_string(&path).unwrap_or_default();
        let spec: String = manifest
            .lines()
            .skip_while(|line| *line != "spec:")
            .skip(1)
            .map(|line| format!("{}\n", line.strip_prefix("  ").unwrap_or(line)))
            .collect();
        assert_eq!(spec, file.text, "k8s/base/rules/{name} is stale: run k8s/render-rules");
    }
}
