//! The order service of the demo, a process of its own. What comes in: HTTP requests of shoppers. What goes out:
//! prices and orders, and telemetry through the SDK. Never knows that it is watched: it is written as any
//! service would be, on maps and scopes.

pub(crate) mod catalogue;
pub(crate) mod orders;
pub(crate) mod routing;
mod sessions;

use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use mapwarden::{Objective, Telemetry};
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tokio::net::unix::pipe;
use tokio::signal::unix::{SignalKind, signal};

use self::catalogue::Catalogue;
use self::routing::{Loader, Routing};
use self::sessions::Sessions;

/// The service's name, as its telemetry says it.
pub(crate) const NAME: &str = "order-service";

/// What the first line on standard output begins with; the address follows.
pub(crate) const LISTENING: &str = "listening ";

/// When a call to a dependency is given up.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// What the order service is told when it starts.
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
    routing: Loader,
}

/// Serves until standard input is closed or SIGTERM comes, answers what is still running, and flushes.
///
/// # Errors
/// A backend that does not answer, or no free port.
pub async fn run(args: ServiceArgs) -> anyhow::Result<()> {
    let telemetry = install(&args)?;
    let upstream = Upstream::new(args.backend)?;
    let users: Vec<String> = upstream.get("sessions").await?;
    let shop = Arc::new(orders::Shop {
        sessions: Sessions::restored(users)?,
        catalogue: Catalogue::new(),
        routing: Routing::load(args.routing, upstream.clone()).await?,
        upstream,
        shows_related: false.into(),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.context("no free port for the order service")?;
    let address = listener.local_addr().context("the order service has no address")?;
    let stop = stop_signal()?;
    let repricing = tokio::spawn(reprice(shop.clone()));
    writeln!(std::io::stdout(), "{LISTENING}{address}")
        .context("nobody reads the order service's address")?;
    let served = axum::serve(listener, orders::router(shop)).with_graceful_shutdown(stop).await;
    repricing.abort();
    // A sidecar that is gone is no failure of the service.
    if let Err(error) = telemetry.flush() {
        tracing::warn!(%error, "the last telemetry was not taken");
    }
    drop(telemetry);
    served.context("the order service ended badly")
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

/// Ends when the service is told to stop: by SIGTERM, or because whoever started it closed its standard input or
/// is gone.
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

/// Changes a price now and then, as somebody in the back office does.
async fn reprice(shop: Arc<orders::Shop>) {
    let mut moments = tokio::time::interval(Duration::from_millis(500));
    loop {
        moments.tick().await;
        shop.catalogue.reprice(fastrand::u64(0..100));
    }
}

/// The service's dependencies.
#[derive(Clone)]
pub(crate) struct Upstream {
    base: String,
    client: reqwest::Client,
}

impl Upstream {
    /// Knows where they are; asks nothing yet.
    ///
    /// # Errors
    /// An HTTP client that cannot be set up.
    pub(crate) fn new(base: String) -> anyhow::Result<Self> {
        Ok(Self { base, client: super::http_client(CALL_TIMEOUT)? })
    }

    /// Asks for something.
    ///
    /// # Errors
    /// No answer in time, a failure, or an answer that is not what was asked for.
    pub(crate) async fn get<T: DeserializeOwned>(&self, what: &str) -> anyhow::Result<T> {
        let answer = self.client.get(format!("{}/{what}", self.base)).send().await?.error_for_status()?;
        Ok(answer.json().await?)
    }

    /// Takes a payment.
    ///
    /// # Errors
    /// No answer in time, or a refusal.
    pub(crate) async fn pay(&self, cents: u64) -> anyhow::Result<()> {
        let request = self.client.post(format!("{}/payments", self.base)).json(&cents);
        request.send().await?.error_for_status()?;
        Ok(())
    }
}
