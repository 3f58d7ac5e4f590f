//! What comes in: requests of shoppers. What goes out: prices, and orders or the reason why there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use mapwarden::{Scope, ScopeLayer};
use serde::{Deserialize, Serialize};

use super::catalogue::{CatalogueLookups, PriceCache};
use super::routing::RoutingTable;
use super::sessions::Sessions;
use super::upstream::Upstream;

/// The largest body: a batch of 200 keys takes 2 kB.
const LARGEST_BODY: usize = 64 * 1024;

/// Everything that the service holds.
pub(super) struct Shop {
    pub(super) sessions: Sessions,
    pub(super) catalogue: PriceCache,
    pub(super) routing: RoutingTable,
    pub(super) upstream: Upstream,
    /// A feature flag: a visit to an item also looks up a related item.
    pub(super) shows_related: AtomicBool,
}

/// The response to browsing. It also reports the lookups of the catalogue, for the comparison at the demo's end.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct BrowseResponse {
    /// The price of everything that was looked at, in cents.
    pub(crate) cents: u64,
    /// The lookups of the catalogue.
    pub(crate) lookups: CatalogueLookups,
}

/// An accepted order.
#[derive(Debug, Serialize)]
struct Order {
    cents: u64,
    warehouse: String,
}

/// Why an order was refused.
#[derive(Clone, Copy)]
enum OrderRefusal {
    /// No warehouse serves the region.
    Routing,
    /// The payment failed.
    Payment,
}

impl OrderRefusal {
    /// The error type of the request's scope.
    const fn kind(self) -> &'static str {
        match self {
            Self::Routing => "routing_miss",
            Self::Payment => "payment_failed",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::Routing => StatusCode::SERVICE_UNAVAILABLE,
            Self::Payment => StatusCode::BAD_GATEWAY,
        }
    }
}

/// The service's endpoints. Browsing is observed by the layer; checkout by its own scope, which has a more precise
/// error type than the status.
pub(super) fn router(shop: Arc<Shop>) -> Router {
    let layer = ScopeLayer::request("browse").user_header("x-user").region_header("x-region");
    Router::new()
        .route("/browse/{item}", get(browse))
        .route("/replay", post(replay))
        .route_layer(layer)
        .route("/checkout", post(checkout))
        .route("/flags/related", put(set_related))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(shop)
}

async fn browse(
    State(shop): State<Arc<Shop>>,
    Path(item): Path<u64>,
    headers: HeaderMap,
) -> Json<BrowseResponse> {
    let mut lookups = CatalogueLookups::default();
    let mut cents = shop.catalogue.price(item, &mut lookups).0;
    // Relaxed: nothing else is read with the flag.
    if shop.shows_related.load(Ordering::Relaxed) {
        cents += shop.catalogue.price(item ^ 1, &mut lookups).0;
    }
    shop.sessions.visit(header(&headers, "x-user"), cents);
    Json(BrowseResponse { cents, lookups })
}

async fn replay(
    State(shop): State<Arc<Shop>>,
    headers: HeaderMap,
    items: Json<Vec<u64>>,
) -> Json<BrowseResponse> {
    let mut lookups = CatalogueLookups::default();
    let cents = items.iter().map(|item| shop.catalogue.price(*item, &mut lookups).0).sum();
    shop.sessions.visit(header(&headers, "x-user"), cents);
    Json(BrowseResponse { cents, lookups })
}

async fn checkout(State(shop): State<Arc<Shop>>, headers: HeaderMap) -> Response {
    let (user, region) = (header(&headers, "x-user"), header(&headers, "x-region"));
    let scope = Scope::request("checkout").user(user).region(region).start();
    match scope.run(order(&shop, user, region)).await {
        Ok(order) => {
            scope.ok();
            Json(order).into_response()
        }
        Err(refusal) => {
            scope.fail(refusal.kind());
            (refusal.status(), refusal.kind()).into_response()
        }
    }
}

async fn order(shop: &Shop, user: &str, region: &str) -> Result<Order, OrderRefusal> {
    let warehouse = shop.routing.warehouse(region).await.ok().flatten().ok_or(OrderRefusal::Routing)?;
    let cents = shop.sessions.take_cart(user);
    let call = Scope::dependency("payments");
    match shop.upstream.pay(cents).await {
        Ok(()) => call.ok(),
        Err(_) => {
            call.fail("refused");
            return Err(OrderRefusal::Payment);
        }
    }
    Ok(Order { cents, warehouse })
}

async fn set_related(State(shop): State<Arc<Shop>>, Json(on): Json<bool>) -> StatusCode {
    // Relaxed: nothing else is read with the flag.
    shop.shows_related.store(on, Ordering::Relaxed);
    StatusCode::NO_CONTENT
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
