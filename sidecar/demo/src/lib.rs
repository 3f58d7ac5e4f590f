//! `mapwarden demo`: the first thing that a newcomer runs. An order service in a process of its own, a load of many users, a
//! bad deploy and the notice of it, beside a sidecar. What comes in: arguments, and where the sidecar listens. What goes
//! out: a story on the terminal. Never leaves a process behind.
//!
//! `beside` is the sidecar; `service` is the order service, `backend` what it depends on, `load` its users and `ledger` what they
//! remember; `console` asks the sidecar; `story` puts them on the stage and `check` compares.

mod backend;
mod beside;
mod check;
mod console;
mod fleet;
mod ledger;
mod load;
mod process;
mod report;
mod screen;
mod service;
mod story;
mod trace;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::signal::unix::{SignalKind, signal};

pub use self::beside::base_url;
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

/// What is logged: not the notices, which are part of the story and would be told twice.
pub const LOG: &str = "warn,mapwarden_sidecar::owner=error";

/// When the story is given up, from the start of the program: it takes about 70 seconds.
const DEADLINE: Duration = Duration::from_secs(120);

/// How the story is told.
#[derive(Clone, Debug, clap::Args)]
pub struct StoryArgs {
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
}

/// A story that is ready to be told.
pub struct Demo {
    args: StoryArgs,
    screen: Screen,
    trace: Option<Trace>,
}

impl Demo {
    /// Opens the trace, if there is one.
    ///
    /// # Errors
    /// A trace that cannot be replayed.
    pub async fn open(args: StoryArgs) -> anyhow::Result<Self> {
        let screen = Screen::new();
        let trace = match args.trace.clone() {
            Some(path) => Some(tokio::task::spawn_blocking(move || Trace::open(&path)).await??),
            None => None,
        };
        Ok(Self { args, screen, trace })
    }

    /// Tells the story beside a sidecar that the caller has started, and serves until Ctrl-C unless `--once` is set.
    ///
    /// # Errors
    /// A part that does not start; with `--once` also a story that does not end well.
    pub async fn beside_started(self, admin: SocketAddr, otlp: SocketAddr) -> anyhow::Result<()> {
        self.on_stage(&Beside::at(admin, otlp)?).await
    }

    /// The same beside a sidecar that somebody else runs, found at the base URL of its pages.
    ///
    /// # Errors
    /// No sidecar answers there; and as [`Demo::beside_started`].
    pub async fn beside_running(mut self, admin: String, otlp: SocketAddr) -> anyhow::Result<()> {
        self.screen.event(&format!("looking for the sidecar at {admin}"));
        let beside = Beside::find(admin, otlp).await?;
        self.on_stage(&beside).await
    }

    async fn on_stage(mut self, beside: &Beside) -> anyhow::Result<()> {
        let Beside { console, otlp } = beside;
        let look = where_to_look(console, otlp);
        self.screen.block(&format!("Mapwarden demo\n\n{look}"));
        if let Some(trace) = &self.trace {
            self.screen.event(&format!("the trace holds {} references", trace.references()));
        }
        let backend = Backend::start().await?;
        let surroundings = Surroundings {
            otlp: otlp.clone(),
            backend: backend.url(),
            pseudonym_key: std::env::var(PSEUDONYM_KEY)
                .unwrap_or_else(|_| format!("{:032x}", fastrand::u128(..))),
        };
        self.screen.event("starting the order service, a process of this binary");
        let counted_before = story::counted(console).await?;
        let mut fleet = Fleet::start(&story::BEFORE, surroundings, Load::new(self.trace)?).await?;
        let mut story = Story::new(&mut self.screen, console, &mut fleet, counted_before);
        let played = play(&self.args, &mut story, &look).await;
        let stopped = fleet.stop().await;
        backend.stop().await;
        played.and(stopped)
    }
}

/// Tells the story, then goes on serving or ends.
async fn play(args: &StoryArgs, story: &mut Story<'_>, look: &str) -> anyhow::Result<()> {
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

fn judge(args: &StoryArgs, report: &Report) -> anyhow::Result<()> {
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
