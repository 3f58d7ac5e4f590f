//! What comes in: notices. What goes out: alerts as Alertmanager's API v2 takes them. Labels are an alert's
//! identity, so they hold only what stays the same while a notice is open; everything that moves is annotation.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::human;
use mapwarden_engine::notice::{Known, Notice, NoticeState, TriggerKind};
use mapwarden_objective::Severity;

/// After what silence an alert ends by itself: the sidecar is gone then. Raised, a dead sidecar's alerts stay
/// longer; below two repeats, one lost message would end an alert that goes on.
const END_AFTER_SILENCE: SignedDuration = SignedDuration::from_mins(5);

/// For how long a resolved alert is repeated, so that an Alertmanager which was away learns of it.
const REPEAT_RESOLVED: SignedDuration = SignedDuration::from_mins(15);

/// The longest description in bytes. Receivers cut at their own limits (Slack at 3,000 characters); what is cut
/// here is the least important lines.
const LONGEST_DESCRIPTION: usize = 2_800;

/// An alert of the API v2 (`postableAlert` in its OpenAPI description).
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Alert {
    labels: BTreeMap<&'static str, String>,
    annotations: BTreeMap<&'static str, String>,
    starts_at: Timestamp,
    ends_at: Timestamp,
}

/// What this Alertmanager was told: the severity is part of an alert's identity, and a notice can become louder.
#[derive(Debug, Default)]
pub(super) struct Alerts {
    severities: HashMap<String, Severity>,
}

impl Alerts {
    /// The alert of a notice, and the end of its quieter alert where it became louder.
    pub(super) fn of(&self, notice: &Notice, text: &str, now: Timestamp) -> Vec<Alert> {
        let quieter = self.severities.get(&notice.id).filter(|told| **told != notice.severity);
        let ended = quieter.map(|quieter| alert(notice, *quieter, text, now));
        let current = alert(notice, notice.severity, text, end(notice, now));
        ended.into_iter().chain([current]).collect()
    }

    /// Remembers what was taken.
    pub(super) fn told(&mut self, notice: &Notice) {
        self.severities.insert(notice.id.clone(), notice.severity);
    }

    /// Forgets notices that are not in the view any more.
    pub(super) fn forget_all_but(&mut self, notices: &[Notice]) {
        let known: HashSet<&str> = notices.iter().map(|notice| notice.id.as_str()).collect();
        self.severities.retain(|id, _| known.contains(id.as_str()));
    }

    /// Whether a notice is still to be told of.
    pub(super) fn is_repeated(notice: &Notice, now: Timestamp) -> bool {
        notice.resolved.is_none_or(|resolved| now.duration_since(resolved) < REPEAT_RESOLVED)
    }
}

fn end(notice: &Notice, now: Timestamp) -> Timestamp {
    match notice.state {
        NoticeState::Open => now.checked_add(END_AFTER_SILENCE).unwrap_or(Timestamp::MAX),
        NoticeState::Resolved => notice.resolved.unwrap_or(now),
    }
}

fn alert(notice: &Notice, severity: Severity, text: &str, ends_at: Timestamp) -> Alert {
    let mut labels = BTreeMap::from([
        ("alertname", if is_silence(notice) { "MapwardenNoData" } else { "MapwardenFault" }.to_owned()),
        ("notice", notice.id.clone()),
        ("service", notice.service.clone()),
        ("severity", severity.name().to_owned()),
        ("slo", notice.slo.clone()),
    ]);
    if let Known::Value(team) = &notice.team {
        labels.insert("team", team.clone());
    }
    // Alertmanager refuses an alert that ends before it starts.
    let ends_at = ends_at.max(notice.onset);
    Alert { labels, annotations: annotations(notice, severity, text), starts_at: notice.onset, ends_at }
}

