//! What people and pipelines post. Comes in: a request with a JSON object. Goes out: its fields, read one by one, every
//! problem collected with where it is. Never stops at the first problem.

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::problem::{FieldError, Problem};

/// The largest body in bytes.
const MAX_BODY: usize = 64 << 10;

/// The longest field in bytes; longer ones would only be cut in pages and alerts.
pub(super) const MAX_TEXT: usize = 512;

/// Reads a JSON object; `what` names it in the answer where it is none.
pub(super) async fn object(request: Request, what: &str) -> Result<Map<String, Value>, Problem> {
    let (parts, body) = request.into_parts();
    if !is_json(&parts.headers) {
        let detail = format!("{what} is announced as JSON: accepted content type is application/json");
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    let too_large = |_| {
        let detail = format!("the body is larger than {MAX_BODY} bytes or was cut off");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    };
    let bytes = to_bytes(body, MAX_BODY).await.map_err(too_large)?;
    let invalid = |detail: String| Problem::new(StatusCode::BAD_REQUEST, detail);
    match serde_json::from_slice(&bytes).map_err(|error| invalid(format!("not JSON: {error}")))? {
        Value::Object(fields) => Ok(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(invalid(format!("{what} is announced as a JSON object")))
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let told = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    told.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// Reads fields and collects what is wrong with them.
pub(super) struct Fields<'a> {
    fields: &'a Map<String, Value>,
    pub(super) errors: Vec<FieldError>,
}

impl<'a> Fields<'a> {
    /// The fields of an object, of which these are accepted.
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

    /// Whether a field is there and not null.
    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.get(name).is_some_and(|value| !value.is_null())
    }

    fn missing(&mut self, name: &str, accepted: &str) {
        self.error(name, format!("`{name}` is missing: accepted is {accepted}"));
    }

    /// A text that must be there.
    pub(super) fn required(&mut self, name: &str, accepted: &str) -> Option<String> {
        if !self.has(name) {
            self.missing(name, accepted);
            return None;
        }
        self.text(name)
    }

    /// A text of sensible length without control characters; none where the field is absent or wrong.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        let told = self.fields.get(name).filter(|value| !value.is_null())?;
        match told.as_str().map(str::trim) {
            Some(text) if !text.is_empty() && text.len() <= MAX_TEXT && !text.contains(char::is_control) => {
                Some(text.to_owned())
            }
            Some(_) => {
                self.error(name, format!("accepted is a text of 1 to {MAX_TEXT} bytes on one line"));
                None
            }
            None => {
                self.error(name, format!("{told} is not a text: accepted is a text in quotes"));
                None
            }
        }
    }

    /// One of a closed set of texts that must be there.
    pub(super) fn choice<T: Copy>(&mut self, name: &str, known: &[(&str, T)], what: &str) -> Option<T> {
        let names: Vec<&str> = known.iter().map(|known| known.0).collect();
        let accepted = names.join(", ");
        let told = self.required(name, &accepted)?;
        let found = known.iter().find(|known| known.0 == told).map(|known| known.1);
        if found.is_none() {
            self.error(name, format!("`{told}` is not {what}: accepted are {accepted}"));
        }
        found
    }

    /// A whole number from 1 on that must be there.
    pub(super) fn count(&mut self, name: &str, most: u64) -> Option<u64> {
        let accepted = format!("a whole number from 1 to {most}");
        let Some(told) = self.fields.get(name).filter(|value| !value.is_null()) else {
            self.missing(name, &accepted);
            return None;
        };
        let count = told.as_u64().filter(|count| (1..=most).contains(count));
        if count.is_none() {
            self.error(name, format!("{told} is not accepted: accepted is {accepted}"));
        }
        count
    }

    /// A point in time; none where the field is absent or wrong.
    pub(super) fn time(&mut self, name: &str) -> Option<Timestamp> {
        let told = self.text(name)?;
        let time = told.parse().ok();
        if time.is_none() {
            let detail = format!("`{told}` is not a time: accepted is RFC 3339, 2026-11-21T10:15:21Z");
            self.error(name, detail);
        }
        time
    }

    /// A point in time that must be there.
    pub(super) fn required_time(&mut self, name: &str) -> Option<Timestamp> {
        if !self.has(name) {
            self.missing(name, "a time by RFC 3339, 2026-11-21T10:15:21Z");
            return None;
        }
        self.time(name)
    }
}
