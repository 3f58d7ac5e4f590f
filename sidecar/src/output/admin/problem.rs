//! What comes in: what was wrong with a request. What goes out: an RFC 9457 problem document that names the
//! thing and what is accepted.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An answer that is not the one hoped for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
    accepted: Vec<String>,
}

/// The document, as RFC 9457 names its members; `accepted` is an extension.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    accepted: &'a [String],
}

impl Problem {
    /// Nothing has this name; `accepted` tells the names that there are.
    pub(crate) fn not_found<T: Into<String>>(
        detail: impl Into<String>,
        accepted: impl IntoIterator<Item = T>,
    ) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail, accepted)
    }

    /// The request says something that is not understood; `accepted` tells what would be.
    pub(crate) fn bad_request<T: Into<String>>(
        detail: impl Into<String>,
        accepted: impl IntoIterator<Item = T>,
    ) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail, accepted)
    }

    /// A name that several things have; `accepted` tells the full names.
    pub(crate) fn ambiguous(detail: impl Into<String>, accepted: Vec<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail, accepted)
    }

    /// The resource is there, but not with this method.
    pub(crate) fn method_not_allowed(method: &str) -> Self {
        let detail = format!("method {method} is not allowed here, the Allow header tells which are");
        Self::new::<String>(StatusCode::METHOD_NOT_ALLOWED, detail, [])
    }

    /// Not now; asking again may help.
    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new::<String>(StatusCode::SERVICE_UNAVAILABLE, detail, [])
    }

    /// Our own fault.
    pub(crate) fn internal(detail: impl Into<String>) -> Self {
        Self::new::<String>(StatusCode::INTERNAL_SERVER_ERROR, detail, [])
    }

    fn new<T: Into<String>>(
        status: StatusCode,
        detail: impl Into<String>,
        accepted: impl IntoIterator<Item = T>,
    ) -> Self {
        let accepted = accepted.into_iter().map(Into::into).collect();
        Self { status, detail: detail.into(), accepted }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = Document {
            kind: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Unknown"),
            status: self.status.as_u16(),
            detail: &self.detail,
            accepted: &self.accepted,
        };
        let mut response = (self.status, Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::bad_request::<String>(rejection.body_text(), [])
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request::<String>(rejection.body_text(), [])
    }
}

/// The names in a path.
pub(super) struct Named<T>(pub(super) T);

/// What the query asks for.
pub(super) struct Asked<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(names) = Path::from_request_parts(parts, state).await?;
        Ok(Self(names))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(asked) = Query::from_request_parts(parts, state).await?;
        Ok(Self(asked))
    }
}
