//! The order service of the demo, a process of its own. What comes in: HTTP requests of shoppers. What goes out: prices
//! and orders, and telemetry through the SDK. Contains nothing for the demo's sake but the fault: it is written as any
//! service on maps and scopes.

pub(crate) mod catalogue;
pub(crate) mod orders;
pub(crate) mod routing;
mod sessions;
pub(crate) mod upstream;

use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use mapwarden::{Objective, Telemetry};
use tokio::net::TcpListener;
use tokio::net::unix::pipe;
use tokio::signal::unix::{SignalKind, signal};

use self::catalogue::PriceCache;
use self::routing::{RoutingLoader, RoutingTable};
use self::sessions::Sessions;
use self::upstream::Upstream;

/// The service's name in its telemetry.
pub(crate) const NAME: &str = "order-service";

/// Start of the first line on standard output; the address follows.
pub(crate) const LISTENING: &str = "listening ";

/// The arguments of the order service.
#[derive(Clone, Debug, clap::Args)]
pub struct ServiceArgs {
    /// The version that its telemetry carries.
    #[arg(long = "service-version")]
    version: String,
    /// The commit that its telemetry carries.
    #[arg(long)]
    revision: String,
    /// Where the sidecar receives OTLP over HTTP.
    #[arg(long)]
    otlp: String,
    /// Where payments, the directory of warehouses and the session store are.
    #[arg(long)]
    backend: String,
    /// How the routing table is loaded.
    #[arg(long, value_enum, default_value = "normalised")]
    routing: RoutingLoader,
}

/// Serves until standard input is closed or SIGTERM comes, answers open requests, and flushes its telemetry.
///
/// # Errors
/// A backend that does not answer, or no free port.
pub async fn run(args: ServiceArgs) -> anyhow::Result<()> {
    let telemetry = install(&args)?;
    let upstream = Upstream::new(args.backend)?;
    let users: Vec<String> = upstream.get("sessions").await?;
    let shop = Arc::new(orders::Shop {
        sessions: Sessions::restored(users)?,
        catalogue: PriceCache::new(),
        routing: RoutingTable::load(args.routing, upstream.clone()).await?,
        upstream,
        shows_related: false.into(),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.context("no free port for the order service")?;
    let address = listener.local_addr().context("the order service has no address")?;
    let stop = stop_signal()?;
    let repricing = tokio::spawn(reprice(shop.clone()));
    writeln!(std::io::stdout(), "{LISTENING}{address}")
        .context("the order service's address cannot be written")?;
    let served = axum::serve(listener, orders::router(shop)).with_graceful_shutdown(stop).await;
    repricing.abort();
    // A sidecar that is gone does not fail the service.
    if let Err(error) = telemetry.flush() {
        tracing::warn!(%error, "the last telemetry was not delivered");
    }
    drop(telemetry);
    served.context("the order service failed")
}

fn install(args: &ServiceArgs) -> anyhow::Result<Telemetry> {
    let telemetry = Telemetry::builder()
        .service(NAME)
        .version(&args.version)
        .revision(&args.revision)
        .environment("demo")
        .team("checkout")
        .endpoint(&args.otlp)
        .scope_objective("checkout", Objective::availability(0.999)?)
        .scope_objective("checkout", Objective::latency(Duration::from_millis(250), 0.99)?)
        .install()?;
    Ok(telemetry)
}

/// Ends when the service should stop: on SIGTERM, or when the parent process closed its standard input or is gone.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminated = signal(SignalKind::terminate()).context("SIGTERM cannot be awaited")?;
    let input = std::io::stdin().as_fd().try_clone_to_owned().context("standard input is closed")?;
    let input = pipe::Receiver::from_owned_fd(input).context("standard input is not the pipe of a parent")?;
    Ok(async move {
        tokio::select! {
            _ = terminated.recv() => {}
            () = closed(input) => {}
        }
    })
}

async fn closed(input: pipe::Receiver) {
    let mut ignored = [0; 64];
    while input.readable().await.is_ok() {
        match input.try_read(&mut ignored) {
            Ok(0) => return,
            Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => return,
            Ok(_) | Err(_) => {}
        }
    }
}

/// Changes a price now and then, as the back office does.
async fn reprice(shop: Arc<orders::Shop>) {
    let mut moments = tokio::time::interval(Duration::from_millis(500));
    loop {
        moments.tick().await;
        shop.catalogue.reprice(fastrand::u64(0..100));
    }
}
