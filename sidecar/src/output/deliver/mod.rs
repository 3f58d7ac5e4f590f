//! Delivery. What comes in: notice events, and the [`View`]. What goes out: messages to sinks. Never loses a notice
//! while the sidecar runs, and never makes the state's owner wait: each sink has a queue and a task of its own.

mod mailbox;
mod queue;
mod worker;

mod alertmanager;
mod error;
mod post;
mod sink;
mod stdout;
mod webhook;

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::render::Templates;
use crate::config::Sink;
use crate::http::{self, Reach};
use crate::view::View;
use mailbox::Mailbox;
use mapwarden_engine::notice::NoticeEvent;
use sink::ConnectedSink;
use worker::Worker;

/// Delivers events to every sink until the events end or `stop` is cancelled. Then each sink gets a last, bounded
/// attempt for what it has not taken. Stopping the stages in the order of the data ends the events first.
pub async fn run(
    sinks: Vec<Sink>,
    mut events: mpsc::Receiver<NoticeEvent>,
    view: watch::Receiver<Arc<View>>,
    templates: Templates,
    stop: CancellationToken,
) {
    let needs_http = sinks.iter().any(|sink| !matches!(sink, Sink::Stdout));
    let client = needs_http.then(|| http::client(Reach::ViaProxy)).transpose().unwrap_or_else(|error| {
        tracing::error!(
            "TLS cannot be set up, notices for every sink go to standard output instead: {error}"
        );
        None
    });
    let mut workers = JoinSet::new();
    let mut mailboxes = Vec::new();
    for sink in &sinks {
        let mailbox = Arc::new(Mailbox::new(sink.name()));
        let sink = ConnectedSink::new(sink, client.as_ref(), &view, &templates);
        workers.spawn(Worker::new(mailbox.clone(), sink).run());
        mailboxes.push(mailbox);
    }
    let receiving = async {
        while let Some(event) = events.recv().await {
            mailboxes.iter().for_each(|mailbox| mailbox.put(event.clone()));
        }
    };
    tokio::select! {
        biased;
        () = receiving => {}
        () = stop.cancelled() => {}
    }
    while let Ok(event) = events.try_recv() {
        mailboxes.iter().for_each(|mailbox| mailbox.put(event.clone()));
    }
    mailboxes.iter().for_each(|mailbox| mailbox.close());
    workers.join_all().await;
}
