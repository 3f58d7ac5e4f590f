//! A server that SLO files declare.

use mapwarden_objective::Origin;

/// A Prometheus-compatible server that an OpenSLO `DataSource` declares. It has no credentials: SLO files are shared,
/// so that credentials belong into the configuration, under the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSource {
    /// The name, to which [`Queried::source`](mapwarden_objective::Queried::source) refers.
    pub name: String,
    /// The base URL, where the document has one.
    pub url: Option<String>,
    /// Where it was declared.
    pub origin: Origin,
}
