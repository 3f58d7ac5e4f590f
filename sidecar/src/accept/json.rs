//! Reads requests of operators and pipelines. Comes in: a request with a JSON object. Goes out: its fields, read one by
//! one, and every problem with its position. Never stops at the first problem, and never ignores a query parameter.

use axum::body::to_bytes;
use axum::extract::{Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode, Uri};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::problem::{FieldError, ProblemDocument};

/// The largest body in bytes.
const MAX_BODY: usize = 64 << 10;

/// The longest field in bytes; pages and alerts would truncate longer ones.
pub(super) const MAX_TEXT: usize = 512;

/// Reads a JSON object; `what` names it in the answer if the body is something else.
pub(super) async fn object(request: Request, what: &str) -> Result<Map<String, Value>, ProblemDocument> {
    let (parts, body) = request.into_parts();
    refuse_parameters(&parts.uri)?;
    if !is_json(&parts.headers) {
        let detail = format!("{what} is sent as JSON: accepted content type is application/json");
        return Err(ProblemDocument::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    let too_large = |_| {
        let detail = format!("the body is larger than {MAX_BODY} bytes or was cut off");
        ProblemDocument::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    };
    let bytes = to_bytes(body, MAX_BODY).await.map_err(too_large)?;
    let invalid = |detail: String| ProblemDocument::new(StatusCode::BAD_REQUEST, detail);
    match serde_json::from_slice(&bytes).map_err(|error| invalid(format!("not JSON: {error}")))? {
        Value::Object(fields) => Ok(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(invalid(format!("{what} is sent as a JSON object")))
        }
    }
}

/// Refuses every query parameter: these routes accept fields only in the body, and a field in the
/// query would be ignored.
fn refuse_parameters(uri: &Uri) -> Result<(), ProblemDocument> {
    let refused = |detail: String| ProblemDocument::new(StatusCode::BAD_REQUEST, detail);
    let Query(pairs): Query<Vec<(String, String)>> =
        Query::try_from_uri(uri).map_err(|error| refused(error.body_text()))?;
    pairs.first().map_or(Ok(()), |(name, value)| {
        let accepted = "accepted are none: every field belongs in the body";
        Err(refused(format!("query parameter `{name}={value}` is not known; {accepted}")))
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// Reads the fields of a body and collects their problems.
pub(super) struct BodyFields<'a> {
    fields: &'a Map<String, Value>,
    pub(super) errors: Vec<FieldError>,
}

impl<'a> BodyFields<'a> {
    /// Returns a reader of an object's fields; every field that is not among `accepted` is a problem.
    pub(super) fn new(fields: &'a Map<String, Value>, accepted: &[&str]) -> Self {
        let mut reader = Self { fields, errors: Vec::new() };
        for name in fields.keys().filter(|name| !accepted.contains(&name.as_str())) {
            reader.error(name, format!("unknown field: accepted are {}", accepted.join(", ")));
        }
        reader
    }

    pub(super) fn error(&mut self, name: &str, detail: String) {
        let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        self.errors.push(FieldError { pointer, detail });
    }

    /// Whether the field is present and not null.
    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.get(name).is_some_and(|value| !value.is_null())
    }

    fn missing(&mut self, name: &str, accepted: &str) {
        self.error(name, format!("`{name}` is missing: accepted is {accepted}"));
    }

    /// Reads a text that must be present.
    pub(super) fn required(&mut self, name: &str, accepted: &str) -> Option<String> {
        if !self.has(name) {
            self.missing(name, accepted);
            return None;
        }
        self.text(name)
    }

    /// Reads a text of 1 to [`MAX_TEXT`] bytes without control characters; none if the field is absent or wrong.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        let value = self.fields.get(name).filter(|value| !value.is_null())?;
        match value.as_str().map(str::trim) {
            Some(text) if !text.is_empty() && text.len() <= MAX_TEXT && !text.contains(char::is_control) => {
                Some(text.to_owned())
            }
            Some(_) => {
                self.error(name, format!("accepted is a text of 1 to {MAX_TEXT} bytes on one line"));
                None
            }
            None => {
                self.error(name, format!("{value} is not a text: accepted is a text in quotes"));
                None
            }
        }
    }

    /// Reads one of a closed set of texts that must be present.
    pub(super) fn choice<T: Copy>(&mut self, name: &str, known: &[(&str, T)], what: &str) -> Option<T> {
        let names: Vec<&str> = known.iter().map(|known| known.0).collect();
        let accepted = names.join(", ");
        let text = self.required(name, &accepted)?;
        let found = known.iter().find(|known| known.0 == text).map(|known| known.1);
        if found.is_none() {
            self.error(name, format!("`{text}` is not {what}: accepted are {accepted}"));
        }
        found
    }

    /// Reads a whole number from 1 to `most` that must be present.
    pub(super) fn count(&mut self, name: &str, most: u64) -> Option<u64> {
        let accepted = format!("a whole number from 1 to {most}");
        let Some(value) = self.fields.get(name).filter(|value| !value.is_null()) else {
            self.missing(name, &accepted);
            return None;
        };
        let count = value.as_u64().filter(|count| (1..=most).contains(count));
        if count.is_none() {
            self.error(name, format!("{value} is not accepted: accepted is {accepted}"));
        }
        count
    }

    /// Reads a point in time; none if the field is absent or wrong.
    pub(super) fn time(&mut self, name: &str) -> Option<Timestamp> {
        let text = self.text(name)?;
        let time = text.parse().ok();
        if time.is_none() {
            let detail = format!("`{text}` is not a time: accepted is RFC 3339, 2026-11-21T10:15:21Z");
            self.error(name, detail);
        }
        time
    }

    /// Reads a point in time that must be present.
    pub(super) fn required_time(&mut self, name: &str) -> Option<Timestamp> {
        if !self.has(name) {
            self.missing(name, "a time by RFC 3339, 2026-11-21T10:15:21Z");
            return None;
        }
        self.time(name)
    }
}
