//! What comes in: the [`View`](crate::view::View). What goes out: the status page, complete without JavaScript and live
//! with it.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use minijinja::context;
use minijinja::value::Serde;

use super::shared::Shared;
use crate::problem::ProblemDocument;

/// What the pages may load: styles and an icon in the page, the sidecar's own script and data.
pub(super) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; \
    script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

pub(super) async fn status(State(shared): State<Shared>) -> Result<Response, ProblemDocument> {
    let view = shared.view();
    let html = shared
        .admin
        .templates
        .page("status.html", context! { view => Serde(&*view), version => env!("CARGO_PKG_VERSION") })
        .map_err(|error| {
            ProblemDocument::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the status page: {error:#}"))
        })?;
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    ];
    Ok((headers, html).into_response())
}

/// The script that fetches the page again every 2 s.
pub(super) async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("pages/live.js"))
        .into_response()
}
