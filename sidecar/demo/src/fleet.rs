//! What comes in: a release. What goes out: the service and its load on that release. Never leaves the load
//! without a process that serves it.

use super::load::Load;
use super::process::{Process, Release, Surroundings};

/// The process that serves, and the load that it serves.
pub(crate) struct Fleet {
    surroundings: Surroundings,
    load: Load,
    serving: Process,
    version: &'static str,
}

impl Fleet {
    /// Starts the first process, and the load once it serves.
    ///
    /// # Errors
    /// A process that does not serve.
    pub(crate) async fn start(
        release: &Release,
        surroundings: Surroundings,
        load: Load,
    ) -> anyhow::Result<Self> {
        let serving = Process::start(release, &surroundings).await?;
        load.move_to(release.version, &serving.url).await;
        Ok(Self { surroundings, load, serving, version: release.version })
    }

    /// Replaces what serves: the new process serves before the load moves, and the old one answers everything
    /// and flushes its telemetry before it ends.
    ///
    /// # Errors
    /// A process that does not serve, or did not end well.
    pub(crate) async fn deploy(&mut self, release: &Release) -> anyhow::Result<()> {
        let next = Process::start(release, &self.surroundings).await?;
        self.load.move_to(release.version, &next.url).await;
        self.version = release.version;
        std::mem::replace(&mut self.serving, next).stop().await
    }

    /// Sends nothing more, until [`Fleet::resume`].
    pub(crate) async fn pause(&self) {
        self.load.pause().await;
    }

    /// Sends again to what serves.
    pub(crate) async fn resume(&self) {
        self.load.move_to(self.version, &self.serving.url).await;
    }

    /// The load.
    pub(crate) fn load(&self) -> &Load {
        &self.load
    }

    /// The version that serves.
    pub(crate) fn version(&self) -> &'static str {
        self.version
    }

    /// Where the service is.
    pub(crate) fn url(&self) -> &str {
        &self.serving.url
    }

    /// Says so if the service ended by itself.
    ///
    /// # Errors
    /// It did.
    pub(crate) fn check_alive(&mut self) -> anyhow::Result<()> {
        self.serving.check_alive()
    }

    /// Ends the load, then the process.
    ///
    /// # Errors
    /// A trace that could not be read to its end, or a process that did not end well.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        let load = self.load.stop().await;
        self.serving.stop().await.and(load)
    }
}
