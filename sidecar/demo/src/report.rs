//! What comes in: how the story ended. What goes out: a file for other programs, and the reason why `--once` does
//! not end well.

use std::path::Path;

use anyhow::{Context as _, bail};
use mapwarden_contract::Nanos;
use serde::Serialize;

use super::check::Check;
use super::ledger::Totals;
use mapwarden_engine::notice::Notice;

/// How the story ended.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// What the load sent and got.
    pub(crate) ledger: Totals,
    /// The comparisons.
    pub(crate) checks: Vec<Check>,
    /// The notice as it was resolved.
    pub(crate) notice: Notice,
    /// How long after the first failed answer the notice was there.
    pub(crate) noticed_after: Nanos,
    /// How long it all took.
    pub(crate) took: Nanos,
}

impl Report {
    /// Writes it as JSON.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub(crate) fn write(&self, file: &Path) -> anyhow::Result<()> {
        let json = serde_json::to_vec_pretty(self).context("the report is no JSON")?;
        std::fs::write(file, json)
            .with_context(|| format!("the report cannot be written to `{}`", file.display()))
    }

    /// Says which comparisons failed.
    ///
    /// # Errors
    /// Any did.
    pub(crate) fn verdict(&self) -> anyhow::Result<()> {
        let failed: Vec<String> = self
            .checks
            .iter()
            .filter(|check| !check.holds)
            .map(|check| {
                format!("{}: the load knows {}, the sidecar says {}", check.what, check.known, check.told)
            })
            .collect();
        if failed.is_empty() {
            return Ok(());
        }
        bail!("the notice resolved, but {}", failed.join("; "))
    }
}
