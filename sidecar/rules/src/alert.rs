//! Comes in: an objective and its tiers. Goes out: the alerts: a page, a ticket, and one for missing data. An alert asks
//! for a burn in both windows, a minimum of bad events and a confidence bound, and keeps its state while data is missing.

use std::collections::BTreeMap;

use super::document::{Kind, Rule};
use super::record::sums;
use super::slices::TOTAL;
use super::subject::{SEVERITY, Subject, label_name, matchers, text};
use super::tier::{Tier, number};
use super::window::Window;
use mapwarden_objective::Alert;
use mapwarden_objective::Severity;

/// How many bad events the long window must hold. Lowered to 1, one failure at one request a minute pages; raised, an
/// outage at that rate is found that many minutes later.
pub(super) const MIN_BAD: u32 = 5;

/// The 97.5th percentile of the normal distribution. Raised, more events are asked for before an alert.
const Z: f64 = 1.959_963_984_540_054;

/// For how many minutes no slice may come before missing data is told of. Raised, a gap goes unseen for longer; lowered, every
/// restart of Prometheus is one.
const SILENCE: u64 = 10;

/// How many of them must pass while the rules are evaluated. Lowered to 0, rules tell of missing data when they are new,
/// and have no slice yet.
pub(super) const WATCHED: u64 = 5;

/// For how many minutes a group that is gone is told of. Raised, groups that end on purpose are told of for longer.
const GROUPS: u64 = 60;

/// Where runbooks are, unless Prometheus' external label `runbook_base` says otherwise.
const RUNBOOK_BASE: &str = r#"{{ or $externalLabels.runbook_base "https://github.com/mapwarden/mapwarden/blob/main/alerts/runbooks" }}"#;

/// The runbooks of the alerts that are written for objectives, by kind: page, ticket, no data.
pub const RUNBOOKS: [&str; 3] =
    ["MapwardenObjectiveBurnPage", "MapwardenObjectiveBurnTicket", "MapwardenObjectiveNoData"];

/// The alerts of an objective.
pub(super) fn rules(subject: &Subject<'_>) -> Vec<Rule> {
    let alerting = &subject.slo.alerting;
    let of = |severity, alert: &Alert| {
        let tiers: Vec<_> = subject.tiers.iter().filter(|tier| tier.severity == severity).collect();
        (!alert.is_disabled && !tiers.is_empty()).then(|| burn(subject, severity, alert, &tiers))
    };
    let burns = [of(Severity::Page, &alerting.page), of(Severity::Ticket, &alerting.ticket)];
    let mut rules: Vec<_> = burns.into_iter().flatten().collect();
    if !rules.is_empty() {
        rules.push(no_data(subject));
    }
    rules
}

/// The alerts' name: as the objective says, or made of its service and name in upper camel case.
pub(super) fn name(subject: &Subject<'_>) -> String {
    if let Some(name) = &subject.slo.alerting.name {
        return name.clone();
    }
    let mut name = String::new();
    for word in subject.id.split(|c: char| !c.is_ascii_alphanumeric()) {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.extend(letters);
    }
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("Slo{name}") } else { name }
}

fn burn(subject: &Subject<'_>, severity: Severity, alert: &Alert, tiers: &[&Tier]) -> Rule {
    let (runbook, pace) = match severity {
        Severity::Page => (RUNBOOKS[0], "too fast"),
        Severity::Ticket => (RUNBOOKS[1], "steadily"),
    };
    let id = subject.slo.id();
    let told = [
        ("title", format!("({}) {id} burns its error budget", severity.name())),
        ("summary", format!("{id} burns its error budget {pace}{}.", groups(subject))),
        ("runbook_url", format!("{RUNBOOK_BASE}/{runbook}.md")),
    ];
    let burning: Vec<_> = tiers.iter().map(|tier| tier_expression(subject, tier)).collect();
    // Joined by what identifies it: an alert's own labels may differ from those of its series.
    let join = format!("\nor on ({})\n", subject.joined_on());
    let expression = [burning.join("\nor\n"), held(subject, severity, tiers)].join(&join);
    let labels = labels(subject, severity, &alert.labels);
    let annotations = annotations(subject, told, &alert.annotations);
    Rule { kind: Kind::Alert(name(subject), annotations), expression, labels, after: seconds(alert) }
}

/// For how long an alert's condition must hold, in seconds.
pub(super) const fn seconds(alert: &Alert) -> u64 {
    alert.after.get() / 1_000_000_000
}

