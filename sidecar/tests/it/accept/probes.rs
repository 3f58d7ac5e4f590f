//! Probes against real listeners.

use std::net::SocketAddr;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use mapwarden_contract::Nanos;
use mapwarden_engine::observation::{CallSource, Completion, Observation};
use mapwarden_sidecar::accept::probe;
use mapwarden_sidecar::config::{Probe, ProbeTarget};
use mapwarden_sidecar::input::Input;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

fn ask(name: &str, target: ProbeTarget) -> Probe {
    let (every, timeout) = (Nanos::from_millis(20), Nanos::from_secs(5));
    Probe { name: name.to_owned(), target, every, timeout }
}

/// A server with a path each that is healthy, redirects, fails, and never answers.
async fn dependency() -> SocketAddr {
    let routes = Router::new()
        .route("/ok", get(|| async { "fine" }))
        .route("/moved", get(|| async { (StatusCode::FOUND, [("location", "/broken")]) }))
        .route("/broken", get(|| async { StatusCode::SERVICE_UNAVAILABLE }))
        .route("/stuck", get(std::future::pending::<()>));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address
}

#[tokio::test]
async fn every_probe_reports_whether_its_dependency_answers() {
    let address = dependency().await;
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = free.local_addr().unwrap();
    drop(free);
    let http = |path: &str| ProbeTarget::Http(format!("http://{address}{path}"));
    let stuck = Probe { timeout: Nanos::from_millis(30), ..ask("stuck", http("/stuck")) };
    let cases = [
        (ask("ok", http("/ok")), Completion::Ok),
        (ask("moved", http("/moved")), Completion::Ok),
        (ask("broken", http("/broken")), Completion::Failed),
        (stuck, Completion::Failed),
        (ask("tcp", ProbeTarget::Tcp(address.to_string())), Completion::Ok),
        (ask("closed", ProbeTarget::Tcp(closed.to_string())), Completion::Failed),
    ];
    let (tx, mut rx) = mpsc::channel(1);
    let stop = CancellationToken::new();
    let probes = cases.iter().map(|(probe, _)| probe.clone()).collect();
    let task = tokio::spawn(probe::run(probes, tx, stop.clone()));
    let mut waiting: Vec<&str> = cases.iter().map(|(probe, _)| probe.name.as_str()).collect();
    while !waiting.is_empty() {
        let Some(Input::Batch(batch)) = rx.recv().await else { panic!("the probes ended early") };
        assert_eq!(&*batch.resource.service, "mapwarden-sidecar");
        let [Observation::Call(call)] = &*batch.observations else { panic!("{batch:?}") };
        assert_eq!((call.source, call.end), (CallSource::Probe, batch.received));
        if call.dependency.as_ref() == "stuck" {
            assert!(call.duration >= Nanos::from_millis(30), "{call:?}");
        }
        let expected = cases.iter().find(|(probe, _)| *probe.name == *call.dependency);
        assert_eq!(Some(call.completion), expected.map(|(_, completion)| *completion), "{}", call.dependency);
        waiting.retain(|name| *name != &*call.dependency);
    }
    stop.cancel();
    // The queue is full or a probe is in flight; neither may delay the end.
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_run_without_probes_returns_at_once() {
    let (tx, mut rx) = mpsc::channel(1);
    probe::run(Vec::new(), tx, CancellationToken::new()).await.unwrap();
    assert!(rx.recv().await.is_none());
}
