//! The Mapwarden sidecar: telemetry in, exact error budgets and fault notices out.
//!
//! The folders read in the order of the data: [`accept`] turns OTLP and probes into observations, `mapwarden_engine` turns
//! those into budgets and fault notices, `promql` queries servers for events that they count, [`store`] keeps the state,
//! [`view`] is what readers see of it, and [`output`] turns that into pages, metrics and messages. This file is the only place
//! that wires them.
//!
//! The library exists for the binary and its tests; it is not a stable API.

pub mod cli;
pub mod config;
mod http;
mod human;
pub mod metric_names;
mod problem;

pub mod accept;
pub mod input;
pub mod output;
mod promql;
pub mod store;
pub mod view;

mod owner;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::accept::otlp::{self, Receiver};
use self::accept::{changes, corrections, probe};
use self::config::{Config, Probe};
use self::input::Input;
use self::output::admin::{self, Admin};
use self::output::exposition::Exposition;
use self::output::render::Templates;
use self::owner::Owner;
use self::promql::Sources;
use self::view::View;

/// How many inputs wait for the state's owner. Raised, a longer stall of the owner is bridged at the price of
/// memory; lowered, senders receive 503 sooner.
const QUEUE: usize = 1024;

/// How many notice events wait for the delivery. Raised, more memory; lowered, a burst of notices makes the owner wait.
const EVENTS: usize = 1024;

/// How long open connections may take to end when the sidecar stops. Raised, a stop takes longer; lowered, requests under way
/// are cut off.
const DRAIN: Duration = Duration::from_secs(5);

/// A running sidecar.
#[derive(Debug)]
pub struct Sidecar {
    /// Where OTLP over HTTP is served.
    pub otlp_http: SocketAddr,
    /// Where everything else is served.
    pub admin: SocketAddr,
    /// The last view, renewed at least once a second.
    pub view: watch::Receiver<Arc<View>>,
    edge: Stage,
    core: Stage,
    outlet: Stage,
}

/// Tasks that are stopped together.
#[derive(Debug, Default)]
struct Stage {
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Stage {
    /// Asks the tasks to end and waits for them; after `limit` they are aborted.
    async fn end(mut self, limit: Duration) {
        self.stop.cancel();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(limit, ended).await.is_err() {
            tracing::warn!("tasks did not end within {} s and are aborted", limit.as_secs());
            self.tasks.shutdown().await;
        }
    }
}

impl Sidecar {
    /// Starts a sidecar: listens, opens the state, and serves until [`Sidecar::stop`].
    ///
    /// # Errors
    /// An address in use, a template that cannot be read, or a state that cannot be opened; the message
    /// names the flag.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        let otlp_listener = listen(config.otlp_http, "--otlp-http").await?;
        let admin_listener = listen(config.admin, "--admin").await?;
        let templates = Templates::load(config.templates.as_deref())?;
        let exposition = Exposition::install()?;
        let (events, transitions) = mpsc::channel(EVENTS);
        let (sources, boards) = Sources::new(&config.sources, &config.slos);
        let (owner, view) = Owner::open(&config, boards, events)?;

        let (inputs, queue) = mpsc::channel(QUEUE);
        let (mut edge, mut core, mut outlet) = (Stage::default(), Stage::default(), Stage::default());
        outlet.tasks.spawn(tidy(view.clone(), exposition.clone()));
        let (sinks, shown) = (config.sinks.clone(), templates.clone());
        outlet.tasks.spawn(output::deliver::run(
            sinks,
            transitions,
            view.clone(),
            shown,
            outlet.stop.clone(),
        ));
        core.tasks.spawn(owner.run(queue, core.stop.clone()));

        let otlp_http = otlp_listener.local_addr().context("cannot read the address of --otlp-http")?;
        let admin_address = admin_listener.local_addr().context("cannot read the address of --admin")?;
        let otlp = otlp::router(Receiver::new(&config, inputs.clone()));
        let admin = Admin { view: view.clone(), exposition, templates };
        let admin =
            admin::router(admin, changes::router(inputs.clone()).merge(corrections::router(inputs.clone())));
        edge.tasks.spawn(serve(otlp_listener, otlp, edge.stop.clone()));
        edge.tasks.spawn(serve(admin_listener, admin, edge.stop.clone()));
        edge.tasks.spawn(run_sources(sources, inputs.clone(), view.clone(), edge.stop.clone()));
        edge.tasks.spawn(run_probes(config.probes, inputs, edge.stop.clone()));
        Ok(Self { otlp_http, admin: admin_address, view, edge, core, outlet })
    }

    /// Waits until the state's owner has ended and returns why. It ends before [`Sidecar::stop`] only if something is broken, and
    /// then nothing is counted any more: the process should end, so that its supervisor restarts it. Cancel safe.
    pub async fn ended(&mut self) -> anyhow::Error {
        match self.core.tasks.join_next().await {
            Some(Err(error)) => anyhow::Error::new(error).context("the owner of the state failed"),
            Some(Ok(())) | None => {
                anyhow::anyhow!("the owner of the state ended before the sidecar was stopped")
            }
        }
    }

    /// Stops in the order of the data: no new input, then everything that was accepted is counted and committed, then delivered.
    pub async fn stop(self) {
        self.edge.end(DRAIN).await;
        self.core.end(Duration::from_secs(30)).await;
        self.outlet.end(DRAIN).await;
    }
}

async fn listen(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    let accepted = "accepted is an address of this machine with a free port, or port 0 for any";
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} ({flag}): {accepted}"))
}

async fn serve(listener: TcpListener, routes: Router, stop: CancellationToken) {
    if let Err(error) = axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned()).await {
        tracing::error!("a listener ended: {error}");
    }
}

async fn run_probes(probes: Vec<Probe>, inputs: mpsc::Sender<Input>, stop: CancellationToken) {
    if let Err(error) = probe::run(probes, inputs, stop).await {
        tracing::error!("probes do not run: {error}");
    }
}

async fn run_sources(
    sources: Sources,
    inputs: mpsc::Sender<Input>,
    view: watch::Receiver<Arc<View>>,
    stop: CancellationToken,
) {
    if let Err(error) = sources.run(inputs, view, stop).await {
        tracing::error!("sources are not queried: {error}");
    }
}

/// Tidies the metrics with each new view, until the owner of the state is gone.
async fn tidy(mut view: watch::Receiver<Arc<View>>, exposition: Exposition) {
    while view.changed().await.is_ok() {
        exposition.tidy();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn livez(sidecar: &Sidecar) -> (u16, String) {
        let client = http::client(http::Reach::Direct).unwrap();
        let answer = client.get(format!("http://{}/livez", sidecar.admin)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    #[tokio::test]
    async fn a_sidecar_without_an_owner_says_so() {
        let settings = config::Overrides {
            otlp_http: Some("127.0.0.1:0".to_owned()),
            admin: Some("127.0.0.1:0".to_owned()),
            ..config::Overrides::default()
        };
        let mut sidecar = Sidecar::start(settings.load().unwrap()).await.unwrap();
        assert_eq!(livez(&sidecar).await, (200, "ok\n".to_owned()));
        sidecar.core.tasks.abort_all();
        let error = cli::run::until(&mut sidecar, std::future::pending()).await.unwrap_err();
        assert!(format!("{error:#}").starts_with("the owner of the state failed"), "{error:#}");
        let (status, body) = livez(&sidecar).await;
        assert_eq!(status, 503);
        assert!(body.contains("the owner of the state has ended"), "{body}");
        sidecar.stop().await;
    }
}
