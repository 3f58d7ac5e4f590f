//! A sink of kind `webhook`. What comes in: a notice event. What goes out: a `POST` of the event, the notice and its
//! text as JSON.

use mapwarden_engine::notice::{Notice, NoticeEvent, Transition};
use reqwest::Client;
use serde::Serialize;

use super::error::DeliveryError;
use super::post::post;

/// A receiver of notices.
pub(super) struct Webhook {
    client: Client,
    url: String,
}

/// The body of a request.
#[derive(Serialize)]
struct WebhookBody<'a> {
    event: Transition,
    notice: &'a Notice,
    text: &'a str,
}

impl Webhook {
    /// Posts to this URL.
    pub(super) fn new(client: Client, url: &str) -> Self {
        Self { client, url: url.to_owned() }
    }

    /// Sends an event.
    pub(super) async fn send(&self, event: &NoticeEvent, text: &str) -> Result<(), DeliveryError> {
        let body = WebhookBody { event: event.event, notice: &event.notice, text };
        post(&self.client, &self.url, &body).await
    }
}
