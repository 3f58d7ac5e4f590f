//! What comes in: the query of a `GET`. What goes out: the values of the parameters that the route has, or a problem
//! document (400) that names the parameter, the value and what is accepted. Never ignores a parameter: a mistyped name
//! would otherwise answer another question than the one asked.

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;

use super::refusal::not_understood;
use crate::problem::ProblemDocument;

/// The parameters of a query, in the order of the URL.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Returns the values of the parameters with these names; none of a parameter that the query does not have.
    ///
    /// # Errors
    /// Another parameter, or one of these twice.
    pub(super) fn values<const N: usize>(
        self,
        names: [&'static str; N],
    ) -> Result<[Option<String>; N], ProblemDocument> {
        let mut values = [const { None }; N];
        for (name, value) in self.0 {
            let known = names.iter().zip(&mut values).find(|(known, _)| **known == name);
            let Some((_, slot)) = known else {
                let parameter = if value.is_empty() { name } else { format!("{name}={value}") };
                return Err(not_understood(&format!("query parameter `{parameter}` is not known"), names));
            };
            if let Some(first) = slot.replace(value) {
                let what = format!("query parameter `{name}` is given twice, first as `{first}`");
                return Err(not_understood(&what, ["one value"]));
            }
        }
        Ok(values)
    }
}

/// Returns what the value of a parameter stands for; none if the query does not have the parameter.
///
/// # Errors
/// A value that is not among the accepted ones.
pub(super) fn choice<T>(
    name: &str,
    value: Option<&str>,
    accepted: impl IntoIterator<Item = (&'static str, T)>,
) -> Result<Option<T>, ProblemDocument> {
    let Some(value) = value else { return Ok(None) };
    let mut names = Vec::new();
    for (known, meaning) in accepted {
        if known == value {
            return Ok(Some(meaning));
        }
        names.extend((!known.is_empty()).then_some(known));
    }
    Err(not_understood(&format!("query parameter `{name}`: `{value}` is not known"), names))
}

/// Refuses every query parameter: the layer of routes that have none.
pub(super) async fn accept_none(
    parameters: Parameters,
    request: Request,
    next: Next,
) -> Result<Response, ProblemDocument> {
    let [] = parameters.values([])?;
    Ok(next.run(request).await)
}

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = ProblemDocument;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ProblemDocument> {
        let pairs = Query::from_request_parts(parts, state).await;
        let refused =
            |rejection: QueryRejection| ProblemDocument::new(StatusCode::BAD_REQUEST, rejection.body_text());
        pairs.map(|Query(pairs)| Self(pairs)).map_err(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(pairs: &[(&str, &str)]) -> Parameters {
        Parameters(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn known_parameters_come_in_any_order() {
        let found = parameters(&[("state", "open"), ("format", "")]).values(["format", "state"]);
        assert_eq!(found.unwrap(), [Some(String::new()), Some("open".to_owned())]);
        assert_eq!(parameters(&[]).values(["format"]).unwrap(), [None]);
    }

    #[test]
    fn unknown_and_repeated_parameters_are_refused() {
        assert!(parameters(&[("sate", "open")]).values(["state"]).is_err());
        assert!(parameters(&[("state", "open"), ("state", "open")]).values(["state"]).is_err());
        assert!(parameters(&[("a", "")]).values([]).is_err());
    }

    #[test]
    fn a_value_is_one_of_the_accepted() {
        let accepted = [("open", 1), ("resolved", 2)];
        assert_eq!(choice("state", Some("resolved"), accepted).unwrap(), Some(2));
        assert_eq!(choice("state", None, accepted).unwrap(), None);
        assert!(choice("state", Some("Open"), accepted).is_err());
    }
}
