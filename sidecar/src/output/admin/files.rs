//! What comes in: the name of a dashboard, a rule file or a runbook. What goes out: that file, as it is in
//! `dashboards/` and `alerts/` of the repository and embedded in this binary.

use axum::Json;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;
use serde::{Deserialize, Serialize};

use super::query::{Parameters, choice};
use super::refusal::{PathNames, not_found};
use crate::problem::ProblemDocument;

/// Grafana dashboards.
#[derive(RustEmbed)]
#[folder = "dashboards"]
struct DashboardFiles;

/// Prometheus rule files, and runbooks.
#[derive(RustEmbed)]
#[folder = "alerts"]
struct AlertFiles;

/// A dashboard in the list.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct DashboardEntry {
    uid: String,
    title: String,
    #[serde(default)]
    path: String,
}

/// A rule file in the list.
#[derive(Debug, Serialize)]
pub(super) struct RuleFileEntry {
    file: String,
    path: String,
    groups: Vec<String>,
}

/// What is read of a rule file.
#[derive(Debug, Deserialize)]
struct RuleFile {
    groups: Vec<RuleGroup>,
}

#[derive(Debug, Deserialize)]
struct RuleGroup {
    name: String,
}

/// How a rule file is served.
#[derive(Clone, Copy)]
enum RuleFileFormat {
    /// As it is.
    Yaml,
    /// As a resource of the Prometheus operator.
    PrometheusRule,
}

pub(super) async fn dashboards() -> Json<Vec<DashboardEntry>> {
    Json(all_dashboards().into_iter().map(|(entry, _)| entry).collect())
}

pub(super) async fn dashboard(PathNames(file): PathNames<String>) -> Result<Response, ProblemDocument> {
    let all = all_dashboards();
    let known: Vec<String> = all.iter().map(|(entry, _)| format!("{}.json", entry.uid)).collect();
    let uid = file.strip_suffix(".json").unwrap_or(&file);
    let found = all.into_iter().find(|(entry, _)| entry.uid == uid);
    let (_, text) = found.ok_or_else(|| not_found(&format!("there is no dashboard `{file}`"), known))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

pub(super) async fn alerts() -> Json<Vec<RuleFileEntry>> {
    Json(all_rule_files().into_iter().map(|(entry, _)| entry).collect())
}

pub(super) async fn alert(
    PathNames(file): PathNames<String>,
    parameters: Parameters,
) -> Result<Response, ProblemDocument> {
    let [format] = parameters.values(["format"])?;
    let accepted = [("yaml", RuleFileFormat::Yaml), ("prometheusrule", RuleFileFormat::PrometheusRule)];
    let format = choice("format", format.as_deref(), accepted)?.unwrap_or(RuleFileFormat::Yaml);
    let all = all_rule_files();
    let known: Vec<String> = all.iter().map(|(entry, _)| entry.file.clone()).collect();
    let found = all.into_iter().find(|(entry, _)| entry.file == file);
    let (_, text) = found.ok_or_else(|| not_found(&format!("there is no rule file `{file}`"), known))?;
    let text = match format {
        RuleFileFormat::Yaml => text,
        RuleFileFormat::PrometheusRule => prometheus_rule(file.trim_end_matches(".yaml"), &text),
    };
    Ok(([(header::CONTENT_TYPE, "application/yaml")], text).into_response())
}

pub(super) async fn runbook(PathNames(name): PathNames<String>) -> Result<Response, ProblemDocument> {
    let known = || {
        AlertFiles::iter()
            .filter_map(|path| path.strip_prefix("runbooks/")?.strip_suffix(".md").map(str::to_owned))
    };
    let stem = name.strip_suffix(".md").unwrap_or(&name);
    let text = known()
        .find(|known| known == stem)
        .and_then(|known| text_of::<AlertFiles>(&format!("runbooks/{known}.md")))
        .ok_or_else(|| not_found(&format!("there is no runbook `{name}`"), known()))?;
    Ok(([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], text).into_response())
}

/// Every dashboard with its text, in the order of the file names.
fn all_dashboards() -> Vec<(DashboardEntry, String)> {
    let entries = DashboardFiles::iter().filter(|path| path.ends_with(".json")).filter_map(|path| {
        let text = text_of::<DashboardFiles>(&path)?;
        let mut entry: DashboardEntry = serde_json::from_str(&text).ok()?;
        entry.path = format!("/dashboards/{}.json", entry.uid);
        Some((entry, text))
    });
    entries.collect()
}

/// Every rule file with its text, in the order of the file names. promtool's test files have no groups.
fn all_rule_files() -> Vec<(RuleFileEntry, String)> {
    let entries =
        AlertFiles::iter().filter(|path| path.ends_with(".yaml") && !path.contains('/')).filter_map(|file| {
            let text = text_of::<AlertFiles>(&file)?;
            let rules: RuleFile = serde_saphyr::from_str(&text).ok()?;
            let groups = rules.groups.into_iter().map(|group| group.name).collect();
            let path = format!("/alerts/{file}");
            Some((RuleFileEntry { file: file.into_owned(), path, groups }, text))
        });
    entries.collect()
}

fn text_of<Folder: RustEmbed>(path: &str) -> Option<String> {
    Folder::get(path).and_then(|file| String::from_utf8(file.data.into_owned()).ok())
}

/// Wraps a rule file into the resource of the Prometheus operator. Indents the text instead of parsing and writing it,
/// so that comments and block scalars stay as they are.
fn prometheus_rule(name: &str, rules: &str) -> String {
    let spec = rules
        .lines()
        .filter(|line| !line.starts_with("---"))
        .map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") });
    let head = format!(
        "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: mapwarden-{name}\n  \
         labels:\n    app.kubernetes.io/name: mapwarden\nspec:\n"
    );
    std::iter::once(head).chain(spec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_file_becomes_the_spec_of_a_prometheus_rule() {
        let rules = "---\n# Why.\ngroups:\n  - name: budgets\n    rules:\n      - alert: Low\n        expr: |\n          \
                     a\n\n          < 1\n";
        let wrapped = prometheus_rule("budgets", rules);
        let parsed: serde_json::Value = serde_saphyr::from_str(&wrapped).unwrap();
        let plain: serde_json::Value = serde_saphyr::from_str(rules).unwrap();
        assert_eq!(parsed["kind"], "PrometheusRule");
        assert_eq!(parsed["metadata"]["name"], "mapwarden-budgets");
        assert_eq!(parsed["spec"], plain);
        assert!(wrapped.contains("  # Why.\n"), "{wrapped}");
    }

    #[test]
    fn every_file_in_the_folders_is_served() {
        let dashboards = DashboardFiles::iter().filter(|path| path.ends_with(".json")).count();
        assert_eq!(all_dashboards().len(), dashboards, "a dashboard without uid or title");
        let others = ["kind: Kustomization", "rule_files:"];
        let tests = |path: &str| {
            text_of::<AlertFiles>(path).is_some_and(|text| others.iter().any(|other| text.contains(other)))
        };
        assert!(dashboards > 0);
        let rules = AlertFiles::iter()
            .filter(|path| path.ends_with(".yaml") && !path.contains('/') && !tests(path))
            .count();
        assert!(rules > 0);
        assert_eq!(all_rule_files().len(), rules, "a rule file that cannot be read");
    }
}
