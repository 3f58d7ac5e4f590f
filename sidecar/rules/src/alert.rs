//! Comes in: an objective and its tiers. Goes out: the alerts: a page, a ticket, and one for missing data. An alert
//! needs a burn in both windows, a minimum of bad events and a confidence bound. Never changes the state of an alert
//! while data is missing.

use std::collections::BTreeMap;

use mapwarden_objective::{Alert, MIN_BAD, Severity, Z_95};

use super::document::{Rule, RuleOutput};
use super::record::sums;
use super::resolved::{ResolvedSlo, SEVERITY, label_name, matchers, text};
use super::slots::TOTAL;
use super::tier::{RuleTier, number};
use super::window::RuleWindow;

/// The minutes without a slot after which an alert for missing data fires. Raised, a gap is reported later; lowered,
/// every restart of Prometheus is a gap.
const SILENCE: u64 = 10;

/// How many of these minutes must pass while the rules are evaluated. Lowered to 0, new rules, which have no slot yet, alert.
pub(super) const WATCHED: u64 = 5;

/// The minutes for which the alert for missing data fires for a group that is gone. Raised, it fires for longer for
/// groups that end on purpose.
const GROUPS: u64 = 60;

/// The base URL of runbooks: Prometheus' external label `runbook_base`, or the repository.
const RUNBOOK_BASE: &str = r#"{{ or $externalLabels.runbook_base "https://github.com/mapwarden/mapwarden/blob/main/alerts/runbooks" }}"#;

/// The runbooks of the alerts that are written for objectives: page, ticket, no data.
pub const RUNBOOKS: [&str; 3] =
    ["MapwardenObjectiveBurnPage", "MapwardenObjectiveBurnTicket", "MapwardenObjectiveNoData"];

/// Returns the alerts of an objective.
pub(super) fn rules(objective: &ResolvedSlo<'_>) -> Vec<Rule> {
    let alerting = &objective.slo.alerting;
    let of = |severity, alert: &Alert| {
        let tiers: Vec<_> = objective.tiers.iter().filter(|tier| tier.severity == severity).collect();
        (!alert.is_disabled && !tiers.is_empty()).then(|| burn(objective, severity, alert, &tiers))
    };
    let burns = [of(Severity::Page, &alerting.page), of(Severity::Ticket, &alerting.ticket)];
    let mut rules: Vec<_> = burns.into_iter().flatten().collect();
    if !rules.is_empty() {
        rules.push(no_data(objective));
    }
    rules
}

/// Returns the name of the alerts: as declared, or the service and the name in upper camel case.
pub(super) fn name(objective: &ResolvedSlo<'_>) -> String {
    if let Some(name) = &objective.slo.alerting.name {
        return name.clone();
    }
    let mut name = String::new();
    for word in objective.id.split(|c: char| !c.is_ascii_alphanumeric()) {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.extend(letters);
    }
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("Slo{name}") } else { name }
}

fn burn(objective: &ResolvedSlo<'_>, severity: Severity, alert: &Alert, tiers: &[&RuleTier]) -> Rule {
    let (runbook, pace) = match severity {
        Severity::Page => (RUNBOOKS[0], "too fast"),
        Severity::Ticket => (RUNBOOKS[1], "steadily"),
    };
    let id = objective.slo.id();
    let texts = [
        ("title", format!("({}) {id} burns its error budget", severity.name())),
        ("summary", format!("{id} burns its error budget {pace}{}.", groups(objective))),
        ("runbook_url", format!("{RUNBOOK_BASE}/{runbook}.md")),
    ];
    let burning: Vec<_> = tiers.iter().map(|tier| tier_expression(objective, tier)).collect();
    // Joined by what identifies the objective: the labels of an alert may differ from those of its series.
    let join = format!("\nor on ({})\n", objective.joined_on());
    let expression = [burning.join("\nor\n"), held(objective, severity, tiers)].join(&join);
    let labels = labels(objective, severity, &alert.labels);
    let annotations = annotations(objective, texts, &alert.annotations);
    Rule {
        output: RuleOutput::Alert(name(objective), annotations),
        expression,
        labels,
        after: seconds(alert),
    }
}

/// Returns how long the condition of an alert must hold, in seconds.
pub(super) const fn seconds(alert: &Alert) -> u64 {
    alert.after.get() / 1_000_000_000
}