/// Burn above the factor in both windows, on evidence; its value is the share of bad events in the long one. Of sums, not of
/// the quotient that is recorded: a ruler that sees what it has recorded an evaluation later, as vmalert does, does so once less.
fn tier_expression(subject: &Subject<'_>, tier: &Tier) -> String {
    let limit = number(tier.factor * subject.allowed);
    let of = |window: Window| {
        let (total, bad) = sums(window);
        (subject.series(&total), subject.series(&bad))
    };
    let over = |(total, bad): (String, String)| format!("{bad} / {total} > {limit}");
    let mut conditions = vec![over(of(tier.long)), over(of(tier.short))];
    if subject.is_counted {
        let (total, bad) = of(tier.long);
        conditions.push(format!("{bad} >= {MIN_BAD}"));
        // Wilson's lower bound is above a share exactly where the score test against that share is above z.
        let allowed = subject.allowed;
        let deviation = number(Z * (allowed * (1.0 - allowed)).sqrt());
        let share = number(allowed);
        conditions.push(format!("({bad} - {share} * {total} > {deviation} * sqrt({total}))"));
    }
    format!("(\n  {}\n)", conditions.join("\n  and\n  "))
}

/// What fired stays while not one slice of the shortest window was measured: silence is neither good nor bad.
fn held(subject: &Subject<'_>, severity: Severity, tiers: &[&Tier]) -> String {
    let shortest = tiers.iter().map(|tier| tier.short).min().unwrap_or(Window::M5);
    let fired = [
        format!("alertname={}", text(&name(subject))),
        "alertstate=\"firing\"".to_owned(),
        format!("{SEVERITY}={}", text(severity.name())),
    ];
    let selector: Vec<_> = fired.into_iter().chain(matchers(subject.slo)).collect();
    let kept: Vec<_> =
        subject.labels.keys().map(String::as_str).chain(subject.groups.iter().map(String::as_str)).collect();
    format!(
        "(\n  max by ({}) (ALERTS{{{}}})\n  unless on ({})\n  count_over_time({}[{}])\n)",
        kept.join(", "),
        selector.join(","),
        subject.joined_on(),
        subject.series(TOTAL),
        shortest.range()
    )
}

/// No slice for ten minutes. Of groups, each that was measured within the hour is told of, or, where there is none, the whole.
fn no_data(subject: &Subject<'_>) -> Rule {
    let series = subject.series(TOTAL);
    let silent = SILENCE - WATCHED;
    let expression = if subject.groups.is_empty() {
        format!("absent_over_time({series}[{silent}m])")
    } else {
        let forgotten = GROUPS - WATCHED;
        format!(
            "absent_over_time({series}[{forgotten}m])\nor\n(\n  count_over_time({series}[{GROUPS}m])\n  unless\n  \
             count_over_time({series}[{silent}m])\n)"
        )
    };
    let id = subject.slo.id();
    let told = [
        ("title", format!("(ticket) {id} is not measured")),
        (
            "summary",
            format!(
                "Nothing was measured of {id} for {SILENCE} minutes{}: no alert of it can change.",
                groups(subject)
            ),
        ),
        ("runbook_url", format!("{RUNBOOK_BASE}/{}.md", RUNBOOKS[2])),
    ];
    let ticket = &subject.slo.alerting.ticket;
    let labels = labels(subject, Severity::Ticket, &ticket.labels);
    let annotations = annotations(subject, told, &BTreeMap::new());
    let kind = Kind::Alert(format!("{}NoData", name(subject)), annotations);
    Rule { kind, expression, labels, after: WATCHED * 60 }
}

/// Which group it is, where there are some.
fn groups(subject: &Subject<'_>) -> String {
    let of = |name: &String| format!("{{{{ with $labels.{name} }}}}, {name} {{{{ . }}}}{{{{ end }}}}");
    subject.groups.iter().map(of).collect()
}

/// An objective's own labels win, but for the one by which alerts inhibit each other.
fn labels(
    subject: &Subject<'_>,
    severity: Severity,
    own: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([("severity".to_owned(), severity.name().to_owned())]);
    let own = subject.slo.alerting.labels.iter().chain(own);
    labels.extend(own.map(|(name, value)| (label_name(name), value.clone())));
    labels.insert(SEVERITY.to_owned(), severity.name().to_owned());
    labels
}

fn annotations<const N: usize>(
    subject: &Subject<'_>,
    told: [(&str, String); N],
    own: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut annotations: BTreeMap<_, _> =
        told.into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
    let own = subject.slo.alerting.annotations.iter().chain(own);
    annotations.extend(own.map(|(name, text)| (label_name(name), text.clone())));
    annotations
}
