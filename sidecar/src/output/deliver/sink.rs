//! What comes in: an event. What goes out: one message in the form of the sink's kind, and whether the sink took it.
//! Each kind has a file of its own; here is the list of them.

use std::sync::Arc;

use mapwarden_engine::notice::{Notice, NoticeEvent};
use reqwest::Client;
use tokio::sync::watch;

use super::alertmanager::Alertmanager;
use super::error::DeliveryError;
use super::stdout;
use super::webhook::Webhook;
use crate::config;
use crate::output::render::{NoticeForm, Templates};
use crate::view::View;

/// A configured sink with what it needs to send.
pub(super) struct ConnectedSink {
    kind: SinkKind,
    templates: Templates,
}

enum SinkKind {
    Stdout,
    Webhook(Webhook),
    Alertmanager(Alertmanager),
}

impl ConnectedSink {
    /// Connects a configured sink. Without a `client`, every sink prints to standard output.
    pub(super) fn new(
        sink: &config::Sink,
        client: Option<&Client>,
        view: &watch::Receiver<Arc<View>>,
        templates: &Templates,
    ) -> Self {
        let kind = match (sink, client) {
            (config::Sink::Webhook { name: _, url }, Some(client)) => {
                SinkKind::Webhook(Webhook::new(client.clone(), url))
            }
            (config::Sink::Alertmanager { name: _, url }, Some(client)) => {
                SinkKind::Alertmanager(Alertmanager::new(client.clone(), url, view.clone()))
            }
            (config::Sink::Stdout, _) | (_, None) => SinkKind::Stdout,
        };
        Self { kind, templates: templates.clone() }
    }

    /// Sends an event.
    pub(super) async fn send(&mut self, event: &NoticeEvent) -> Result<(), DeliveryError> {
        let text = text(&self.templates, &event.notice);
        match &mut self.kind {
            SinkKind::Stdout => stdout::print(event.event, text).await,
            SinkKind::Webhook(webhook) => webhook.send(event, &text).await,
            SinkKind::Alertmanager(alertmanager) => alertmanager.send(&event.notice, &text).await,
        }
    }

    /// Sends again what a sink of this kind would otherwise forget; returns whether anything was sent.
    pub(super) async fn repeat(&mut self) -> Result<bool, DeliveryError> {
        match &mut self.kind {
            SinkKind::Stdout | SinkKind::Webhook(_) => Ok(false),
            SinkKind::Alertmanager(alertmanager) => {
                alertmanager.repeat(|notice| text(&self.templates, notice)).await
            }
        }
    }
}

/// The notice as text. A template that fails on this notice costs the details, not the notice.
fn text(templates: &Templates, notice: &Notice) -> String {
    templates.render(notice, NoticeForm::Text).unwrap_or_else(|error| {
        tracing::error!(notice = %notice.id, "the text template fails, only the summary is sent: {error:#}");
        format!("{}\n", notice.summary)
    })
}
