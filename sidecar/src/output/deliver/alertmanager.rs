//! A sink of kind `alertmanager`. What comes in: notices. What goes out: alerts for Alertmanager's API v2. Labels are
//! an alert's identity, so they hold only what stays the same while a notice is open; everything that changes is
//! annotation.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use reqwest::Client;
use serde::Serialize;
use tokio::sync::watch;

use super::error::DeliveryError;
use super::post::post;
use crate::human;
use crate::view::View;
use mapwarden_engine::notice::{Known, Notice, NoticeState, TriggerKind};
use mapwarden_objective::Severity;

/// After how long without a repeat an alert ends by itself: the sidecar is gone then. Raised, a dead sidecar's alerts
/// stay longer; below two repeats, one lost message would end an alert of an open notice.
const END_AFTER_SILENCE: SignedDuration = SignedDuration::from_mins(5);

/// For how long a resolved alert is repeated, so that an Alertmanager that was down receives it. Raised, more requests;
/// lowered, a longer outage leaves the alert active until it expires.
const REPEAT_RESOLVED: SignedDuration = SignedDuration::from_mins(15);

/// The longest description in bytes. Receivers cut at their own limits (Slack at 3,000 characters); here the least
/// important lines are cut.
const LONGEST_DESCRIPTION: usize = 2_800;

/// An alert of the API v2 (`postableAlert` in its OpenAPI description).
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertmanagerAlert {
    labels: BTreeMap<&'static str, String>,
    annotations: BTreeMap<&'static str, String>,
    starts_at: Timestamp,
    ends_at: Timestamp,
}

/// An Alertmanager instance, and what it was last sent.
pub(super) struct Alertmanager {
    client: Client,
    url: String,
    view: watch::Receiver<Arc<View>>,
    sent: SentSeverities,
}

/// The severity with which each notice was last sent: it is part of an alert's identity, and a notice can become
/// louder.
#[derive(Debug, Default)]
struct SentSeverities(HashMap<String, Severity>);

impl Alertmanager {
    /// Posts to the instance at this base URL.
    pub(super) fn new(client: Client, base_url: &str, view: watch::Receiver<Arc<View>>) -> Self {
        let url = format!("{}/api/v2/alerts", base_url.trim_end_matches('/'));
        Self { client, url, view, sent: SentSeverities::default() }
    }

    /// Sends the alert of a notice.
    pub(super) async fn send(&mut self, notice: &Notice, text: &str) -> Result<(), DeliveryError> {
        let alerts = self.sent.alerts(notice, text, Timestamp::now());
        post(&self.client, &self.url, &alerts).await?;
        self.sent.record(notice);
        Ok(())
    }

    /// Sends the alerts of all notices in the view again; returns whether there were any.
    pub(super) async fn repeat(&mut self, text: impl Fn(&Notice) -> String) -> Result<bool, DeliveryError> {
        let current = self.view.borrow().clone();
        self.sent.forget_all_but(&current.notices);
        let now = Timestamp::now();
        let repeated: Vec<&Notice> =
            current.notices.iter().filter(|notice| is_repeated(notice, now)).collect();
        let alerts: Vec<AlertmanagerAlert> =
            repeated.iter().flat_map(|notice| self.sent.alerts(notice, &text(notice), now)).collect();
        if alerts.is_empty() {
            return Ok(false);
        }
        post(&self.client, &self.url, &alerts).await?;
        repeated.iter().for_each(|notice| self.sent.record(notice));
        Ok(true)
    }
}

impl SentSeverities {
    /// Returns the alert of a notice, and the end of its quieter alert where it became louder.
    fn alerts(&self, notice: &Notice, text: &str, now: Timestamp) -> Vec<AlertmanagerAlert> {
        let quieter = self.0.get(&notice.id).filter(|sent| **sent != notice.severity);
        let ended = quieter.map(|quieter| alert(notice, *quieter, text, now));
        let current = alert(notice, notice.severity, text, end(notice, now));
        ended.into_iter().chain([current]).collect()
    }

    /// Records that a notice was sent with its severity.
    fn record(&mut self, notice: &Notice) {
        self.0.insert(notice.id.clone(), notice.severity);
    }

    /// Forgets notices that are not in the view any more.
    fn forget_all_but(&mut self, notices: &[Notice]) {
        let known: HashSet<&str> = notices.iter().map(|notice| notice.id.as_str()).collect();
        self.0.retain(|id, _| known.contains(id.as_str()));
    }
}

