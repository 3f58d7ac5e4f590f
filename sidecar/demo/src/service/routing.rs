//! What comes in: a region. What goes out: the warehouse that serves it. The table comes from the directory, where
//! people type the names.

use std::time::Duration;

use clap::ValueEnum;
use mapwarden::Scope;
use tokio::sync::RwLock;
use tokio::time::Instant;

use super::super::backend::Warehouse;
use super::upstream::Upstream;

/// How the routing table is loaded: what the demo's bad deploy changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoutingLoader {
    /// Region names are brought to lower case; the table is loaded once.
    Normalised,
    /// Region names stay as they were typed, and a miss loads the table again, "so that new regions appear by
    /// themselves". Two faults in one: the region that was typed in capitals is never found, and every other region
    /// waits for the loading that those misses cause.
    Verbatim,
}

impl RoutingLoader {
    fn key(self, region: &str) -> String {
        match self {
            Self::Normalised => region.to_lowercase(),
            Self::Verbatim => region.to_owned(),
        }
    }
}

/// A table younger than this is not loaded again.
const YOUNG: Duration = Duration::from_secs(1);

/// Region to warehouse.
pub(crate) struct RoutingTable {
    table: mapwarden::HashMap<String, String>,
    loader: RoutingLoader,
    upstream: Upstream,
    /// When the table was loaded. Lookups hold the read lock, so that no lookup sees half a table.
    loaded: RwLock<Option<Instant>>,
}

impl RoutingTable {
    /// Loads the table.
    ///
    /// # Errors
    /// A directory that does not answer.
    pub(crate) async fn load(loader: RoutingLoader, upstream: Upstream) -> anyhow::Result<Self> {
        let routing = Self {
            table: mapwarden::HashMap::builder().name("routing").build(),
            loader,
            upstream,
            loaded: RwLock::new(None),
        };
        routing.reload().await?;
        Ok(routing)
    }

    /// Returns the warehouse of a region, if there is one.
    ///
    /// # Errors
    /// A directory that does not answer.
    pub(crate) async fn warehouse(&self, region: &str) -> anyhow::Result<Option<String>> {
        let found = self.lookup(region).await;
        match self.loader {
            RoutingLoader::Verbatim if found.is_none() => {
                self.reload().await?;
                Ok(self.lookup(region).await)
            }
            RoutingLoader::Verbatim | RoutingLoader::Normalised => Ok(found),
        }
    }

    async fn lookup(&self, region: &str) -> Option<String> {
        let _whole = self.loaded.read().await;
        self.table.pin().get(region).cloned()
    }

    async fn reload(&self) -> anyhow::Result<()> {
        let mut loaded = self.loaded.write().await;
        if loaded.is_some_and(|at| at.elapsed() < YOUNG) {
            return Ok(());
        }
        let call = Scope::dependency("directory");
        let warehouses: Vec<Warehouse> = match self.upstream.get("warehouses").await {
            Ok(warehouses) => {
                call.ok();
                warehouses
            }
            Err(error) => {
                call.fail("unanswered");
                return Err(error);
            }
        };
        let table = self.table.pin();
        for warehouse in warehouses {
            table.insert(self.loader.key(&warehouse.region), warehouse.name);
        }
        *loaded = Some(Instant::now());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::backend;
    use super::*;

    #[tokio::test]
    async fn capitals_are_found_only_by_the_normalising_loader() {
        let backend = backend::Backend::start().await.unwrap();
        for (loader, expected) in
            [(RoutingLoader::Normalised, Some("dublin-2")), (RoutingLoader::Verbatim, None)]
        {
            let upstream = Upstream::new(backend.url()).unwrap();
            let routing = RoutingTable::load(loader, upstream).await.unwrap();
            assert_eq!(routing.warehouse("eu-west-1").await.unwrap().as_deref(), expected, "{loader:?}");
            assert_eq!(routing.warehouse("us-east-1").await.unwrap().as_deref(), Some("ohio-1"));
        }
        backend.stop().await;
    }
}
