//! What comes in: questions over HTTP. What goes out: the status page, JSON, metrics, dashboards and alert
//! rules, all from the last [`View`]. Never writes state.

mod api;
mod files;
mod notices;
mod page;
mod query;
mod refusal;
mod scrape;

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;
use mapwarden_contract::names::exposition::HTTP_REQUESTS;
use tokio::sync::watch;

use super::exposition::Exposition;
use super::render::Templates;
use crate::problem::Problem;
use crate::view::View;
use refusal::not_found;
use scrape::Scrapes;

/// A view that is older than this means that the state's owner is stuck: five missed evaluations.
const STALE_SECONDS: f64 = 5.0;

/// What the admin endpoints answer from.
#[derive(Clone, Debug)]
pub struct Admin {
    /// The last view.
    pub view: watch::Receiver<Arc<View>>,
    /// What `/metrics` serves.
    pub exposition: Exposition,
    /// How notices are rendered.
    pub templates: Templates,
}

/// What every handler sees.
#[derive(Clone, Debug)]
struct Shared {
    admin: Admin,
    scrapes: Arc<Scrapes>,
}

impl Shared {
    /// The last view; cheap.
    fn view(&self) -> Arc<View> {
        self.admin.view.borrow().clone()
    }
}

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

/// Serves the admin endpoints. `posts` are the routers in `accept` that take announced changes and corrections; they are
/// merged here so that their requests are counted like all others.
pub fn router(admin: Admin, posts: Router) -> Router {
    let shared = Shared { admin, scrapes: Arc::default() };
    Router::new()
        .merge(without_query())
        .merge(with_query())
        .with_state(shared)
        .merge(posts)
        .fallback(no_such_route)
        .method_not_allowed_fallback(|method: Method| async move {
            Problem::new(
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

/// Counts each answer by its route and code, and forbids storing it: everything here is of this second.
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

async fn no_such_route(request: Request) -> Problem {
    not_found(&format!("nothing is served at `{}`", request.uri().path()), ROUTES)
}

/// Alive while the state has an owner: without it nothing is counted, and only a restart helps.
async fn live(State(shared): State<Shared>) -> Response {
    if shared.admin.view.has_changed().is_err() {
        let detail = "the owner of the state has ended";
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response();
    }
    (StatusCode::OK, "ok\n").into_response()
}

/// Ready while the state's owner publishes: it restored what it had and evaluates.
async fn ready(State(shared): State<Shared>) -> Response {
    if shared.admin.view.has_changed().is_err() {
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the sidecar is stopping").into_response();
    }
    let age = Timestamp::now().duration_since(shared.view().at).as_secs_f64();
    if age > STALE_SECONDS {
        return Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("the last evaluation was {age:.0} s ago"),
        )
        .into_response();
    }
    (StatusCode::OK, "ok\n").into_response()
}