fn annotations(notice: &Notice, severity: Severity, text: &str) -> BTreeMap<&'static str, String> {
    let runbook = match severity {
        Severity::Page | Severity::Ticket if is_silence(notice) => "MapwardenTelemetryCoverageLow",
        Severity::Page => "MapwardenErrorBudgetBurnPage",
        Severity::Ticket => "MapwardenErrorBudgetBurnTicket",
    };
    let rest_at = format!("/api/v1/notices/{}", notice.id);
    let mut annotations = BTreeMap::from([
        ("summary", notice.summary.clone()),
        ("description", human::shorten(text, LONGEST_DESCRIPTION, &rest_at)),
        ("runbook_url", format!("{}/blob/main/alerts/runbooks/{runbook}.md", env!("CARGO_PKG_REPOSITORY"))),
        ("users", words(&notice.impact.affected_users, |users| users.to_string())),
        ("budget_remaining", words(&notice.budget.remaining, |left| human::percent(left.get(), 1))),
    ]);
    if let Some(suspect) = notice
        .recent_changes
        .value()
        .and_then(|changes| changes.iter().max_by(|one, other| one.score.total_cmp(&other.score)))
    {
        let (version, sha) = (words(&suspect.version, Clone::clone), words(&suspect.sha, Clone::clone));
        let score = suspect.score;
        annotations.insert(
            "suspect",
            format!("{} {version} {sha} ({score:.2}): {}", suspect.kind.name(), suspect.why),
        );
    }
    annotations
}

/// Whether telemetry ended: an alert of its own, which says nothing of a fault.
fn is_silence(notice: &Notice) -> bool {
    notice.trigger.as_ref().is_some_and(|trigger| trigger.kind == TriggerKind::NoData)
}

fn words<T>(value: &Known<T>, say: impl Fn(&T) -> String) -> String {
    match value {
        Known::Value(value) => say(value),
        Known::Missing { missing } => format!("unknown ({missing})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice() -> Notice {
        serde_json::from_str(mapwarden_engine::notice::samples::MEASURED).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn what_moves_is_not_identity() {
        let (one, now) = (notice(), at("2026-11-21T10:18:05Z"));
        let mut later = notice();
        later.summary = "worse".to_owned();
        later.impact.affected_users = Known::Value(2_000);
        later.recent_changes = Known::missing("no change is known");
        let alerts = Alerts::default();
        let (before, after) = (alerts.of(&one, "", now), alerts.of(&later, "", now));
        assert_eq!(before[0].labels, after[0].labels);
        assert_eq!(before[0].labels["team"], "checkout");
        assert_eq!(
            before[0].annotations["suspect"],
            "deploy v2.4.1 a3f9c1d (0.91): bad events only on v2.4.1"
        );
        assert_eq!(after[0].annotations.get("suspect"), None);
        assert_eq!(before[0].ends_at, at("2026-11-21T10:23:05Z"));
    }

    #[test]
    fn a_notice_that_becomes_louder_ends_its_quieter_alert() {
        let (mut notice, now) = (notice(), at("2026-11-21T10:18:05Z"));
        let mut alerts = Alerts::default();
        notice.severity = Severity::Ticket;
        assert_eq!(alerts.of(&notice, "", now).len(), 1);
        alerts.told(&notice);
        notice.severity = Severity::Page;
        let told = alerts.of(&notice, "", now);
        assert_eq!([&told[0].labels["severity"], &told[1].labels["severity"]], ["ticket", "page"]);
        assert_eq!(told[0].ends_at, now);
        alerts.told(&notice);
        assert_eq!(alerts.of(&notice, "", now).len(), 1);
    }

    #[test]
    fn a_resolved_notice_is_repeated_for_a_while() {
        let mut notice = notice();
        let resolved = at("2026-11-21T10:21:00Z");
        assert!(Alerts::is_repeated(&notice, at("2026-12-21T10:21:00Z")));
        notice.state = NoticeState::Resolved;
        notice.resolved = Some(resolved);
        assert_eq!(Alerts::default().of(&notice, "", at("2026-11-21T10:30:00Z"))[0].ends_at, resolved);
        assert!(Alerts::is_repeated(&notice, at("2026-11-21T10:35:59Z")));
        assert!(!Alerts::is_repeated(&notice, at("2026-11-21T10:36:00Z")));
    }
}
