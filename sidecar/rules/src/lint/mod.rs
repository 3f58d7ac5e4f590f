//! Comes in: rule files of Prometheus or of its operator. Goes out: alerts that equal another alert, that measure no
//! SLI, that can never fire, or that have no runbook. Never contacts a server.

mod file;
mod never;
mod sli;

use std::collections::BTreeMap;
use std::path::PathBuf;

use mapwarden_objective::Origin;
use mapwarden_slo::declaration::parse_promql;
use mapwarden_slo::{Problem, Problems};
use promql_parser::parser::{self, Expr};

use self::file::{LintedRule, RuleKind};

/// Checks the alerts of rule files, and returns the number of alerts.
///
/// # Errors
/// Every problem, with file and line, in the order of the files.
pub fn lint(paths: &[PathBuf]) -> Result<usize, Problems> {
    let (mut rules, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        match std::fs::read_to_string(path) {
            Ok(text) => match file::rules(path, &text) {
                Ok(found) => rules.extend(found),
                Err(problem) => problems.push(problem),
            },
            Err(error) => problems.push(Problem::of_file(path, format!("cannot be read: {error}"))),
        }
    }
    problems.extend(findings(&rules));
    problems.sort_by(|one, other| one.position().cmp(&other.position()));
    let alerts = rules.iter().filter(|rule| rule.kind == RuleKind::Alert).count();
    if problems.is_empty() { Ok(alerts) } else { Err(Problems(problems)) }
}

/// Returns the problems of the rules of all files together.
fn findings(rules: &[LintedRule]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut seen: BTreeMap<String, &LintedRule> = BTreeMap::new();
    let recorded = sli::recorded(rules);
    for rule in rules {
        let tree = match parse_promql(&rule.expression) {
            Ok(tree) => tree,
            Err(why) => {
                problems.push(rule.problem(format!("`{}` is not PromQL: {why}", rule.name)));
                continue;
            }
        };
        if rule.kind == RuleKind::Record {
            continue;
        }
        if let Some(first) = seen.get(&normal(&tree, rule)) {
            let message =
                format!("alert `{}` is the same as `{}` at {}", rule.name, first.name, first.origin);
            problems.push(rule.problem(message));
        } else {
            seen.insert(normal(&tree, rule), rule);
        }
        if let Some(why) = never::fires(&tree) {
            problems.push(rule.problem(format!("alert `{}` can never fire: {why}", rule.name)));
        }
        if !sli::is_bound(&tree, &recorded, &rule.annotations) {
            let accepted =
                "accepted are a ratio, a recorded series, or an annotation `sli` that says what is measured";
            problems.push(rule.problem(format!("alert `{}` is bound to no SLI: {accepted}", rule.name)));
        }
        if let Some(why) = runbook(rule) {
            problems.push(rule.problem(format!("alert `{}` {why}", rule.name)));
        }
    }
    problems
}

/// Returns the text that two equal alerts share: the expression without layout, brackets and the order of matchers and
/// labels; the time for which it must hold, and its severity.
fn normal(tree: &Expr, rule: &LintedRule) -> String {
    let severity =
        ["severity", "sloth_severity"].map(|name| rule.labels.get(name).cloned().unwrap_or_default());
    format!("{} for {} {severity:?}", normal_text(tree), rule.after)
}

/// Returns PromQL without parts that do not change its meaning.
fn normal_text(tree: &Expr) -> String {
    match tree {
        Expr::Paren(inner) => normal_text(&inner.expr),
        Expr::Binary(both) => {
            let modifier = both.modifier.as_ref().map(|modifier| format!("{modifier:?}")).unwrap_or_default();
            format!("({} {} {modifier} {})", normal_text(&both.lhs), both.op, normal_text(&both.rhs))
        }
        Expr::Aggregate(aggregate) => {
            let parameter =
                aggregate.param.as_ref().map(|parameter| normal_text(parameter)).unwrap_or_default();
            let modifier = aggregate.modifier.as_ref().map(|modifier| {
                let mut labels = modifier.labels().labels.clone();
                labels.sort_unstable();
                format!("{} {}", if modifier.is_include() { "by" } else { "without" }, labels.join(","))
            });
            format!(
                "{} {}({parameter},{})",
                aggregate.op,
                modifier.unwrap_or_default(),
                normal_text(&aggregate.expr)
            )
        }
        Expr::Unary(inner) => format!("-{}", normal_text(&inner.expr)),
        Expr::Call(call) => {
            let arguments: Vec<_> = call.args.args.iter().map(|argument| normal_text(argument)).collect();
            format!("{}({})", call.func.name, arguments.join(","))
        }
        Expr::Subquery(query) => {
            let outer = format!("{:?} {:?} {:?} {:?}", query.range, query.step, query.offset, query.at);
            format!("{}[{outer}]", normal_text(&query.expr))
        }
        Expr::VectorSelector(selector) => selector_text(selector),
        Expr::MatrixSelector(series) => format!("{}[{:?}]", selector_text(&series.vs), series.range),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => tree.to_string(),
    }
}

