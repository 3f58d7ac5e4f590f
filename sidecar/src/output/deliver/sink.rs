//! What comes in: an event. What goes out: one message in the sink's own form, and what became of it.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Response, StatusCode};
use serde::Serialize;
use tokio::sync::watch;

use super::alertmanager::{Alert, Alerts};
use crate::config;
use crate::output::render::{NoticeForm, Templates};
use crate::view::View;
use mapwarden_engine::notice::Notice;
use mapwarden_engine::notice::{NoticeEvent, Transition};

/// Why a sink did not take a message.
#[derive(Debug)]
pub(super) enum Failure {
    /// Not now; the same message may be taken later.
    Unreachable {
        /// What happened.
        reason: String,
        /// How long the sink asks to be left alone.
        asked_pause: Option<Duration>,
    },
    /// Never.
    Refused(String),
}

/// Where messages go, and what they need to get there.
pub(super) struct Sink {
    kind: Kind,
    templates: Templates,
}

enum Kind {
    Stdout,
    Webhook { client: Client, url: String },
    Alertmanager { client: Client, url: String, alerts: Alerts, view: watch::Receiver<Arc<View>> },
}

/// What a webhook is sent.
#[derive(Serialize)]
struct Message<'a> {
    event: Transition,
    notice: &'a Notice,
    text: &'a str,
}

impl Sink {
    /// A sink as it is configured. `client` is there wherever a configured sink needs it.
    pub(super) fn new(
        sink: &config::Sink,
        client: Option<&Client>,
        view: &watch::Receiver<Arc<View>>,
        templates: &Templates,
    ) -> Self {
        let kind = match (sink, client) {
            (config::Sink::Webhook { name: _, url }, Some(client)) => {
                Kind::Webhook { client: client.clone(), url: url.clone() }
            }
            (config::Sink::Alertmanager { name: _, url }, Some(client)) => Kind::Alertmanager {
                client: client.clone(),
                url: format!("{}/api/v2/alerts", url.trim_end_matches('/')),
                alerts: Alerts::default(),
                view: view.clone(),
            },
            (config::Sink::Stdout, _) | (_, None) => Kind::Stdout,
        };
        Self { kind, templates: templates.clone() }
    }

    /// Tells what happened.
    pub(super) async fn send(&mut self, event: &NoticeEvent) -> Result<(), Failure> {
        let text = self.text(&event.notice);
        match &mut self.kind {
            Kind::Stdout => print(event.event, text).await,
            Kind::Webhook { client, url } => {
                let message = Message { event: event.event, notice: &event.notice, text: &text };
                post(client, url, &message).await
            }
            Kind::Alertmanager { client, url, alerts, .. } => {
                let told = alerts.of(&event.notice, &text, Timestamp::now());
                post(client, url, &told).await?;
                alerts.told(&event.notice);
                Ok(())
            }
        }
    }

    /// Says again what still holds; tells whether there was anything to say.
    pub(super) async fn repeat(&mut self) -> Result<bool, Failure> {
        let Kind::Alertmanager { view, alerts, .. } = &mut self.kind else { return Ok(false) };
        let current = view.borrow().clone();
        alerts.forget_all_but(&current.notices);
        let now = Timestamp::now();
        let notices: Vec<&Notice> =
            current.notices.iter().filter(|notice| Alerts::is_repeated(notice, now)).collect();
        let texts: Vec<String> = notices.iter().map(|notice| self.text(notice)).collect();
        let Kind::Alertmanager { client, url, alerts, .. } = &mut self.kind else { return Ok(false) };
        let told: Vec<Alert> =
            notices.iter().zip(&texts).flat_map(|(notice, text)| alerts.of(notice, text, now)).collect();
        if told.is_empty() {
            return Ok(false);
        }
        post(client, url, &told).await?;
        notices.iter().for_each(|notice| alerts.told(notice));
        Ok(true)
    }

    /// The notice as text. A template that fails on this notice costs the details, not the notice.
    fn text(&self, notice: &Notice) -> String {
        self.templates.render(notice, NoticeForm::Text).unwrap_or_else(|error| {
            tracing::error!(notice = %notice.id, "the text template fails, only the summary is sent: {error:#}");
            format!("{}\n", notice.summary)
        })
    }
}

/// Prints a notice, all of it when it begins and ends, and one line in between.
async fn print(event: Transition, text: String) -> Result<(), Failure> {
    let text = match event {
        Transition::Opened | Transition::Resolved => format!("\n{text}\n"),
        Transition::Updated => format!("{}\n", text.lines().next().unwrap_or_default()),
    };
    let printing = tokio::task::spawn_blocking(move || {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    });
    let failed = |error: std::io::Error| Failure::Refused(format!("standard output: {error}"));
    printing.await.map_err(std::io::Error::other).flatten().map_err(failed)
}

async fn post<T: Serialize + Sync + ?Sized>(client: &Client, url: &str, body: &T) -> Result<(), Failure> {
    match client.post(url).json(body).send().await {
        Ok(answer) => judge(answer).await,
        // A URL that is none stays none; the rest may be better later.
        Err(error) if error.is_builder() => Err(Failure::Refused(words(&error))),
        Err(error) => Err(Failure::Unreachable { reason: words(&error), asked_pause: None }),
    }
}

/// 2xx is taken; 408, 429 and 5xx may be taken later (RFC 9110, 15.5.9 and 15.6); anything else never.
async fn judge(answer: Response) -> Result<(), Failure> {
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let is_later = status.is_server_error()
        || [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status);
    let asked_pause = answer
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.trim().parse().ok())
        .map(Duration::from_secs);
    let said: String = answer.text().await.unwrap_or_default().chars().take(200).collect();
    let reason = format!("it answered {status}: {}", said.trim());
    Err(if is_later { Failure::Unreachable { reason, asked_pause } } else { Failure::Refused(reason) })
}

/// An error with its causes: reqwest's own text says only that sending failed.
fn words(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |words, cause| format!("{words}: {cause}"))
}
