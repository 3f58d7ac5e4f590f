//! Notices reach their sinks: in order, after failures, after an outage, and while the sidecar stops.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::{Json, Router};
use mapwarden_engine::notice::{Notice, NoticeEvent, Transition};
use mapwarden_sidecar::config::Sink;
use mapwarden_sidecar::output::deliver;
use mapwarden_sidecar::output::exposition::Exposition;
use mapwarden_sidecar::output::render::Templates;
use mapwarden_sidecar::view::View;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::output_fixture::{empty, measured};

/// The time after which a hanging test fails: far longer than any of these tests takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A receiver of messages. It answers with the statuses of a script, then with 200; at status 0 it does not answer.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) received: mpsc::UnboundedReceiver<(String, Value)>,
    task: JoinHandle<()>,
}

type Script = Arc<Mutex<VecDeque<u16>>>;
type ReceivedSender = mpsc::UnboundedSender<(String, Value)>;

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    State((script, received)): State<(Script, ReceivedSender)>,
    uri: Uri,
    Json(message): Json<Value>,
) -> (StatusCode, HeaderMap) {
    let status = script.lock().unwrap().pop_front().unwrap_or(200);
    let mut headers = HeaderMap::new();
    if status == 0 {
        std::future::pending::<()>().await;
    }
    if status == 429 {
        headers.insert("retry-after", "0".parse().unwrap());
    }
    if status == 200 {
        received.send((uri.path().to_owned(), message)).unwrap();
    }
    (StatusCode::from_u16(status).unwrap(), headers)
}

impl Peer {
    pub(crate) async fn start(script: &[u16]) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), script)
    }

    fn on(listener: TcpListener, script: &[u16]) -> Self {
        let (tx, received) = mpsc::unbounded_channel();
        let script: Script = Arc::new(Mutex::new(script.iter().copied().collect()));
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state((script, tx));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, received, task }
    }

    async fn next(&mut self) -> (String, Value) {
        tokio::time::timeout(PATIENCE, self.received.recv())
            .await
            .expect("the sink received nothing")
            .unwrap()
    }

    async fn next_event(&mut self) -> (String, String) {
        let (_, message) = self.next().await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&message["event"]), text(&message["notice"]["summary"]))
    }
}

/// A running delivery.
pub(crate) struct Delivery {
    events: mpsc::Sender<NoticeEvent>,
    _view: watch::Sender<Arc<View>>,
    task: JoinHandle<()>,
}

impl Delivery {
    pub(crate) fn start(sinks: Vec<Sink>, view: View) -> Self {
        Exposition::install().unwrap();
        let (events, rx) = mpsc::channel(1);
        let (tx, shown) = watch::channel(Arc::new(view));
        let templates = Templates::load(None).unwrap();
        let task = tokio::spawn(deliver::run(sinks, rx, shown, templates, CancellationToken::new()));
        Self { events, _view: tx, task }
    }

    pub(crate) async fn send(&self, event: Transition, summary: &str) {
        let notice = Notice { summary: summary.to_owned(), ..measured() };
        self.send_notice(event, notice).await;
    }

    pub(crate) async fn send_notice(&self, event: Transition, notice: Notice) {
        let event = NoticeEvent { event, notice: Arc::new(notice) };
        let sent = tokio::time::timeout(PATIENCE, self.events.send(event)).await;
        sent.expect("the delivery made the state's owner wait").unwrap();
    }

    /// Closes the channel of events, as a stopping sidecar does.
    pub(crate) async fn stop(self) {
        drop(self.events);
        tokio::time::timeout(PATIENCE, self.task).await.expect("the delivery does not end").unwrap();
    }
}

fn webhook(name: &str, address: SocketAddr) -> Sink {
    Sink::Webhook { name: name.to_owned(), url: format!("http://{address}/hook") }
}

fn attempts(sink: &str, result: &str) -> u64 {
    let key = format!("mapwarden_notice_deliveries_total{{sink=\"{sink}\",result=\"{result}\"}} ");
    let text = Exposition::install().unwrap().render(&empty());
    text.lines().find_map(|line| line.strip_prefix(&key)).map_or(0, |value| value.parse().unwrap())
}

