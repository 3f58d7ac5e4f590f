//! Announced changes, as a deployment pipeline sends them.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use mapwarden_engine::observation::{Change, ChangeKind, ChangeSource};
use mapwarden_sidecar::accept::changes;
use mapwarden_sidecar::input::Input;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tower::ServiceExt as _;

async fn announce(router: &Router, kind: &str, body: impl Into<Body>) -> (u16, String, Value) {
    let request = Request::post("/api/v1/deploys").header("content-type", kind).body(body.into()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, kind, serde_json::from_slice(&body).unwrap())
}

fn body() -> Value {
    json!({"service": "shop", "version": "v2.4.1", "sha": "a3f9c1d", "kind": "deploy",
        "at": "2026-01-01T00:00:00Z", "author": "ann"})
}

#[tokio::test]
async fn a_change_is_answered_once_it_is_part_of_the_state() {
    let (tx, mut rx) = mpsc::channel(1);
    let router = changes::router(tx);
    let owner = tokio::spawn(async move {
        let Some(Input::Change(change, confirm)) = rx.recv().await else { panic!("no change") };
        confirm.send(()).unwrap();
        change
    });
    let (status, kind, answer) = announce(&router, "application/json", body().to_string()).await;
    assert_eq!((status, kind.as_str()), (201, "application/json"), "{answer}");
    let change = owner.await.unwrap();
    assert_eq!((change.kind, change.source), (ChangeKind::Deploy, ChangeSource::Webhook));
    assert_eq!(serde_json::from_value::<Change>(answer).unwrap(), change);
}

#[tokio::test]
async fn refusals_are_problem_documents_that_name_everything() {
    let (tx, _rx) = mpsc::channel(1);
    let router = changes::router(tx);
    let json = "application/json";
    let cases = [
        ("a list", json, "[]".to_owned(), 400, 0, "JSON object"),
        ("no json", json, "{".to_owned(), 400, 0, "not JSON"),
        ("a form", "text/plain", body().to_string(), 415, 0, "application/json"),
        ("too large", json, " ".repeat(70_000), 413, 0, "65536"),
        ("incomplete", json, r#"{"service": "shop", "sah": "a"}"#.to_owned(), 400, 4, "not valid"),
    ];
    for (name, kind, body, status, errors, part) in cases {
        let (got, answer_kind, problem) = announce(&router, kind, body).await;
        assert_eq!((got, answer_kind.as_str()), (status, "application/problem+json"), "{name}");
        assert_eq!(problem["status"], status, "{name}");
        assert_eq!(problem["errors"].as_array().map_or(0, Vec::len), errors, "{name}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(part), "{name}: {problem}");
    }
}

#[tokio::test]
async fn unknown_query_parameters_are_refused() {
    let (tx, _rx) = mpsc::channel(1);
    let request = Request::post("/api/v1/deploys?dry%20run=1&sha=a")
        .header("content-type", "application/json")
        .body(Body::from(body().to_string()))
        .unwrap();
    let response = changes::router(tx).oneshot(request).await.unwrap();
    assert_eq!(response.status().as_u16(), 400);
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let problem: Value = serde_json::from_slice(&body).unwrap();
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.starts_with("query parameter `dry run=1` is not known; accepted are none"), "{detail}");
}

#[tokio::test]
async fn a_full_queue_and_a_lost_owner_request_a_retry() {
    let (tx, mut rx) = mpsc::channel(1);
    let router = changes::router(tx);
    let waiting = tokio::spawn({
        let router = router.clone();
        async move { announce(&router, "application/json", body().to_string()).await }
    });
    // The first announcement fills the queue.
    while rx.is_empty() {
        tokio::task::yield_now().await;
    }
    let (status, _, problem) = announce(&router, "application/json", body().to_string()).await;
    assert_eq!((status, &problem["detail"]), (503, &json!("the queue is full: announce it again later")));
    // The owner drops it without confirming.
    drop(rx.recv().await);
    let (status, _, problem) = waiting.await.unwrap();
    assert_eq!(status, 503, "{problem}");
}
