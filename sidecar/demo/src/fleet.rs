//! What comes in: a release. What goes out: the service and its load on that release. The load always has a process
//! that serves it.

use super::load::Load;
use super::process::{Release, ServiceEnvironment, ServiceProcess};

/// The serving process and its load.
pub(crate) struct Fleet {
    environment: ServiceEnvironment,
    load: Load,
    serving: ServiceProcess,
    version: &'static str,
}

impl Fleet {
    /// Starts the first process, and the load when the process serves.
    ///
    /// # Errors
    /// A process that does not serve.
    pub(crate) async fn start(
        release: &Release,
        environment: ServiceEnvironment,
        load: Load,
    ) -> anyhow::Result<Self> {
        let serving = ServiceProcess::start(release, &environment).await?;
        load.move_to(release.version, &serving.url).await;
        Ok(Self { environment, load, serving, version: release.version })
    }

    /// Replaces the serving process: the new one serves before the load moves, and the old one answers every open
    /// request and flushes its telemetry before it ends.
    ///
    /// # Errors
    /// A process that does not serve, or fails at its end.
    pub(crate) async fn deploy(&mut self, release: &Release) -> anyhow::Result<()> {
        let next = ServiceProcess::start(release, &self.environment).await?;
        self.load.move_to(release.version, &next.url).await;
        self.version = release.version;
        std::mem::replace(&mut self.serving, next).stop().await
    }

    /// Sends no more requests, until [`Fleet::resume`].
    pub(crate) async fn pause(&self) {
        self.load.pause().await;
    }

    /// Sends requests to the serving process again.
    pub(crate) async fn resume(&self) {
        self.load.move_to(self.version, &self.serving.url).await;
    }

    /// Returns the load.
    pub(crate) fn load(&self) -> &Load {
        &self.load
    }

    /// Returns the version that serves.
    pub(crate) fn version(&self) -> &'static str {
        self.version
    }

    /// Returns the base URL of the service.
    pub(crate) fn url(&self) -> &str {
        &self.serving.url
    }

    /// Checks that the service runs.
    ///
    /// # Errors
    /// It ended by itself.
    pub(crate) fn check_alive(&mut self) -> anyhow::Result<()> {
        self.serving.check_alive()
    }

    /// Ends the load, then the process.
    ///
    /// # Errors
    /// A trace that could not be read to its end, or a process that failed at its end.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        let load = self.load.stop().await;
        self.serving.stop().await.and(load)
    }
}
