//! Receives announced changes. Comes in: `POST /api/v1/deploys` with a JSON object. Goes out: a [`Change`] to the state's
//! owner, and 201 once it is part of the state; or a problem document with every problem at once. Never judges whether a
//! change caused anything.

use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot};

use super::json::{self, BodyFields};
use crate::input::Input;
use crate::problem::{FieldError, ProblemDocument};
use mapwarden_engine::observation::{Change, ChangeKind, ChangeSource};

/// How far ahead `at` may be: clocks differ, but a change that has not happened yet explains nothing. Raised, a sender
/// with a wrong clock is noticed later; lowered, clocks must agree more closely.
const MAX_AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// How long the state's owner may take to confirm. Raised, a stalled owner holds senders longer; lowered, a slow owner
/// makes them repeat changes that it has received.
const CONFIRM_TIME: Duration = Duration::from_secs(5);

/// The fields of an announcement.
const FIELDS: [&str; 7] = ["service", "version", "sha", "kind", "at", "author", "url"];

/// Serves `POST /api/v1/deploys`.
pub fn router(queue: mpsc::Sender<Input>) -> Router {
    Router::new().route("/api/v1/deploys", post(announce)).with_state(queue)
}

async fn announce(State(queue): State<mpsc::Sender<Input>>, request: Request) -> Response {
    match accept(&queue, request).await {
        Ok(change) => (StatusCode::CREATED, axum::Json(change)).into_response(),
        Err(problem) => problem.into_response(),
    }
}

async fn accept(queue: &mpsc::Sender<Input>, request: Request) -> Result<Change, ProblemDocument> {
    let change = read(request).await?;
    let (confirm, confirmed) = oneshot::channel();
    let busy = || {
        ProblemDocument::new(StatusCode::SERVICE_UNAVAILABLE, "the queue is full: announce it again later")
    };
    queue.try_send(Input::Change(change.clone(), confirm)).map_err(|_| busy())?;
    match tokio::time::timeout(CONFIRM_TIME, confirmed).await {
        Ok(Ok(())) => Ok(change),
        // Idempotent: a repeated announcement has the same sha and time.
        Ok(Err(_)) | Err(_) => Err(ProblemDocument::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the change was not confirmed in time: announce it again later",
        )),
    }
}

async fn read(request: Request) -> Result<Change, ProblemDocument> {
    let fields = json::object(request, "a change").await?;
    parse(&fields, Timestamp::now()).map_err(|errors| {
        ProblemDocument::new(StatusCode::BAD_REQUEST, "the announced change is not valid").with_errors(errors)
    })
}

/// Reads an announcement that arrived at `now`.
fn parse(fields: &Map<String, Value>, now: Timestamp) -> Result<Change, Vec<FieldError>> {
    let mut reader = BodyFields::new(fields, &FIELDS);
    let service = reader.required("service", "the service's `service.name`");
    let version = reader.required("version", "the new `service.version`");
    let sha = reader.required("sha", "the commit, e.g. a3f9c1d");
    let kind = reader.choice("kind", &ChangeKind::ALL.map(|kind| (kind.name(), kind)), "a kind of change");
    let at = if reader.has("at") { reader.time("at") } else { Some(now) };
    if let Some(at) = at.filter(|at| at.duration_since(now) > MAX_AHEAD) {
        reader.error("at", format!("{at} is more than 5 minutes ahead of this sidecar's clock, {now}"));
    }
    let author = reader.text("author");
    let url = reader.text("url").filter(|text| {
        let is_web = Url::parse(text).is_ok_and(|url| ["http", "https"].contains(&url.scheme()));
        if !is_web {
            reader.error("url", format!("`{text}` is not a URL: accepted are http:// and https://"));
        }
        is_web
    });
    match (service, kind, version, sha, at) {
        (Some(service), Some(kind), version @ Some(_), sha @ Some(_), Some(at))
            if reader.errors.is_empty() =>
        {
            Ok(Change { service, kind, version, sha, at, source: ChangeSource::Webhook, author, url })
        }
        _ => Err(reader.errors),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-21T10:15:21Z".parse().unwrap()
    }

    fn parsed(body: &Value) -> Result<Change, Vec<FieldError>> {
        parse(body.as_object().unwrap(), now())
    }

    #[test]
    fn a_complete_announcement_is_read() {
        let body = json!({"service": "shop", "version": "v2.4.1", "sha": "a3f9c1d", "kind": "flag",
            "at": "2026-11-21T11:15:00+01:00", "author": "ann", "url": "https://ci.example/7"});
        let change = parsed(&body).unwrap();
        assert_eq!(change.kind, ChangeKind::Flag);
        assert_eq!(change.at.to_string(), "2026-11-21T10:15:00Z");
        assert_eq!(change.author.as_deref(), Some("ann"));
        assert_eq!(change.source, ChangeSource::Webhook);
    }

    #[test]
    fn a_change_without_time_happened_now() {
        let body = json!({"service": "s", "version": "1", "sha": "a", "kind": "deploy", "at": null});
        assert_eq!(parsed(&body).unwrap().at, now());
    }

    #[test]
    fn all_problems_come_in_one_answer() {
        let body = json!({"service": "", "version": 2, "kind": "rollout", "at": "yesterday",
            "url": "javascript:alert(1)", "sah/1": "a3f9c1d"});
        let errors = parsed(&body).unwrap_err();
        let pointers: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["/sah~11", "/service", "/version", "/sha", "/kind", "/at", "/url"]);
        assert_eq!(errors[3].detail, "`sha` is missing: accepted is the commit, e.g. a3f9c1d");
    }

    #[test]
    fn a_change_in_the_future_is_refused() {
        let body = |at| json!({"service": "s", "version": "1", "sha": "a", "kind": "deploy", "at": at});
        assert!(parsed(&body("2026-11-21T10:20:21Z")).is_ok());
        let errors = parsed(&body("2026-11-21T10:20:22Z")).unwrap_err();
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].pointer, "/at");
    }
}
