//! `mapwarden run`: the sidecar from its start to a signal. Comes in: flags and environment variables. Goes out: a running
//! sidecar. Never checks a value itself.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::Sidecar;
use crate::config::Overrides;

/// Where the sidecar listens and what it uses. The values are checked together with the file's.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct RunArgs {
    /// The configuration file, YAML.
    #[arg(long, env = "MAPWARDEN_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where OTLP over HTTP is served [default: 127.0.0.1:4318]
    #[arg(long, env = "MAPWARDEN_OTLP_HTTP", value_name = "IP:PORT")]
    otlp_http: Option<String>,
    /// Where pages, metrics and the API are served [default: 127.0.0.1:9464]
    #[arg(long, env = "MAPWARDEN_ADMIN", value_name = "IP:PORT")]
    admin: Option<String>,
    /// The folder of the durable state; without it, budgets are lost when the sidecar stops.
    #[arg(long, env = "MAPWARDEN_DATA_DIR", value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// An OpenSLO or Sloth file, or a folder of them; repeatable, comma-separated in the variable.
    #[arg(long, env = "MAPWARDEN_SLOS", value_name = "PATH", value_delimiter = ',')]
    slos: Vec<PathBuf>,
    /// The period of objectives that do not declare one [default: 30d]
    #[arg(long, env = "MAPWARDEN_SLO_PERIOD", value_name = "SPAN")]
    slo_period: Option<String>,
    /// Post notices as JSON to this URL; repeatable, comma-separated in the variable.
    #[arg(long, env = "MAPWARDEN_WEBHOOK", value_name = "URL", value_delimiter = ',')]
    webhook: Vec<String>,
    /// Send notices to this Alertmanager, base URL; repeatable, comma-separated in the variable.
    #[arg(long, env = "MAPWARDEN_ALERTMANAGER", value_name = "URL", value_delimiter = ',')]
    alertmanager: Vec<String>,
    /// What is logged to standard error: error, warn, info, debug, trace, or by target.
    #[arg(long, env = "MAPWARDEN_LOG", value_name = "FILTER", default_value = "info")]
    log: String,
}

impl RunArgs {
    /// Returns the log filter.
    pub(crate) fn log(&self) -> &str {
        &self.log
    }

    /// Returns the values of the flags, with the pseudonym key from `MAPWARDEN_PSEUDONYM_KEY`.
    pub(crate) fn overrides(&self) -> Overrides {
        let Self { config, otlp_http, admin, data_dir, slos, slo_period, webhook, alertmanager, log: _ } =
            self.clone();
        Overrides {
            file: config,
            otlp_http,
            admin,
            data_dir,
            slos,
            slo_period,
            webhooks: webhook,
            alertmanagers: alertmanager,
            pseudonym_key: std::env::var("MAPWARDEN_PSEUDONYM_KEY").ok().filter(|secret| !secret.is_empty()),
        }
    }
}

/// Starts the sidecar and stops it in order at SIGTERM or Ctrl-C.
///
/// # Errors
/// A wrong configuration, an address in use, a state that cannot be opened, or an owner of the state that ended by itself.
pub(crate) async fn run(args: &RunArgs) -> anyhow::Result<()> {
    let config = args.overrides().load()?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut sidecar = Sidecar::start(config).await?;
    tracing::info!(otlp_http = %sidecar.otlp_http, admin = %sidecar.admin, "the sidecar is up");
    let signals = async {
        tokio::select! {
            _ = terminate.recv() => Ok(()),
            result = tokio::signal::ctrl_c() => result.context("cannot listen for Ctrl-C"),
        }
    };
    let ended = until(&mut sidecar, signals).await;
    tracing::info!("stopping");
    sidecar.stop().await;
    ended
}

/// Waits for a signal, or for the end of the state's owner, without which nothing is counted.
pub(crate) async fn until(
    sidecar: &mut Sidecar,
    signals: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    tokio::select! {
        result = signals => result,
        error = sidecar.ended() => {
            tracing::error!("{error:#}; the sidecar ends, so that it is restarted");
            Err(error)
        }
    }
}
