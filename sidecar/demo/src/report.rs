//! What comes in: the outcome of the story. What goes out: a file for other programs, and the reason why `--once`
//! fails.

use std::path::Path;

use anyhow::{Context as _, bail};
use mapwarden_contract::Nanos;
use serde::Serialize;

use super::comparison::LoadComparison;
use super::request_log::RequestTotals;
use mapwarden_engine::notice::Notice;

/// The outcome of the story.
#[derive(Debug, Serialize)]
pub(crate) struct DemoReport {
    /// What the load sent and received.
    pub(crate) ledger: RequestTotals,
    /// The comparisons.
    pub(crate) checks: Vec<LoadComparison>,
    /// The notice after it resolved.
    pub(crate) notice: Notice,
    /// How long after the first failed response the notice was open.
    pub(crate) noticed_after: Nanos,
    /// How long the story took.
    pub(crate) took: Nanos,
}

impl DemoReport {
    /// Writes it as JSON.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub(crate) fn write(&self, file: &Path) -> anyhow::Result<()> {
        let json = serde_json::to_vec_pretty(self).context("the report cannot be written as JSON")?;
        std::fs::write(file, json)
            .with_context(|| format!("the report cannot be written to `{}`", file.display()))
    }

    /// Checks that every comparison holds.
    ///
    /// # Errors
    /// The comparisons that do not.
    pub(crate) fn verdict(&self) -> anyhow::Result<()> {
        let failed: Vec<String> = self
            .checks
            .iter()
            .filter(|check| !check.holds)
            .map(|check| format!("{}: load {}, sidecar {}", check.what, check.known, check.sidecar))
            .collect();
        if failed.is_empty() {
            return Ok(());
        }
        bail!("the notice resolved, but the sidecar differs from the load: {}", failed.join("; "))
    }
}
