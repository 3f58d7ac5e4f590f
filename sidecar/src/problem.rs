//! RFC 9457 problem documents: how every refused request but OTLP's is answered. Each names the thing and what
//! is accepted.

use axum::Json;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// An answer that is not the one hoped for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProblemDocument {
    status: StatusCode,
    detail: String,
    accepted: Vec<String>,
    errors: Vec<FieldError>,
}

/// What was wrong with one field of a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Where, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What was wrong and what is accepted.
    pub detail: String,
}

/// The document, as RFC 9457 names its members; `accepted` and `errors` are extensions.
#[derive(Serialize)]
struct ProblemMembers<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    accepted: &'a [String],
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    errors: &'a [FieldError],
}

impl ProblemDocument {
    /// A problem with a status of 4xx or 5xx; `detail` says what was wrong this time and what is accepted.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), accepted: Vec::new(), errors: Vec::new() }
    }

    /// Adds the values that would have been accepted.
    #[must_use]
    pub fn with_accepted<T: Into<String>>(self, accepted: impl IntoIterator<Item = T>) -> Self {
        Self { accepted: accepted.into_iter().map(Into::into).collect(), ..self }
    }

    /// Adds what was wrong with the fields of the body.
    #[must_use]
    pub fn with_errors(self, errors: Vec<FieldError>) -> Self {
        Self { errors, ..self }
    }
}

impl IntoResponse for ProblemDocument {
    /// The document as `application/problem+json`; a 503 asks to come again in a second.
    fn into_response(self) -> Response {
        let Self { status, detail, accepted, errors } = &self;
        let document = ProblemMembers {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Unknown"),
            status: status.as_u16(),
            detail,
            accepted,
            errors,
        };
        let mut response = (*status, Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if *status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
