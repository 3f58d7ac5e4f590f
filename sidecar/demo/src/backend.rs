//! The dependencies of the order service: payments, the directory of warehouses, the session store. Real servers on
//! loopback, with the latencies and failures of real ones.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::users::User;

/// How many users have a session at the start. Raised, fewer users meet a fault twice.
pub(crate) const USERS: u64 = 5_000;

/// One payment in so many fails: half of what the objective of checkouts allows.
const PAYMENT_FAILS_ONCE_IN: u64 = 2_000;

/// How long the directory takes: it queries every warehouse.
const DIRECTORY_TAKES: Duration = Duration::from_millis(600);

/// A warehouse in the directory.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Warehouse {
    /// The region, as it was typed.
    pub(crate) region: String,
    /// The warehouse's name.
    pub(crate) name: String,
}

/// The running servers.
pub(crate) struct Backend {
    address: SocketAddr,
    stop: CancellationToken,
    server: JoinHandle<std::io::Result<()>>,
}

impl Backend {
    /// Serves on a free port.
    ///
    /// # Errors
    /// No free port on loopback.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let listener =
            TcpListener::bind("127.0.0.1:0").await.context("no free port for the demo's backend")?;
        let address = listener.local_addr().context("the demo's backend has no address")?;
        let stop = CancellationToken::new();
        let router = Router::new()
            .route("/payments", post(pay))
            .route("/warehouses", get(warehouses))
            .route("/sessions", get(sessions))
            .with_state(Arc::new(AtomicU64::new(0)));
        let server = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
        Ok(Self { address, stop, server: tokio::spawn(server.into_future()) })
    }

    /// Returns its base URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends the servers. Open connections are cut off: the service must be stopped first.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.server.await {
            tracing::warn!(%error, "the demo's backend failed");
        }
    }
}

async fn pay(State(payments): State<Arc<AtomicU64>>) -> StatusCode {
    tokio::time::sleep(Duration::from_micros(fastrand::u64(1_000..3_000))).await;
    // Relaxed: the number only decides which payment fails; nothing else is read with it.
    let number = payments.fetch_add(1, Ordering::Relaxed) + 1;
    if number.is_multiple_of(PAYMENT_FAILS_ONCE_IN) {
        StatusCode::INTERNAL_SERVER_ERROR
    } else {
        StatusCode::NO_CONTENT
    }
}

async fn warehouses() -> Json<Vec<Warehouse>> {
    tokio::time::sleep(DIRECTORY_TAKES).await;
    let typed = [("EU-West-1", "dublin-2"), ("us-east-1", "ohio-1"), ("ap-south-1", "mumbai-1")];
    Json(typed.map(|(region, name)| Warehouse { region: region.into(), name: name.into() }).into())
}

async fn sessions() -> Json<Vec<String>> {
    Json((0..USERS).map(|number| User(number).id()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_payment_in_two_thousand_fails() {
        let number = Arc::new(AtomicU64::new(0));
        let mut payments: tokio::task::JoinSet<_> = (0..4_000).map(|_| pay(State(number.clone()))).collect();
        let mut failed = 0;
        while let Some(status) = payments.join_next().await {
            failed += usize::from(status.unwrap().is_server_error());
        }
        assert_eq!(failed, 2);
    }
}
