//! `mapwarden demo`: a sidecar, started here or found running, for the story of `mapwarden-demo`. Never stops a sidecar that
//! it did not start.

mod ports;

use mapwarden_demo::{Demo, StoryArgs, base_url};

use super::run::RunArgs;
use crate::Sidecar;
use crate::config::Sink;

/// The arguments of `mapwarden demo`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DemoArgs {
    #[command(flatten)]
    story: StoryArgs,
    /// Use the sidecar that serves its pages at this base URL, e.g. http://127.0.0.1:9464, instead of starting one
    /// in this process; `--otlp-http` is the address at which it receives telemetry
    #[arg(
        long,
        value_name = "URL",
        value_parser = base_url,
        conflicts_with_all = ["config", "admin", "data_dir", "slos", "slo_period", "webhook", "alertmanager"]
    )]
    sidecar: Option<String>,
    /// The addresses, the data folder and the receivers of notices, as those of `run`.
    #[command(flatten)]
    pub(super) run: RunArgs,
}

impl DemoArgs {
    /// The log filter.
    pub(super) fn log(&self) -> &str {
        self.run.log()
    }
}

/// Plays the story, and serves until Ctrl-C unless `--once` is set.
///
/// # Errors
/// A taken port, no sidecar at the given URL, a trace that cannot be replayed, a part that did not start; with
/// `--once` also a story that did not end well.
pub(crate) async fn run(args: DemoArgs) -> anyhow::Result<()> {
    let mut config = args.run.overrides().load()?;
    let demo = Demo::open(args.story).await?;
    if let Some(admin) = args.sidecar {
        return demo.beside_running(admin, config.otlp_http).await;
    }
    ports::check(&config)?;
    // The story shows notices itself.
    config.sinks.retain(|sink| *sink != Sink::Stdout);
    let sidecar = Sidecar::start(config).await?;
    let result = demo.beside_started(sidecar.admin, sidecar.otlp_http).await;
    sidecar.stop().await;
    result
}