/// Returns the condition of a tier: a burn above the factor in both windows, with enough evidence. Its value is the
/// share of bad events in the long window. It divides sums instead of reading the recorded quotient: a ruler that sees
/// a recorded series one evaluation later, as vmalert does, is late by one evaluation less.
fn tier_expression(objective: &ResolvedSlo<'_>, tier: &RuleTier) -> String {
    let limit = number(tier.factor * objective.allowed);
    let of = |window: RuleWindow| {
        let (total, bad) = sums(window);
        (objective.series(&total), objective.series(&bad))
    };
    let over = |(total, bad): (String, String)| format!("{bad} / {total} > {limit}");
    let mut conditions = vec![over(of(tier.long)), over(of(tier.short))];
    if objective.is_counted {
        let (total, bad) = of(tier.long);
        conditions.push(format!("{bad} >= {}", MIN_BAD.get()));
        // Wilson's lower bound is above a share exactly where the score test against that share is above z.
        let allowed = objective.allowed;
        let deviation = number(Z_95 * (allowed * (1.0 - allowed)).sqrt());
        let share = number(allowed);
        conditions.push(format!("({bad} - {share} * {total} > {deviation} * sqrt({total}))"));
    }
    format!("(\n  {}\n)", conditions.join("\n  and\n  "))
}

/// Returns the condition that keeps an alert firing while no slot of the shortest window was measured: silence is
/// neither good nor bad.
fn held(objective: &ResolvedSlo<'_>, severity: Severity, tiers: &[&RuleTier]) -> String {
    let shortest = tiers.iter().map(|tier| tier.short).min().unwrap_or(RuleWindow::M5);
    let fired = [
        format!("alertname={}", text(&name(objective))),
        "alertstate=\"firing\"".to_owned(),
        format!("{SEVERITY}={}", text(severity.name())),
    ];
    let selector: Vec<_> = fired.into_iter().chain(matchers(objective.slo)).collect();
    let kept: Vec<_> = objective
        .labels
        .keys()
        .map(String::as_str)
        .chain(objective.groups.iter().map(String::as_str))
        .collect();
    format!(
        "(\n  max by ({}) (ALERTS{{{}}})\n  unless on ({})\n  count_over_time({}[{}])\n)",
        kept.join(", "),
        selector.join(","),
        objective.joined_on(),
        objective.series(TOTAL),
        shortest.range()
    )
}

/// Returns the alert for missing data: no slot for ten minutes. With groups, it fires for each group that was measured
/// within the hour, or, where there is none, for the objective.
fn no_data(objective: &ResolvedSlo<'_>) -> Rule {
    let series = objective.series(TOTAL);
    let silent = SILENCE - WATCHED;
    let expression = if objective.groups.is_empty() {
        format!("absent_over_time({series}[{silent}m])")
    } else {
        let forgotten = GROUPS - WATCHED;
        format!(
            "absent_over_time({series}[{forgotten}m])\nor\n(\n  count_over_time({series}[{GROUPS}m])\n  unless\n  \
             count_over_time({series}[{silent}m])\n)"
        )
    };
    let id = objective.slo.id();
    let texts = [
        ("title", format!("(ticket) {id} is not measured")),
        (
            "summary",
            format!(
                "{id} was not measured for {SILENCE} minutes{}: none of its alerts can change.",
                groups(objective)
            ),
        ),
        ("runbook_url", format!("{RUNBOOK_BASE}/{}.md", RUNBOOKS[2])),
    ];
    let ticket = &objective.slo.alerting.ticket;
    let labels = labels(objective, Severity::Ticket, &ticket.labels);
    let annotations = annotations(objective, texts, &BTreeMap::new());
    let output = RuleOutput::Alert(format!("{}NoData", name(objective)), annotations);
    Rule { output, expression, labels, after: WATCHED * 60 }
}

/// Returns the template that names the group, where there are groups.
fn groups(objective: &ResolvedSlo<'_>) -> String {
    let of = |name: &String| format!("{{{{ with $labels.{name} }}}}, {name} {{{{ . }}}}{{{{ end }}}}");
    objective.groups.iter().map(of).collect()
}

/// Returns the labels of an alert. The labels of the objective replace ours, except the label by which alerts inhibit
/// each other.
fn labels(
    objective: &ResolvedSlo<'_>,
    severity: Severity,
    own: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([("severity".to_owned(), severity.name().to_owned())]);
    let own = objective.slo.alerting.labels.iter().chain(own);
    labels.extend(own.map(|(name, value)| (label_name(name), value.clone())));
    labels.insert(SEVERITY.to_owned(), severity.name().to_owned());
    labels
}

fn annotations<const N: usize>(
    objective: &ResolvedSlo<'_>,
    texts: [(&str, String); N],
    own: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut annotations: BTreeMap<_, _> =
        texts.into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
    let own = objective.slo.alerting.annotations.iter().chain(own);
    annotations.extend(own.map(|(name, text)| (label_name(name), text.clone())));
    annotations
}
