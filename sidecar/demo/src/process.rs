//! What comes in: a version to run. What goes out: the order service in a process of its own, which ends with
//! this one at the latest.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::service::LISTENING;

/// How long a start may take: the service restores sessions and loads its routing table.
const START_TIME: Duration = Duration::from_secs(20);

/// How long an end may take: the last answers and the last telemetry.
const STOP_TIME: Duration = Duration::from_secs(20);

/// The environment variable that gives every process of the service one key for its users' pseudonyms, so that
/// one user is one user whatever version answered.
pub(crate) const PSEUDONYM_KEY: &str = "MAPWARDEN_PSEUDONYM_KEY";

/// What a process of the service is started with.
#[derive(Clone, Debug)]
pub(crate) struct Release {
    /// The version.
    pub(crate) version: &'static str,
    /// The commit.
    pub(crate) sha: &'static str,
    /// The argument `--routing`.
    pub(crate) routing: &'static str,
}

/// Where a process of the service finds what it needs.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    /// The sidecar's OTLP endpoint.
    pub(crate) otlp: String,
    /// The backend.
    pub(crate) backend: String,
    /// The secret under which users are pseudonymised.
    pub(crate) pseudonym_key: String,
}

/// A running process of the service.
pub(crate) struct Process {
    child: Child,
    /// Where it serves.
    pub(crate) url: String,
    version: &'static str,
}

impl Process {
    /// Starts it, and returns once it serves.
    ///
    /// # Errors
    /// A process that cannot be started, ends at once, or does not serve in time.
    pub(crate) async fn start(release: &Release, surroundings: &Surroundings) -> anyhow::Result<Self> {
        let version = release.version;
        let program = std::env::current_exe().context("this program does not know where it is")?;
        let mut child = Command::new(program)
            .arg("demo-service")
            .args(["--service-version", version, "--revision", release.sha, "--routing", release.routing])
            .args(["--otlp", &surroundings.otlp, "--backend", &surroundings.backend])
            .env(PSEUDONYM_KEY, &surroundings.pseudonym_key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C in a terminal goes to the whole group: the service is to outlive it until it is told.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .context("the order service cannot be started")?;
        let output = child.stdout.take().context("the order service has no standard output")?;
        let mut lines = BufReader::new(output).lines();
        let first = tokio::time::timeout(START_TIME, lines.next_line())
            .await
            .with_context(|| format!("the order service {version} did not serve within {START_TIME:?}"))?
            .with_context(|| format!("the order service {version} cannot be read"))?;
        let Some(address) = first.as_deref().and_then(|line| line.strip_prefix(LISTENING)) else {
            let status = child.wait().await.context("the order service cannot be awaited")?;
            bail!("the order service {version} ended before it served: {status}");
        };
        Ok(Self { child, url: format!("http://{address}"), version })
    }

    /// Says so if it ended by itself.
    ///
    /// # Errors
    /// It did.
    pub(crate) fn check_alive(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => bail!("the order service {} ended by itself: {status}", self.version),
            Err(error) => Err(error).context("the order service cannot be asked whether it runs"),
        }
    }

    /// Lets it answer what is running and flush its telemetry, and waits for its end.
    ///
    /// # Errors
    /// It did not end in time, or not well.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let version = self.version;
        drop(self.child.stdin.take());
        let status = tokio::time::timeout(STOP_TIME, self.child.wait())
            .await
            .with_context(|| format!("the order service {version} did not end within {STOP_TIME:?}"))?
            .context("the order service cannot be awaited")?;
        if !status.success() {
            bail!("the order service {version} ended badly: {status}");
        }
        Ok(())
    }
}
