//! An asynchronous read-through cache: a thousand requests for a cold key, and one call to the backend.
//!
//! ```text
//! cargo run -p mapwarden --features single-flight --example single_flight
//! ```
//!
//! Beside a sidecar (`mapwarden run`) the cache and the dependency show up on its status page.

use std::sync::Arc;
use std::time::Duration;

use mapwarden::{HashMap, Objective, Scope, SingleFlight, Telemetry};
use tokio::task::JoinSet;

#[derive(Debug, thiserror::Error)]
#[error("the price of `{0}` is not to be had")]
struct NoPrice(String);

/// The backend of the cache: slow, with occasional failures.
async fn fetch(product: &str) -> Result<u64, NoPrice> {
    let call = Scope::dependency("price-service");
    tokio::time::sleep(Duration::from_millis(50)).await;
    if product == "unobtainium" {
        call.fail("not_found");
        return Err(NoPrice(product.to_owned()));
    }
    call.ok();
    Ok(product.len().try_into().unwrap_or(u64::MAX))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let telemetry = Telemetry::builder()
        .service("prices")
        .version("v1.0.0")
        .environment("example")
        .team("pricing")
        .scope_objective("price", Objective::availability(0.99)?)
        .install()?;

    // Product names identify no person, so that a hot one may leave the process in clear.
    let map = HashMap::builder()
        .name("prices")
        .max_entries(10_000)
        .objective(Objective::hit_ratio(0.9)?)
        .display_key(String::clone)
        .build();
    let prices: Arc<SingleFlight<String, u64, NoPrice>> = Arc::new(SingleFlight::new(map));

    let mut requests = JoinSet::new();
    for number in 0..3_000 {
        let prices = Arc::clone(&prices);
        let product = ["tea", "coffee", "unobtainium"].into_iter().cycle().nth(number).unwrap_or("tea");
        requests.spawn(async move {
            let scope = Scope::request("price").region("eu-west-1").start();
            let price = scope.run(prices.get_or_load(product.to_owned(), || fetch(product))).await;
            match &price {
                Ok(_) => scope.ok(),
                Err(_) => scope.fail("no_price"),
            }
            price.is_ok()
        });
    }
    let mut answered = 0;
    while let Some(is_ok) = requests.join_next().await {
        answered += usize::from(is_ok?);
    }
    println!("{answered} of 3000 requests got a price; the cache holds {} products", prices.map().len());

    if let Err(error) = telemetry.flush() {
        println!("no sidecar took the telemetry: {error}");
    }
    Ok(())
}
