//! Receives corrections. Comes in: `POST /api/v1/corrections` and withdrawals. Goes out: a [`Proposal`] to the state's
//! owner, and the answer once the owner has decided about it and saved it; or a problem document with every problem at
//! once. Never decides which objectives a correction matches.

use std::hash::Hasher as _;
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use siphasher::sip128::{Hasher128 as _, SipHasher24};
use tokio::sync::{mpsc, oneshot};

use crate::accept::json::{self, BodyFields, MAX_TEXT};
use crate::input::Input;
use crate::problem::{FieldError, ProblemDocument};
use mapwarden_engine::correction::{
    Action, Booking, Correction, CorrectionKind, Exclusion, ExclusionAlerts, ObjectivePattern, Proposal,
    ProposalError, Recurrence, WrittenEntry,
};

/// How far from now the times of a correction may be. Raised, recurrence rules run over longer times; lowered below a month,
/// events that are still in a budget cannot be corrected.
const REACH: SignedDuration = SignedDuration::from_hours(366 * 24);

/// How many events one booking may have. Raised, sums of many bookings are no longer exact.
const MAX_EVENTS: u64 = 1_000_000_000_000;

/// How long the state's owner may take to save. Raised, a stalled store holds senders longer; lowered, a slow store
/// makes them repeat requests that it is saving.
const CONFIRM_TIME: Duration = Duration::from_secs(10);

/// The header that distinguishes a repeated request from a second one.
const KEY_HEADER: &str = "idempotency-key";

/// The kinds of correction, as the field `kind` names them.
#[derive(Clone, Copy)]
enum RequestedKind {
    Exclusion,
    Deduction,
    Refund,
}

/// The fields of all kinds, and the fields of each kind.
const COMMON: [&str; 4] = ["slo", "kind", "author", "reason"];
const OF_EXCLUSION: [&str; 5] = ["from", "to", "rrule", "zone", "alerts"];
const OF_BOOKING: [&str; 2] = ["at", "events"];

/// Serves `POST /api/v1/corrections` and `POST /api/v1/corrections/{id}/withdraw`.
pub(crate) fn router(queue: mpsc::Sender<Input>) -> Router {
    Router::new()
        .route("/api/v1/corrections", post(book))
        .route("/api/v1/corrections/{id}/withdraw", post(withdraw))
        .with_state(queue)
}

async fn book(
    State(queue): State<mpsc::Sender<Input>>,
    request: Request,
) -> Result<Response, ProblemDocument> {
    let key = key(request.headers())?;
    let fields = json::object(request, "a correction").await?;
    // Expanding a recurrence rule may take a while, and must not block the threads that answer other requests.
    let parsing = tokio::task::spawn_blocking(move || {
        let parsed = parse(&fields, Timestamp::now());
        parsed.map(|(author, reason, correction)| (author, reason, correction, Value::Object(fields)))
    });
    let failed = |error| {
        ProblemDocument::new(StatusCode::BAD_REQUEST, format!("the correction cannot be read: {error}"))
    };
    let (author, reason, correction, body) = parsing.await.map_err(failed)?.map_err(|errors| {
        ProblemDocument::new(StatusCode::BAD_REQUEST, "the correction is not valid").with_errors(errors)
    })?;
    let digest = digest(&[&body.to_string()]);
    let key = key.unwrap_or_else(|| digest.clone());
    propose(&queue, Proposal { author, reason, key, digest, action: Action::Booked(correction) }).await
}

