//! What an objective is about, and its target. Comes in: what the configuration or the SDK declares. Goes out: its id. Never
//! counts anything.

use std::sync::Arc;

use mapwarden_contract::Ratio;
pub use mapwarden_contract::SliKind;
use serde::{Deserialize, Serialize};

/// What an objective is about, and its target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// The service.
    pub service: Arc<str>,
    /// The objective's name, unique within the service.
    pub name: Arc<str>,
    /// The team, where it is known.
    pub team: Option<Arc<str>>,
    /// What is measured.
    pub sli: SliKind,
    /// What it is about.
    pub about: About,
    /// The share of good events that the service is to keep.
    pub target: Ratio,
}

impl Definition {
    /// The id: `service/name`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.service, self.name)
    }
}

/// What an objective is about. A closed set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum About {
    /// A map of the SDK.
    Map(Arc<str>),
    /// A request scope of the SDK.
    Scope(Arc<str>),
    /// A metric that the configuration names.
    Metric(Arc<str>),
    /// Queries or other objectives, of which the sidecar sees no single events; in words.
    Derived(Arc<str>),
}
