//! The sidecar itself in a view: since when it runs, where its budgets are kept, what it did with notices.

use std::sync::Arc;

use jiff::Timestamp;
use mapwarden_engine::ledger::AuditLine;
use serde::{Deserialize, Serialize};

use super::sources::SourceBoard;

/// What a view takes from the sidecar itself.
pub struct SidecarFacts<'a> {
    /// When it started.
    pub started: Timestamp,
    /// Where budgets are kept.
    pub durability: Durability,
    /// The servers that are queried.
    pub sources: &'a [SourceBoard],
    /// The audit log.
    pub corrections: Arc<[AuditLine]>,
}

/// Where budgets are kept.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Durability {
    /// In memory only: they do not outlive the sidecar.
    Memory,
    /// In a store.
    Store {
        /// The folder.
        path: String,
        /// When it was last written.
        last_commit: Option<Timestamp>,
        /// Why the last write failed, if it did.
        error: Option<String>,
    },
}

/// How many notices were opened, updated and resolved since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NoticeEvents {
    /// Opened.
    pub opened: u64,
    /// Updated.
    pub updated: u64,
    /// Resolved.
    pub resolved: u64,
}

/// How often a mandatory part of resolved notices was filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartCount {
    /// With evidence.
    pub present: u64,
    /// With the reason why there is none.
    pub missing: u64,
}