async fn withdraw(
    State(queue): State<mpsc::Sender<Input>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ProblemDocument> {
    let key = key(request.headers())?;
    let fields = json::object(request, "a withdrawal").await?;
    let mut reader = BodyFields::new(&fields, &["author", "reason"]);
    let (author, reason) = (reader.required("author", AUTHOR), reader.required("reason", REASON));
    let (Some(author), Some(reason), []) = (author, reason, reader.errors.as_slice()) else {
        let problem = ProblemDocument::new(StatusCode::BAD_REQUEST, "the withdrawal is not valid");
        return Err(problem.with_errors(reader.errors));
    };
    let digest = digest(&[&id, &author, &reason]);
    let key = key.unwrap_or_else(|| digest.clone());
    propose(&queue, Proposal { author, reason, key, digest, action: Action::Withdrawn { withdraws: id } })
        .await
}

/// What is accepted as author and reason.
const AUTHOR: &str = "the person or pipeline responsible, e.g. a name or an address";
const REASON: &str = "the reason, for readers of the audit log";

async fn propose(queue: &mpsc::Sender<Input>, proposal: Proposal) -> Result<Response, ProblemDocument> {
    let (reply, replied) = oneshot::channel();
    let later = |detail: &str| ProblemDocument::new(StatusCode::SERVICE_UNAVAILABLE, detail);
    queue
        .try_send(Input::Correction(Box::new(proposal), reply))
        .map_err(|_| later("the queue is full: send the same request again later"))?;
    match tokio::time::timeout(CONFIRM_TIME, replied).await {
        Ok(Ok(Ok(written))) => Ok(answer(written)),
        Ok(Ok(Err(refused))) => Err(refusal(&refused)),
        // Idempotent: a repeated request has the same key.
        Ok(Err(_)) | Err(_) => Err(later("it was not saved in time: send the same request again later")),
    }
}

fn answer(written: WrittenEntry) -> Response {
    let status = if written.is_repeated { StatusCode::OK } else { StatusCode::CREATED };
    (status, Json(written)).into_response()
}

fn refusal(refused: &ProposalError) -> ProblemDocument {
    let status = match refused {
        ProposalError::Unknown(_) => StatusCode::NOT_FOUND,
        ProposalError::Withdrawn(_) | ProposalError::Again(_) | ProposalError::KeyReused(_) => {
            StatusCode::CONFLICT
        }
        ProposalError::Full(_) => StatusCode::INSUFFICIENT_STORAGE,
    };
    ProblemDocument::new(status, refused.to_string())
}

fn key(headers: &HeaderMap) -> Result<Option<String>, ProblemDocument> {
    let Some(value) = headers.get(KEY_HEADER) else { return Ok(None) };
    let key = value.to_str().ok().map(str::trim);
    key.filter(|key| !key.is_empty() && key.len() <= MAX_TEXT).map(|key| Some(key.to_owned())).ok_or_else(
        || {
            let detail = format!("Idempotency-Key: accepted is a text of 1 to {MAX_TEXT} printable bytes");
            ProblemDocument::new(StatusCode::BAD_REQUEST, detail)
        },
    )
}

/// Returns the digest of a request: two requests are the same if all their parts are.
fn digest(parts: &[&str]) -> String {
    let mut hasher = SipHasher24::new();
    for part in parts {
        hasher.write(part.as_bytes());
        hasher.write_u8(0xff);
    }
    format!("{:032x}", hasher.finish128().as_u128())
}

/// Reads the author, the reason and the correction of a request that arrived at `now`.
fn parse(
    fields: &Map<String, Value>,
    now: Timestamp,
) -> Result<(String, String, Correction), Vec<FieldError>> {
    let all = [COMMON.as_slice(), &OF_EXCLUSION, &OF_BOOKING].concat();
    let mut reader = BodyFields::new(fields, &all);
    let slo = reader.required("slo", "an objective's id, `service/name`, or a pattern with `*`");
    let (author, reason) = (reader.required("author", AUTHOR), reader.required("reason", REASON));
    let kinds = [
        ("exclusion", RequestedKind::Exclusion),
        ("deduction", RequestedKind::Deduction),
        ("refund", RequestedKind::Refund),
    ];
    let kind = reader.choice("kind", &kinds, "a kind of correction").and_then(|kind| match kind {
        RequestedKind::Exclusion => exclusion(&mut reader, now).map(CorrectionKind::Exclusion),
        RequestedKind::Deduction => booking(&mut reader, now).map(CorrectionKind::Deduction),
        RequestedKind::Refund => booking(&mut reader, now).map(CorrectionKind::Refund),
    });
    match (slo, author, reason, kind) {
        (Some(slo), Some(author), Some(reason), Some(kind)) if reader.errors.is_empty() => {
            Ok((author, reason, Correction { slo: ObjectivePattern::new(slo), kind }))
        }
        _ => Err(reader.errors),
    }
}

fn exclusion(reader: &mut BodyFields<'_>, now: Timestamp) -> Option<Exclusion> {
    refuse(reader, &OF_BOOKING, "an exclusion");
    let from = within_reach(reader, "from", now);
    let to = within_reach(reader, "to", now);
    let (rule, zone) = (reader.text("rrule"), reader.text("zone"));
    let recurrence = match (rule, zone) {
        (Some(rule), zone) => Some(Recurrence { rule, zone: zone.unwrap_or_else(|| "UTC".to_owned()) }),
        (None, Some(_)) => {
            reader.error(
                "zone",
                "`zone` has no effect without `rrule`: `from` and `to` have an offset".to_owned(),
            );
            None
        }
        (None, None) => None,
    };
    let choices = [("suppress", ExclusionAlerts::Suppress), ("keep", ExclusionAlerts::Keep)];
    let alerts = if reader.has("alerts") {
        reader.choice("alerts", &choices, "a treatment of alerts")?
    } else {
        ExclusionAlerts::default()
    };
    let made = Exclusion::new(from?, to?, recurrence, alerts);
    made.map_err(|(name, detail)| reader.error(name, detail)).ok()
}

fn booking(reader: &mut BodyFields<'_>, now: Timestamp) -> Option<Booking> {
    refuse(reader, &OF_EXCLUSION, "a deduction or refund");
    let at = if reader.has("at") { within_reach(reader, "at", now) } else { Some(now) };
    if let Some(at) = at.filter(|at| *at > now) {
        reader.error("at", format!("{at} is ahead of this sidecar's clock, {now}"));
    }
    let events = reader.count("events", MAX_EVENTS);
    Some(Booking { at: at?, events: events? })
}

fn refuse(reader: &mut BodyFields<'_>, others: &[&str], kind: &str) {
    for name in others {
        if reader.has(name) {
            reader.error(name, format!("`{name}` is not a field of {kind}"));
        }
    }
}

fn within_reach(reader: &mut BodyFields<'_>, name: &str, now: Timestamp) -> Option<Timestamp> {
    let at = reader.required_time(name)?;
    if at.duration_since(now).abs() > REACH {
        reader.error(name, format!("{at} is more than a year from this sidecar's clock, {now}"));
        return None;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-21T10:15:21Z".parse().unwrap()
    }

    fn parsed(body: &Value) -> Result<(String, String, Correction), Vec<FieldError>> {
        parse(body.as_object().unwrap(), now())
    }

    #[test]
    fn every_kind_survives_serialisation() {
        let cases = [
            json!({"kind": "exclusion", "from": "2026-11-21T22:00:00+01:00", "to": "2026-11-21T22:00:00Z",
                "rrule": "FREQ=WEEKLY;BYDAY=SA", "zone": "Europe/Berlin", "alerts": "keep"}),
            json!({"kind": "exclusion", "from": "2026-11-21T21:00:00Z", "to": "2026-11-21T22:00:00Z"}),
            json!({"kind": "deduction", "events": 500}),
            json!({"kind": "refund", "events": 1, "at": "2026-11-20T00:00:00Z"}),
        ];
        for mut body in cases {
            body["slo"] = json!("shop/*");
            body["author"] = json!("ann");
            body["reason"] = json!("a reason");
            let (_, _, correction) = parsed(&body).unwrap();
            let text = serde_json::to_string(&correction).unwrap();
            assert_eq!(serde_json::from_str::<Correction>(&text).unwrap(), correction, "{text}");
        }
    }

    #[test]
    fn all_problems_come_in_one_answer() {
        let cases = [
            (
                json!({"kind": "exclusion", "from": "yesterday", "zone": "Mars", "events": 1, "x": 1}),
                vec!["/x", "/slo", "/author", "/reason", "/events", "/from", "/to", "/zone"],
            ),
            (
                json!({"slo": "a", "author": "b", "reason": "c", "kind": "refund", "events": 0, "from": "2026-11-21T10:00:00Z"}),
                vec!["/from", "/events"],
            ),
            (
                json!({"slo": "a", "author": "b", "reason": "c", "kind": "refund", "events": -1.5, "at": "2026-11-21T10:15:22Z"}),
                vec!["/at", "/events"],
            ),
            (json!({"slo": "a", "author": "b", "reason": "c", "kind": "credit"}), vec!["/kind"]),
            (
                json!({"slo": "a", "author": "b", "reason": "c", "kind": "exclusion", "from": "2026-11-21T10:00:00Z", "to": "2026-11-21T10:00:00Z"}),
                vec!["/to"],
            ),
            (
                json!({"slo": "a", "author": "b", "reason": "c", "kind": "exclusion", "from": "2026-11-21T10:00:00Z", "to": "2026-11-29T10:00:00Z", "rrule": "FREQ=DAILY"}),
                vec!["/to"],
            ),
            (
                json!({"slo": "a", "author": "b", "reason": "c", "kind": "exclusion", "from": "2026-11-21T10:00:00Z", "to": "2026-11-21T11:00:00Z", "rrule": "FREQ=WEEKLY;BYDAY=MO"}),
                vec!["/rrule"],
            ),
            (
                json!({"slo": "a", "author": "b", "reason": "c", "kind": "exclusion", "from": "2026-11-21T10:00:00Z", "to": "2026-11-21T11:00:00Z", "rrule": "FREQ=DAILY", "zone": "Mars/Base"}),
                vec!["/zone"],
            ),
            (
                json!({"slo": "a", "author": "b", "reason": "c", "kind": "exclusion", "from": "1990-11-21T10:00:00Z", "to": "2026-11-21T11:00:00Z"}),
                vec!["/from"],
            ),
        ];
        for (body, expected) in cases {
            let errors = parsed(&body).unwrap_err();
            let pointers: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
            assert_eq!(pointers, expected, "{body}: {errors:?}");
        }
    }
}