/// Whether a notice is still sent again.
fn is_repeated(notice: &Notice, now: Timestamp) -> bool {
    notice.resolved.is_none_or(|resolved| now.duration_since(resolved) < REPEAT_RESOLVED)
}

fn end(notice: &Notice, now: Timestamp) -> Timestamp {
    match notice.state {
        NoticeState::Open => now.checked_add(END_AFTER_SILENCE).unwrap_or(Timestamp::MAX),
        NoticeState::Resolved => notice.resolved.unwrap_or(now),
    }
}

fn alert(notice: &Notice, severity: Severity, text: &str, ends_at: Timestamp) -> AlertmanagerAlert {
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
    AlertmanagerAlert {
        labels,
        annotations: annotations(notice, severity, text),
        starts_at: notice.onset,
        ends_at,
    }
}

fn annotations(notice: &Notice, severity: Severity, text: &str) -> BTreeMap<&'static str, String> {
    let runbook = match severity {
        Severity::Page | Severity::Ticket if is_silence(notice) => "MapwardenTelemetryCoverageLow",
        Severity::Page => "MapwardenErrorBudgetBurnPage",
        Severity::Ticket => "MapwardenErrorBudgetBurnTicket",
    };
    let full_text_at = format!("/api/v1/notices/{}", notice.id);
    let mut annotations = BTreeMap::from([
        ("summary", notice.summary.clone()),
        ("description", human::shorten(text, LONGEST_DESCRIPTION, &full_text_at)),
        ("runbook_url", format!("{}/blob/main/alerts/runbooks/{runbook}.md", env!("CARGO_PKG_REPOSITORY"))),
        ("users", known_text(&notice.impact.affected_users, |users| users.to_string())),
        ("budget_remaining", known_text(&notice.budget.remaining, |left| human::percent(left.get(), 1))),
    ]);
    if let Some(suspect) = notice
        .recent_changes
        .value()
        .and_then(|changes| changes.iter().max_by(|one, other| one.score.total_cmp(&other.score)))
    {
        let (version, sha) =
            (known_text(&suspect.version, Clone::clone), known_text(&suspect.sha, Clone::clone));
        let score = suspect.score;
        annotations.insert(
            "suspect",
            format!("{} {version} {sha} ({score:.2}): {}", suspect.kind.name(), suspect.why),
        );
    }
    annotations
}

/// Whether the notice was opened because telemetry ended: an alert of its own, which is no evidence of a fault.
fn is_silence(notice: &Notice) -> bool {
    notice.trigger.as_ref().is_some_and(|trigger| trigger.kind == TriggerKind::NoData)
}

fn known_text<T>(value: &Known<T>, format: impl Fn(&T) -> String) -> String {
    match value {
        Known::Value(value) => format(value),
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
    fn labels_stay_while_a_notice_is_open() {
        let (one, now) = (notice(), at("2026-11-21T10:18:05Z"));
        let mut later = notice();
        later.summary = "worse".to_owned();
        later.impact.affected_users = Known::Value(2_000);
        later.recent_changes = Known::missing("no change is known");
        let alerts = SentSeverities::default();
        let (before, after) = (alerts.alerts(&one, "", now), alerts.alerts(&later, "", now));
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
        let mut sent = SentSeverities::default();
        notice.severity = Severity::Ticket;
        assert_eq!(sent.alerts(&notice, "", now).len(), 1);
        sent.record(&notice);
        notice.severity = Severity::Page;
        let alerts = sent.alerts(&notice, "", now);
        assert_eq!([&alerts[0].labels["severity"], &alerts[1].labels["severity"]], ["ticket", "page"]);
        assert_eq!(alerts[0].ends_at, now);
        sent.record(&notice);
        assert_eq!(sent.alerts(&notice, "", now).len(), 1);
    }

    #[test]
    fn a_resolved_notice_is_repeated_for_a_while() {
        let mut notice = notice();
        let resolved = at("2026-11-21T10:21:00Z");
        assert!(is_repeated(&notice, at("2026-12-21T10:21:00Z")));
        notice.state = NoticeState::Resolved;
        notice.resolved = Some(resolved);
        assert_eq!(
            SentSeverities::default().alerts(&notice, "", at("2026-11-21T10:30:00Z"))[0].ends_at,
            resolved
        );
        assert!(is_repeated(&notice, at("2026-11-21T10:35:59Z")));
        assert!(!is_repeated(&notice, at("2026-11-21T10:36:00Z")));
    }
}
