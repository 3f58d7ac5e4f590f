//! RFC 9457 problem documents: the answer to every refused request except OTLP's. Comes in: a status and a detail that names
//! the thing and what is accepted. Goes out: an HTTP response. Never 2xx.

use axum::Json;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// The answer to a request that is refused or fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProblemDocument {
    status: StatusCode,
    detail: String,
    errors: Vec<FieldError>,
}

/// The problem of one field of a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct FieldError {
    /// The field, as a JSON pointer (RFC 6901).
    pub(crate) pointer: String,
    /// What is wrong and what is accepted.
    pub(crate) detail: String,
}

/// The members of the document, as RFC 9457 names them; `errors` is an extension.
#[derive(Serialize)]
struct ProblemMembers<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    errors: &'a [FieldError],
}

impl ProblemDocument {
    /// Returns a problem with a status of 4xx or 5xx; `detail` says what is wrong and what is accepted.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), errors: Vec::new() }
    }

    /// Adds the problems of the body's fields.
    #[must_use]
    pub(crate) fn with_errors(self, errors: Vec<FieldError>) -> Self {
        Self { errors, ..self }
    }
}

impl IntoResponse for ProblemDocument {
    /// Returns the document as `application/problem+json`; a 503 asks for a retry in a second.
    fn into_response(self) -> Response {
        let Self { status, detail, errors } = &self;
        let document = ProblemMembers {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Unknown"),
            status: status.as_u16(),
            detail,
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
