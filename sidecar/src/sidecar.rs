//! A stand-in for the wiring that `lib.rs` will hold: accepts telemetry and announced changes, nothing more.

use std::net::SocketAddr;

use anyhow::Context as _;
use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::accept::otlp::Receiver;
use crate::accept::{Input, deploys, otlp, probe};
use crate::config::Config;

/// The running sidecar.
#[derive(Debug)]
pub struct Sidecar {
    /// Where OTLP is served.
    pub otlp_http: SocketAddr,
    /// Where everything else is served.
    pub admin: SocketAddr,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Sidecar {
    /// Starts all tasks.
    ///
    /// # Errors
    /// An address that cannot be listened on.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        let (tx, mut rx) = mpsc::channel(1024);
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let otlp = otlp::router(Receiver::new(&config, tx.clone()));
        let otlp_http = serve(&mut tasks, config.otlp_http, otlp, &stop).await?;
        let admin = serve(&mut tasks, config.admin, deploys::router(tx.clone()), &stop).await?;
        let stopped = stop.clone();
        tasks.spawn(async move {
            if let Err(error) = probe::run(config.probes, tx, stopped).await {
                tracing::error!(%error, "probes do not run");
            }
        });
        tasks.spawn(async move {
            while let Some(input) = rx.recv().await {
                if let Input::Change(_, confirm) = input {
                    // Whoever announced it may have gone.
                    let _ = confirm.send(());
                }
            }
        });
        Ok(Self { otlp_http, admin, stop, tasks })
    }

    /// Stops all tasks and waits for them.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.join_all().await;
    }
}

async fn serve(
    tasks: &mut JoinSet<()>,
    address: SocketAddr,
    routes: Router,
    stop: &CancellationToken,
) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    let real = listener.local_addr().context("cannot read the listener's address")?;
    let stop = stop.clone().cancelled_owned();
    tasks.spawn(async move {
        if let Err(error) = axum::serve(listener, routes).with_graceful_shutdown(stop).await {
            tracing::error!(%error, "a listener ended");
        }
    });
    Ok(real)
}
