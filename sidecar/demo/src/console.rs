//! What comes in: questions that anybody can ask a sidecar over HTTP. What goes out: its answers. Never looks into
//! the sidecar by another way, wherever it runs.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, bail};
use mapwarden_contract::{BudgetFraction, Count};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::service::NAME;
use super::service::catalogue::Lookups;
use mapwarden_engine::notice::{Known, Notice};

/// When an answer is given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// The objective that the demo's bad deploy misses first.
pub(crate) const AVAILABILITY: &str = "order-service/checkout-availability";

/// The objective that the demo's bad deploy misses, too.
pub(crate) const LATENCY: &str = "order-service/checkout-latency";

/// A change to announce.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Announcement {
    service: &'static str,
    version: &'static str,
    sha: &'static str,
    kind: &'static str,
    author: &'static str,
}

impl Announcement {
    /// A deploy.
    pub(crate) const fn deploy(version: &'static str, sha: &'static str, author: &'static str) -> Self {
        Self { service: NAME, version, sha, kind: "deploy", author }
    }

    /// A flag that was set on a running version.
    pub(crate) const fn flag(version: &'static str, sha: &'static str, author: &'static str) -> Self {
        Self { service: NAME, version, sha, kind: "flag", author }
    }
}

/// What the demo needs to know of an objective.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Slo {
    id: String,
    /// Good events.
    pub(crate) good: Count,
    /// All events.
    pub(crate) total: Count,
    /// What is left of the budget.
    pub(crate) remaining: Known<BudgetFraction>,
}

#[derive(Deserialize)]
struct Map {
    service: String,
    name: String,
    operations: Vec<Operation>,
}

#[derive(Deserialize)]
struct Operation {
    op: String,
    outcomes: BTreeMap<String, Count>,
}

/// The sidecar's admin endpoints.
#[derive(Clone)]
pub(crate) struct Console {
    base: String,
    client: reqwest::Client,
}

impl Console {
    /// Knows where it is; asks nothing yet.
    ///
    /// # Errors
    /// An HTTP client that cannot be set up.
    pub(crate) fn new(base: String) -> anyhow::Result<Self> {
        Ok(Self { base, client: super::http_client(PATIENCE)? })
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &str {
        &self.base
    }

    /// Returns if it is ready.
    ///
    /// # Errors
    /// A sidecar that does not answer, or is not ready.
    pub(crate) async fn ready(&self) -> anyhow::Result<()> {
        self.ask("/readyz").await?;
        Ok(())
    }

    /// Announces a change, and returns once it is part of the sidecar's state.
    ///
    /// # Errors
    /// A sidecar that does not take it.
    pub(crate) async fn announce(&self, change: &Announcement) -> anyhow::Result<()> {
        let request = self.client.post(format!("{}/api/v1/deploys", self.base)).json(change);
        let answer = request.send().await.context("the sidecar does not take announcements")?;
        let status = answer.status();
        if !status.is_success() {
            let problem = answer.text().await.unwrap_or_default();
            bail!("the sidecar refused the announcement of {}: {status}: {problem}", change.version);
        }
        Ok(())
    }

    /// Every notice that is open or was resolved of late, newest first.
    ///
    /// # Errors
    /// A sidecar that does not answer.
    pub(crate) async fn notices(&self) -> anyhow::Result<Vec<Notice>> {
        self.get("/api/v1/notices").await
    }

    /// A notice as chat text.
    ///
    /// # Errors
    /// A sidecar that does not answer.
    pub(crate) async fn notice_text(&self, id: &str) -> anyhow::Result<String> {
        let answer = self.client.get(format!("{}/api/v1/notices/{id}?format=text", self.base)).send().await?;
        Ok(answer.error_for_status()?.text().await?)
    }

    /// An objective by its id, once the service has declared it.
    ///
    /// # Errors
    /// A sidecar that does not answer.
    pub(crate) async fn slo(&self, id: &str) -> anyhow::Result<Option<Slo>> {
        let slos: Vec<Slo> = self.get("/api/v1/slos").await?;
        Ok(slos.into_iter().find(|slo| slo.id == id))
    }

    /// What the sidecar counted of the catalogue; zeros before the service has told anything.
    ///
    /// # Errors
    /// A sidecar that does not answer.
    pub(crate) async fn catalogue(&self) -> anyhow::Result<Lookups> {
        let maps: Vec<Map> = self.get("/api/v1/maps").await?;
        let catalogue = maps.iter().find(|map| map.service == NAME && map.name == "catalogue");
        Ok(catalogue.map(Map::lookups).unwrap_or_default())
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let read = self.ask(path).await?.json().await;
        read.with_context(|| format!("the answer to {path} is not a sidecar's"))
    }

    async fn ask(&self, path: &str) -> anyhow::Result<reqwest::Response> {
        let sent = self.client.get(format!("{}{path}", self.base)).send().await;
        let answer = sent.and_then(reqwest::Response::error_for_status);
        answer.with_context(|| format!("the sidecar does not answer {path}"))
    }
}

impl Map {
    fn lookups(&self) -> Lookups {
        let count = |op: &str, outcome: &str| {
            let operation = self.operations.iter().find(|operation| operation.op == op);
            operation.and_then(|operation| operation.outcomes.get(outcome)).copied().unwrap_or_default()
        };
        Lookups {
            hits: count("get", "hit"),
            misses: count("get", "miss"),
            inserts: count("insert", "inserted"),
            evictions: count("remove", "removed"),
        }
    }
}