/// Waits until a condition holds.
async fn until(mut is_so: impl FnMut() -> bool) {
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    let waiting = async {
        while !is_so() {
            ticks.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it never happened");
}

#[tokio::test]
async fn a_webhook_receives_every_event_in_order() {
    let mut peer = Peer::start(&[]).await;
    let delivery = Delivery::start(vec![webhook("in-order", peer.address)], empty());
    delivery.send(Transition::Opened, "one").await;
    let (path, message) = peer.next().await;
    assert_eq!(path, "/hook");
    assert_eq!(message["event"], "opened");
    let expected = Notice { summary: "one".to_owned(), ..measured() };
    assert_eq!(serde_json::from_value::<Notice>(message["notice"].clone()).unwrap(), expected);
    assert!(
        message["text"]
            .as_str()
            .unwrap()
            .starts_with("OPEN page: order-service/sessions-availability: one\n"),
        "{}",
        message["text"]
    );
    delivery.send(Transition::Updated, "two").await;
    assert_eq!(peer.next_event().await, ("updated".to_owned(), "two".to_owned()));
    delivery.send(Transition::Resolved, "three").await;
    assert_eq!(peer.next_event().await, ("resolved".to_owned(), "three".to_owned()));
    delivery.stop().await;
    assert_eq!(attempts("in-order", "delivered"), 3);
}

#[tokio::test]
async fn a_failed_attempt_is_tried_again() {
    let mut peer = Peer::start(&[503, 429, 408, 500]).await;
    let delivery = Delivery::start(vec![webhook("for-now", peer.address)], empty());
    delivery.send(Transition::Opened, "kept").await;
    assert_eq!(peer.next_event().await, ("opened".to_owned(), "kept".to_owned()));
    delivery.stop().await;
    assert_eq!((attempts("for-now", "retried"), attempts("for-now", "delivered")), (4, 1));
}

#[tokio::test]
async fn a_refused_notice_does_not_block_the_next() {
    let mut peer = Peer::start(&[400, 302]).await;
    let delivery = Delivery::start(vec![webhook("refused", peer.address)], empty());
    delivery.send(Transition::Opened, "first").await;
    until(|| attempts("refused", "refused") == 1).await;
    delivery.send(Transition::Updated, "second").await;
    until(|| attempts("refused", "refused") == 2).await;
    delivery.send(Transition::Resolved, "third").await;
    assert_eq!(peer.next_event().await, ("resolved".to_owned(), "third".to_owned()));
    delivery.stop().await;
    assert_eq!(attempts("refused", "retried"), 0);
}

#[tokio::test]
async fn an_outage_loses_only_older_updates() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let delivery = Delivery::start(vec![webhook("outage", address)], empty());
    delivery.send(Transition::Opened, "begins").await;
    until(|| attempts("outage", "retried") >= 1).await;
    for n in 0..50 {
        delivery.send(Transition::Updated, &format!("update {n}")).await;
    }
    delivery.send(Transition::Resolved, "ends").await;
    let other = Notice { id: "01KAJ3V9QG5T8W6YB2N4C7D0EZ".to_owned(), ..measured() };
    delivery.send_notice(Transition::Opened, other.clone()).await;
    let mut peer = Peer::on(TcpListener::bind(address).await.unwrap(), &[]);
    let received = [peer.next_event().await, peer.next_event().await, peer.next_event().await];
    let expected = [("opened", "begins"), ("resolved", "ends"), ("opened", other.summary.as_str())]
        .map(|(event, summary)| (event.to_owned(), summary.to_owned()));
    assert_eq!(received, expected);
    delivery.stop().await;
    let text = Exposition::install().unwrap().render(&empty());
    assert!(text.contains("mapwarden_notice_deliveries_pending{sink=\"outage\"} 0\n"), "{text}");
}

#[tokio::test]
async fn a_hanging_sink_delays_no_other() {
    let hanging = Peer::start(&[0]).await;
    let mut quick = Peer::start(&[]).await;
    let sinks = vec![webhook("hanging", hanging.address), webhook("quick", quick.address)];
    let delivery = Delivery::start(sinks, empty());
    for n in 0..20 {
        delivery.send(Transition::Opened, &n.to_string()).await;
        assert_eq!(quick.next_event().await.1, n.to_string());
    }
    until(|| attempts("quick", "delivered") == 20).await;
    assert_eq!(attempts("hanging", "delivered"), 0);
    delivery.stop().await;
}

#[tokio::test]
async fn stopping_sends_waiting_events() {
    let mut peer = Peer::start(&[503]).await;
    let delivery = Delivery::start(vec![webhook("stopping", peer.address)], empty());
    delivery.send(Transition::Opened, "late").await;
    until(|| attempts("stopping", "retried") == 1).await;
    delivery.stop().await;
    assert_eq!(peer.next_event().await, ("opened".to_owned(), "late".to_owned()));
}

#[tokio::test]
async fn stopping_does_not_wait_for_a_dead_sink() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let delivery = Delivery::start(vec![webhook("gone", address)], empty());
    delivery.send(Transition::Opened, "not delivered").await;
    delivery.stop().await;
    assert!(attempts("gone", "retried") >= 1);
}

#[tokio::test]
async fn alertmanager_receives_notices_opened_before_the_start() {
    let mut peer = Peer::start(&[]).await;
    let url = format!("http://{}/am/", peer.address);
    let mut view = empty();
    view.notices = vec![measured()];
    let delivery = Delivery::start(vec![Sink::Alertmanager { name: "reminded".to_owned(), url }], view);
    let (path, alerts) = peer.next().await;
    assert_eq!(path, "/am/api/v2/alerts");
    let alert = &alerts[0];
    assert_eq!(alert["labels"]["alertname"], "MapwardenFault");
    assert_eq!(alert["labels"]["notice"], measured().id);
    assert_eq!(alert["startsAt"], "2026-11-21T10:15:32Z");
    assert_eq!(attempts("reminded", "delivered"), 0, "a reminder is not a notice event");
    delivery.stop().await;
}
