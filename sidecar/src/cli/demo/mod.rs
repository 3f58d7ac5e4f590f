//! `mapwarden demo`: the first thing that a newcomer runs. A sidecar, an order service in a process of its own, a
//! load of many users, a bad deploy and the notice of it. What comes in: arguments. What goes out: a story on the
//! terminal. Never leaves a process behind.
//!
//! `beside` is the sidecar, started here or found running; `service` is the order service, `backend` what it depends on, `load` its users and `ledger` what they
//! remember; `console` asks the sidecar; `story` puts them on the stage and `check` compares.

mod backend;
mod beside;
mod check;
mod console;
mod fleet;
mod ledger;
mod load;
mod ports;
mod process;
mod report;
mod screen;
mod service;
mod story;
mod trace;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::signal::unix::{SignalKind, signal};

pub use self::service::{ServiceArgs, run as run_service};

use self::backend::Backend;
use self::beside::Beside;
use self::console::Console;
use self::fleet::Fleet;
use self::load::Load;
use self::process::{PSEUDONYM_KEY, Surroundings};
use self::report::Report;
use self::screen::Screen;
use self::story::Story;
use self::trace::Trace;
use super::run::RunArgs;

/// What is logged: not the notices, which are part of the story and would be told twice.
pub(super) const LOG: &str = "warn,mapwarden_sidecar::owner=error";

/// When the story is given up, from the start of the program: it takes about 70 seconds.
const DEADLINE: Duration = Duration::from_secs(120);

/// What `mapwarden demo` is told.
#[derive(Clone, Debug, clap::Args)]
pub struct DemoArgs {
    /// End after the notice resolved: with 0 if the sidecar's counts and its notice agree with what was done,
    /// with 1 and the reason if they do not, or after 120 seconds
    #[arg(long)]
    once: bool,
    /// Replay this recorded workload as lookups of the catalogue: one reference a line,
    /// `first_block number_of_blocks ignored request_number`, plain or zstd
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Write what was sent, what was counted and the notice to this file, as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Use the sidecar that serves its pages at this base URL, e.g. http://127.0.0.1:9464, instead of starting one
    /// in this process; `--otlp-http` says where it takes telemetry, and what else it does is its own matter
    #[arg(
        long,
        value_name = "URL",
        value_parser = beside::base_url,
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

/// Tells the story, and serves until Ctrl-C unless `--once` is set.
///
/// # Errors
/// A taken port, no sidecar where one is said to run, a trace that cannot be replayed, a part that did not start; with `--once` also a story that did
/// not end well.
pub async fn run(args: DemoArgs) -> anyhow::Result<()> {
    let mut screen = Screen::new();
    let config = args.run.settings().load()?;
    let trace = match args.trace.clone() {
        Some(path) => Some(open(path).await?),
        None => None,
    };
    let beside = match args.sidecar.clone() {
        Some(admin) => {
            screen.event(&format!("looking for the sidecar at {admin}"));
            Beside::find(admin, config.otlp_http).await?
        }
        None => Beside::start(config).await?,
    };
    let result = on_stage(&args, &beside, trace, &mut screen).await;
    beside.stop().await;
    result
}

async fn open(path: PathBuf) -> anyhow::Result<Trace> {
    Ok(tokio::task::spawn_blocking(move || Trace::open(&path)).await??)
}

async fn on_stage(
    args: &DemoArgs,
    beside: &Beside,
    trace: Option<Trace>,
    screen: &mut Screen,
) -> anyhow::Result<()> {
    let Beside { console, otlp, .. } = beside;
    let look = where_to_look(console, otlp);
    screen.block(&format!("Mapwarden demo\n\n{look}"));
    if let Some(trace) = &trace {
        screen.event(&format!("the trace holds {} references", trace.references()));
    }
    let backend = Backend::start().await?;
    let surroundings = Surroundings {
        otlp: otlp.clone(),
        backend: backend.url(),
        pseudonym_key: std::env::var(PSEUDONYM_KEY)
            .unwrap_or_else(|_| format!("{:032x}", fastrand::u128(..))),
    };
    screen.event("starting the order service, a process of this binary");
    let counted_before = story::counted(console).await?;
    let mut fleet = Fleet::start(&story::BEFORE, surroundings, Load::new(trace)?).await?;
    let mut story = Story::new(screen, console, &mut fleet, counted_before);
    let played = play(args, &mut story, &look).await;
    let stopped = fleet.stop().await;
    backend.stop().await;
    played.and(stopped)
}

/// Tells the story, then goes on serving or ends.
async fn play(args: &DemoArgs, story: &mut Story<'_>, look: &str) -> anyhow::Result<()> {
    let left = DEADLINE.saturating_sub(story.elapsed());
    let told = tokio::select! {
        told = tokio::time::timeout(left, story.tell()) => Some(told),
        signal = interrupted() => signal.map(|()| None)?,
    };
    let result = match told {
        Some(Ok(report)) => report.and_then(|report| judge(args, &report)),
        Some(Err(_)) => Err(anyhow::anyhow!("given up after {DEADLINE:?} while {}", story.doing)),
        None if args.once => bail!("interrupted while {}", story.doing),
        None => return Ok(()),
    };
    if args.once {
        return result;
    }
    if let Err(error) = result {
        story.say(&format!("the story did not end well: {error:#}"));
    }
    story.say(&format!("serving on until Ctrl-C\n\n{look}"));
    tokio::select! {
        ended = story.serve() => ended,
        signal = interrupted() => signal,
    }
}

fn judge(args: &DemoArgs, report: &Report) -> anyhow::Result<()> {
    if let Some(file) = &args.report {
        report.write(file)?;
    }
    report.verdict()
}

async fn interrupted() -> anyhow::Result<()> {
    let mut terminated = signal(SignalKind::terminate()).context("SIGTERM cannot be awaited")?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed.context("Ctrl-C cannot be awaited"),
        _ = terminated.recv() => Ok(()),
    }
}

fn where_to_look(console: &Console, otlp: &str) -> String {
    let url = console.url();
    format!(
        "  status page  {url}/\n\
         \x20 notices      {url}/api/v1/notices\n\
         \x20 objectives   {url}/api/v1/slos\n\
         \x20 metrics      {url}/metrics\n\
         \x20 dashboards   {url}/dashboards   (Grafana)\n\
         \x20 alert rules  {url}/alerts       (Prometheus)\n\
         \x20 telemetry    {otlp}  (OTLP over HTTP)\n"
    )
}

/// An HTTP client for loopback that gives up after a while.
fn http_client(patience: Duration) -> anyhow::Result<reqwest::Client> {
    // An error says that the process has a provider already, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder().timeout(patience).no_proxy().build().context("no HTTP client")
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}
