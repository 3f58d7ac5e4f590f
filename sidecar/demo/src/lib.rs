//! `mapwarden demo`: the first thing that a newcomer runs. An order service in a process of its own, a load of many
//! users, a bad deploy and its notice, beside a sidecar. What comes in: arguments, and the address of the sidecar. What
//! goes out: a story on the terminal. Never leaves a process behind.
//!
//! `service` is the order service and `backend` its dependencies; `process` runs a version of it. `load` are its users,
//! `request_log` what they sent and received, `fleet` the service under that load. `running_sidecar` finds the sidecar
//! and `console` queries it. `story` plays the deploys, and `comparison` compares the log with the sidecar's counts.

mod backend;
mod service;

mod http;
mod process;
mod trace;
mod users;

mod fleet;
mod load;
mod request_log;

mod console;
mod running_sidecar;

mod comparison;
mod report;
mod screen;
mod story;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::signal::unix::{SignalKind, signal};

pub use self::running_sidecar::base_url;
pub use self::service::{ServiceArgs, run as run_service};

use self::backend::Backend;
use self::console::Console;
use self::fleet::Fleet;
use self::load::Load;
use self::process::{PSEUDONYM_KEY, ServiceEnvironment};
use self::report::DemoReport;
use self::running_sidecar::RunningSidecar;
use self::screen::Screen;
use self::story::DemoStory;
use self::trace::WorkloadTrace;

/// The log filter: without notices, which the story already shows.
pub const LOG: &str = "warn,mapwarden_sidecar::owner=error";

/// When the story fails, from the start of the program: it takes about 70 seconds.
const DEADLINE: Duration = Duration::from_secs(120);

/// The options of the story.
#[derive(Clone, Debug, clap::Args)]
pub struct StoryArgs {
    /// Exit when the notice has resolved: with 0 if the sidecar's counts and notice agree with the load, with 1 and the
    /// reason if they differ or after 120 seconds
    #[arg(long)]
    once: bool,
    /// Replay this recorded workload as lookups of the catalogue: one reference per line,
    /// `first_block number_of_blocks ignored request_number`, plain or zstd
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Write the counts of the load, the comparison and the notice to this file, as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// A story that is ready to play.
pub struct Demo {
    args: StoryArgs,
    screen: Screen,
    trace: Option<WorkloadTrace>,
}

impl Demo {
    /// Reads the trace, if there is one.
    ///
    /// # Errors
    /// A trace that cannot be replayed.
    pub async fn open(args: StoryArgs) -> anyhow::Result<Self> {
        let screen = Screen::new();
        let trace = match args.trace.clone() {
            Some(path) => Some(tokio::task::spawn_blocking(move || WorkloadTrace::open(&path)).await??),
            None => None,
        };
        Ok(Self { args, screen, trace })
    }

    /// Plays the story beside a sidecar that the caller started, and serves until Ctrl-C unless `--once` is set.
    ///
    /// # Errors
    /// A part that does not start; with `--once` also a failed story.
    pub async fn beside_started(self, admin: SocketAddr, otlp: SocketAddr) -> anyhow::Result<()> {
        self.play_beside(&RunningSidecar::at(admin, otlp)?).await
    }

    /// Plays the story beside a sidecar that already runs, at the base URL of its pages.
    ///
    /// # Errors
    /// No sidecar answers there; and as [`Demo::beside_started`].
    pub async fn beside_running(mut self, admin: String, otlp: SocketAddr) -> anyhow::Result<()> {
        self.screen.event(&format!("looking for the sidecar at {admin}"));
        let sidecar = RunningSidecar::find(admin, otlp).await?;
        self.play_beside(&sidecar).await
    }

    async fn play_beside(mut self, sidecar: &RunningSidecar) -> anyhow::Result<()> {
        let RunningSidecar { console, otlp } = sidecar;
        let addresses = addresses(console, otlp);
        self.screen.block(&format!("Mapwarden demo\n\n{addresses}"));
        if let Some(trace) = &self.trace {
            self.screen.event(&format!("the trace holds {} references", trace.references()));
        }
        let backend = Backend::start().await?;
        let environment = ServiceEnvironment {
            otlp: otlp.clone(),
            backend: backend.url(),
            pseudonym_key: std::env::var(PSEUDONYM_KEY)
                .unwrap_or_else(|_| format!("{:032x}", fastrand::u128(..))),
        };
        self.screen.event("starting the order service, a process of this binary");
        let counted_before = story::counted(console).await?;
        let mut fleet = Fleet::start(&story::BEFORE, environment, Load::new(self.trace)?).await?;
        let mut story = DemoStory::new(&mut self.screen, console, &mut fleet, counted_before);
        let played = play(&self.args, &mut story, &addresses).await;
        let stopped = fleet.stop().await;
        backend.stop().await;
        played.and(stopped)
    }
}

/// Plays the story, then continues to serve or ends.
async fn play(args: &StoryArgs, story: &mut DemoStory<'_>, addresses: &str) -> anyhow::Result<()> {
    let left = DEADLINE.saturating_sub(story.elapsed());
    let played = tokio::select! {
        played = tokio::time::timeout(left, story.play()) => Some(played),
        signal = interrupted() => signal.map(|()| None)?,
    };
    let result = match played {
        Some(Ok(report)) => report.and_then(|report| conclude(args, &report)),
        Some(Err(_)) => Err(anyhow::anyhow!("timed out after {DEADLINE:?} while {}", story.doing)),
        None if args.once => bail!("interrupted while {}", story.doing),
        None => return Ok(()),
    };
    if args.once {
        return result;
    }
    if let Err(error) = result {
        story.say(&format!("the story failed: {error:#}"));
    }
    story.say(&format!("serving until Ctrl-C\n\n{addresses}"));
    tokio::select! {
        ended = story.serve() => ended,
        signal = interrupted() => signal,
    }
}

fn conclude(args: &StoryArgs, report: &DemoReport) -> anyhow::Result<()> {
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

fn addresses(console: &Console, otlp: &str) -> String {
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
