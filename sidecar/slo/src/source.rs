//! A server that SLO files declare.

use mapwarden_objective::Origin;

/// A Prometheus-compatible server that an OpenSLO `DataSource` declares. It has no credentials: files of objectives are
/// shared, so that those belong into the configuration, under the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSource {
    /// The name by which [`Queried::source`](super::Queried::source) means it.
    pub name: String,
    /// Its base URL, where the document tells one.
    pub url: Option<String>,
    /// Where it was written.
    pub origin: Origin,
}
