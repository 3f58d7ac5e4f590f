//! The admin endpoints. What comes in: HTTP requests. What goes out: the status page, JSON, metrics, dashboards and
//! alert rules, all from the last view. Never writes state.

mod api;
mod files;
mod notices;
mod page;
mod query;
mod refusal;
mod scrape;
mod shared;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;

use crate::metric_names::HTTP_REQUESTS;
use crate::problem::ProblemDocument;
use refusal::not_found;
pub use shared::Admin;
use shared::Shared;

/// The age in seconds at which a view is stale: the owner of the state missed five evaluations. Raised, a stuck sidecar
/// stays ready longer; lowered, one slow evaluation takes it out of service.
const STALE_SECONDS: f64 = 5.0;

/// The routes that a request for an unknown one is answered with.
const ROUTES: [&str; 19] = [
    "/",
    "/livez",
    "/readyz",
    "/metrics",
    "/metrics/health",
    "/api/v1/slos",
    "/api/v1/slos/{service}/{name}",
    "/api/v1/slos/{service}/{name}/attribution",
    "/api/v1/corrections",
    "/api/v1/corrections/{id}",
    "/api/v1/corrections/{id}/withdraw",
    "/api/v1/notices",
    "/api/v1/notices/{id}",
    "/api/v1/deploys",
    "/api/v1/maps",
    "/api/v1/maps/{service}/{name}",
    "/api/v1/sources",
    "/dashboards",
    "/alerts",
];

/// Serves the admin endpoints. `posts` are the routers in `accept` that take announced changes and corrections; they
/// are merged here so that their requests are counted like all others.
pub fn router(admin: Admin, posts: Router) -> Router {
    let shared = Shared::new(admin);
    Router::new()
        .merge(without_query())
        .merge(with_query())
        .with_state(shared)
        .merge(posts)
        .fallback(no_such_route)
        .method_not_allowed_fallback(|method: Method| async move {
            ProblemDocument::new(
                StatusCode::METHOD_NOT_ALLOWED,
                format!("method {method} is not allowed here; the Allow header lists the allowed methods"),
            )
        })
        .layer(middleware::from_fn(answered))
}

/// The routes that have no query parameter.
fn without_query() -> Router<Shared> {
    Router::new()
        .route("/", get(page::status))
        .route("/live.js", get(page::script))
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/metrics", get(scrape::metrics))
        .route("/metrics/health", get(scrape::health))
        .route("/api/v1/slos", get(api::slos))
        .route("/api/v1/slos/{service}/{name}/attribution", get(api::attribution))
        .route("/api/v1/corrections", get(api::corrections))
        .route("/api/v1/corrections/{id}", get(api::correction))
        .route("/api/v1/deploys", get(api::deploys))
        .route("/api/v1/maps", get(api::maps))
        .route("/api/v1/maps/{name}", get(api::map_by_name))
        .route("/api/v1/maps/{service}/{name}", get(api::map))
        .route("/api/v1/sources", get(api::sources))
        .route("/dashboards", get(files::dashboards))
        .route("/dashboards/{file}", get(files::dashboard))
        .route("/alerts", get(files::alerts))
        .route("/alerts/runbooks/{name}", get(files::runbook))
        .route_layer(middleware::from_fn(query::accept_none))
}

/// The routes that have query parameters: their handlers name them with [`query::Parameters::values`].
fn with_query() -> Router<Shared> {
    Router::new()
        .route("/api/v1/slos/{name}", get(api::slo_by_name))
        .route("/api/v1/slos/{service}/{name}", get(api::slo))
        .route("/api/v1/notices", get(notices::list))
        .route("/api/v1/notices/{id}", get(notices::one))
        .route("/alerts/{file}", get(files::alert))
}

/// Counts each response by route and code, and forbids caches to store it: every response is valid for a second.
async fn answered(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    let code = response.status().as_str().to_owned();
    metrics::counter!(HTTP_REQUESTS.name, "route" => route.to_owned(), "code" => code).increment(1);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn no_such_route(request: Request) -> ProblemDocument {
    not_found(&format!("nothing is served at `{}`", request.uri().path()), ROUTES)
}

/// Answers 200 while the state has an owner: without it nothing is counted, and only a restart helps.
async fn live(State(shared): State<Shared>) -> Response {
    if shared.admin.view.has_changed().is_err() {
        let detail = "the owner of the state has ended";
        return ProblemDocument::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response();
    }
    (StatusCode::OK, "ok\n").into_response()
}

/// Answers 200 while the state's owner publishes: it has restored the state and evaluates it.
async fn ready(State(shared): State<Shared>) -> Response {
    if shared.admin.view.has_changed().is_err() {
        return ProblemDocument::new(StatusCode::SERVICE_UNAVAILABLE, "the sidecar is stopping")
            .into_response();
    }
    let age = Timestamp::now().duration_since(shared.view().at).as_secs_f64();
    if age > STALE_SECONDS {
        return ProblemDocument::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("the last evaluation was {age:.0} s ago"),
        )
        .into_response();
    }
    (StatusCode::OK, "ok\n").into_response()
}
