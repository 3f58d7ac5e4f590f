//! What comes in: what a request names and what there is. What goes out: an RFC 9457 problem document that names the
//! thing and what is accepted.

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::ProblemDocument;

/// How many accepted names a problem document lists; the others are counted.
const LISTED: usize = 20;

/// Nothing has this name; `known` are the names that exist.
pub(super) fn not_found<T: AsRef<str>>(what: &str, known: impl IntoIterator<Item = T>) -> ProblemDocument {
    ProblemDocument::new(StatusCode::NOT_FOUND, format!("{what}; there are {}", list(known)))
}

/// The request has a parameter or value that the route does not know; `accepted` are those that it knows.
pub(super) fn not_understood<T: AsRef<str>>(
    what: &str,
    accepted: impl IntoIterator<Item = T>,
) -> ProblemDocument {
    ProblemDocument::new(StatusCode::BAD_REQUEST, format!("{what}; accepted are {}", list(accepted)))
}

/// Several things have this name; `known` are their full names.
pub(super) fn ambiguous<T: AsRef<str>>(what: &str, known: impl IntoIterator<Item = T>) -> ProblemDocument {
    ProblemDocument::new(StatusCode::CONFLICT, format!("{what}; ask for one of {}", list(known)))
}

/// `a, b and 3 more`, or `none`.
fn list<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    let names: Vec<T> = names.into_iter().collect();
    let listed: Vec<&str> = names.iter().take(LISTED).map(AsRef::as_ref).collect();
    match names.len() {
        0 => "none".to_owned(),
        all if all > LISTED => format!("{} and {} more", listed.join(", "), all - LISTED),
        _ => listed.join(", "),
    }
}

/// The names in a path.
pub(super) struct PathNames<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for PathNames<T> {
    type Rejection = ProblemDocument;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ProblemDocument> {
        let names = Path::from_request_parts(parts, state).await;
        let refused =
            |rejection: PathRejection| ProblemDocument::new(StatusCode::BAD_REQUEST, rejection.body_text());
        names.map(|Path(names)| Self(names)).map_err(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_cut_and_counted() {
        let names: Vec<String> = (0..23).map(|n| format!("n{n}")).collect();
        assert!(list(&names).ends_with("n19 and 3 more"));
        assert_eq!(list(["a", "b"]), "a, b");
        assert_eq!(list::<&str>([]), "none");
    }
}