fn selector_text(selector: &parser::VectorSelector) -> String {
    let mut matchers: Vec<_> = selector.matchers.matchers.iter().map(ToString::to_string).collect();
    matchers.sort_unstable();
    let name = selector.name.as_deref().unwrap_or_default();
    format!("{name}{{{}}}{:?}{:?}", matchers.join(","), selector.offset, selector.at)
}

/// Returns what is wrong with the runbook of an alert: it is missing, or its file is not in the folder beside the
/// rules.
fn runbook(rule: &LintedRule) -> Option<String> {
    let Some(url) = rule.annotations.get("runbook_url").or_else(|| rule.annotations.get("runbook")) else {
        return Some("has no runbook: accepted is an annotation `runbook_url`".to_owned());
    };
    if url.trim().is_empty() {
        return Some("has an empty runbook_url".to_owned());
    }
    let file = url.rsplit('/').next().filter(|file| file.ends_with(".md") && !file.contains('{'))?;
    let Origin::File { path, .. } = &rule.origin else { return None };
    let folder = path.parent()?.join("runbooks");
    let is_missing = folder.is_dir() && !folder.join(file).is_file();
    is_missing.then(|| format!("names the runbook `{file}`, which is not in {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn lint_text(text: &str) -> Vec<String> {
        let rules = file::rules(Path::new("a.yaml"), text).unwrap();
        findings(&rules).iter().map(ToString::to_string).collect()
    }

    const ALL_WELL: &str = "groups:\n- name: a\n  rules:\n  - record: job:errors:ratio\n    expr: a / b\n  - alert: One\n    expr: job:errors:ratio{x=\"1\", y=\"2\"} > 0.1\n    annotations: {runbook_url: \"https://x/One.md\"}\n";

    #[test]
    fn correct_rules_have_no_problem() {
        assert_eq!(lint_text(ALL_WELL), [""; 0]);
    }

    #[test]
    fn equal_alerts_are_found() {
        let twice = format!(
            "{ALL_WELL}  - alert: Two\n    expr: |\n      (job:errors:ratio{{y=\"2\",x=\"1\"}}\n        > 0.1)\n    annotations: {{runbook_url: r}}\n"
        );
        assert_eq!(lint_text(&twice), ["a.yaml:9:12: alert `Two` is the same as `One` at a.yaml:6:12"]);
        let louder = twice.replace(
            "annotations: {runbook_url: r}",
            "labels: {severity: page}\n    annotations: {runbook_url: r}",
        );
        assert_eq!(lint_text(&louder), [""; 0], "another severity is another alert");
    }

    #[test]
    fn missing_runbooks_and_wrong_promql_are_found() {
        let text = "groups:\n- name: a\n  rules:\n  - alert: One\n    expr: a / b > 1\n  - alert: Two\n    expr: a / (\n";
        let problems = lint_text(text);
        assert!(problems[0].starts_with("a.yaml:4:12: alert `One` has no runbook"), "{problems:?}");
        assert!(problems[1].starts_with("a.yaml:6:12: `Two` is not PromQL"), "{problems:?}");
    }

    #[test]
    fn operator_resources_and_several_documents_are_read() {
        let indented: String =
            ALL_WELL.replace("runbook_url", "nothing").lines().map(|line| format!("  {line}\n")).collect();
        let resource =
            format!("apiVersion: v1\nkind: ConfigMap\n---\nkind: PrometheusRule\nspec:\n{indented}");
        let problems = lint_text(&resource);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with("a.yaml:11:14: alert `One` has no runbook"), "{problems:?}");
    }
}
