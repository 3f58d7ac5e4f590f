//! The client of the sidecar's admin endpoints. What comes in: queries. What goes out: the sidecar's responses. Never
//! reads the sidecar's state in another way, even in the same process.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, bail};
use mapwarden_contract::{BudgetFraction, Count};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::service::NAME;
use super::service::catalogue::CatalogueLookups;
use mapwarden_engine::notice::{Known, Notice};

/// How long a response may take.
const RESPONSE_TIME: Duration = Duration::from_secs(5);

/// The objective that the bad deploy violates first.
pub(crate) const AVAILABILITY: &str = "order-service/checkout-availability";

/// The other objective that the bad deploy violates.
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

    /// A feature flag that was set on a running version.
    pub(crate) const fn flag(version: &'static str, sha: &'static str, author: &'static str) -> Self {
        Self { service: NAME, version, sha, kind: "flag", author }
    }
}

/// What the demo reads of an objective.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ObjectiveSummary {
    id: String,
    /// Good events.
    pub(crate) good: Count,
    /// All events.
    pub(crate) total: Count,
    /// What is left of the budget.
    pub(crate) remaining: Known<BudgetFraction>,
}

/// What the demo reads of a map.
#[derive(Deserialize)]
struct MapSummary {
    service: String,
    name: String,
    operations: Vec<OperationSummary>,
}

#[derive(Deserialize)]
struct OperationSummary {
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
    /// A console of the sidecar at this base URL; sends nothing yet.
    ///
    /// # Errors
    /// An HTTP client that cannot be set up.
    pub(crate) fn new(base: String) -> anyhow::Result<Self> {
        Ok(Self { base, client: super::http::client(RESPONSE_TIME)? })
    }

    /// Returns the base URL.
    pub(crate) fn url(&self) -> &str {
        &self.base
    }

    /// Checks that the sidecar is ready.
    ///
    /// # Errors
    /// A sidecar that does not respond, or is not ready.
    pub(crate) async fn ready(&self) -> anyhow::Result<()> {
        self.request("/readyz").await?;
        Ok(())
    }

    /// Announces a change, and returns once it is part of the sidecar's state.
    ///
    /// # Errors
    /// A sidecar that does not accept it.
    pub(crate) async fn announce(&self, change: &Announcement) -> anyhow::Result<()> {
        let request = self.client.post(format!("{}/api/v1/deploys", self.base)).json(change);
        let response = request.send().await.context("the sidecar does not respond to an announcement")?;
        let status = response.status();
        if !status.is_success() {
            let problem = response.text().await.unwrap_or_default();
            bail!("the sidecar refused the announcement of {}: {status}: {problem}", change.version);
        }
        Ok(())
    }

    /// Returns every notice that is open or was resolved recently, newest first.
    ///
    /// # Errors
    /// A sidecar that does not respond.
    pub(crate) async fn notices(&self) -> anyhow::Result<Vec<Notice>> {
        self.get("/api/v1/notices").await
    }

    /// Returns a notice as text.
    ///
    /// # Errors
    /// A sidecar that does not respond.
    pub(crate) async fn notice_text(&self, id: &str) -> anyhow::Result<String> {
        let response =
            self.client.get(format!("{}/api/v1/notices/{id}?format=text", self.base)).send().await?;
        Ok(response.error_for_status()?.text().await?)
    }

    /// Returns an objective by its id, once the service has declared it.
    ///
    /// # Errors
    /// A sidecar that does not respond.
    pub(crate) async fn slo(&self, id: &str) -> anyhow::Result<Option<ObjectiveSummary>> {
        let slos: Vec<ObjectiveSummary> = self.get("/api/v1/slos").await?;
        Ok(slos.into_iter().find(|slo| slo.id == id))
    }

    /// Returns what the sidecar counted of the catalogue; zeros before the first telemetry.
    ///
    /// # Errors
    /// A sidecar that does not respond.
    pub(crate) async fn catalogue(&self) -> anyhow::Result<CatalogueLookups> {
        let maps: Vec<MapSummary> = self.get("/api/v1/maps").await?;
        let catalogue = maps.iter().find(|map| map.service == NAME && map.name == "catalogue");
        Ok(catalogue.map(MapSummary::lookups).unwrap_or_default())
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let read = self.request(path).await?.json().await;
        read.with_context(|| format!("the response to {path} is not a sidecar's"))
    }

    async fn request(&self, path: &str) -> anyhow::Result<reqwest::Response> {
        let sent = self.client.get(format!("{}{path}", self.base)).send().await;
        let response = sent.and_then(reqwest::Response::error_for_status);
        response.with_context(|| format!("the sidecar does not respond to {path}"))
    }
}

impl MapSummary {
    fn lookups(&self) -> CatalogueLookups {
        let count = |op: &str, outcome: &str| {
            let operation = self.operations.iter().find(|operation| operation.op == op);
            operation.and_then(|operation| operation.outcomes.get(outcome)).copied().unwrap_or_default()
        };
        CatalogueLookups {
            hits: count("get", "hit"),
            misses: count("get", "miss"),
            inserts: count("insert", "inserted"),
            evictions: count("remove", "removed"),
        }
    }
}
