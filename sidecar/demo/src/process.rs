//! What comes in: a version to run. What goes out: the order service in a process of its own, which never outlives this
//! one.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::service::LISTENING;

/// How long a start may take: the service restores sessions and loads its routing table.
const START_TIME: Duration = Duration::from_secs(20);

/// How long a stop may take: the last responses and the last telemetry.
const STOP_TIME: Duration = Duration::from_secs(20);

/// The environment variable of the key for users' pseudonyms. Every process of the service has the same one, so that a
/// user has one pseudonym in all versions.
pub(crate) const PSEUDONYM_KEY: &str = "MAPWARDEN_PSEUDONYM_KEY";

/// A version of the service.
#[derive(Clone, Debug)]
pub(crate) struct Release {
    /// The version.
    pub(crate) version: &'static str,
    /// The commit.
    pub(crate) sha: &'static str,
    /// Its argument `--routing`.
    pub(crate) routing: &'static str,
}

/// The addresses and the key that every process of the service receives.
#[derive(Clone, Debug)]
pub(crate) struct ServiceEnvironment {
    /// The sidecar's OTLP endpoint.
    pub(crate) otlp: String,
    /// The backend.
    pub(crate) backend: String,
    /// The key of users' pseudonyms.
    pub(crate) pseudonym_key: String,
}

/// A running process of the service.
pub(crate) struct ServiceProcess {
    child: Child,
    /// Its base URL.
    pub(crate) url: String,
    version: &'static str,
}

impl ServiceProcess {
    /// Starts the service, and returns when it serves.
    ///
    /// # Errors
    /// A process that cannot be started, ends at once, or does not serve in time.
    pub(crate) async fn start(release: &Release, environment: &ServiceEnvironment) -> anyhow::Result<Self> {
        let version = release.version;
        let program = std::env::current_exe().context("the path of this program is not known")?;
        let mut child = Command::new(program)
            .arg("demo-service")
            .args(["--service-version", version, "--revision", release.sha, "--routing", release.routing])
            .args(["--otlp", &environment.otlp, "--backend", &environment.backend])
            .env(PSEUDONYM_KEY, &environment.pseudonym_key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C in a terminal reaches the whole group: the service must run until it is stopped in order.
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

    /// Checks that the process runs.
    ///
    /// # Errors
    /// It ended by itself.
    pub(crate) fn check_alive(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => bail!("the order service {} ended by itself: {status}", self.version),
            Err(error) => Err(error).context("the state of the order service cannot be read"),
        }
    }

    /// Lets the service answer open requests and flush its telemetry, and waits for its end.
    ///
    /// # Errors
    /// It did not end in time, or it failed.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let version = self.version;
        drop(self.child.stdin.take());
        let status = tokio::time::timeout(STOP_TIME, self.child.wait())
            .await
            .with_context(|| format!("the order service {version} did not end within {STOP_TIME:?}"))?
            .context("the order service cannot be awaited")?;
        if !status.success() {
            bail!("the order service {version} failed: {status}");
        }
        Ok(())
    }
}
