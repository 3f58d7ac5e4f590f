//! The sources of counts in this process. Comes in: sources, once each. Goes out: one [`Snapshot`] of all of them.
//! Never removes a source.

use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use super::Snapshot;
use super::objective_names::name_objectives_apart;

/// Something that counts: the maps and the request scopes of this process.
pub(crate) trait SnapshotSource: Send + Sync {
    /// Adds everything that was counted so far.
    fn snapshot(&self, into: &mut Snapshot);
}

/// All sources of this process.
#[derive(Default)]
pub(crate) struct Registry {
    sources: Mutex<Vec<Arc<dyn SnapshotSource>>>,
}

impl Registry {
    /// Adds a source for the life of the process.
    pub(crate) fn register(&self, source: Arc<dyn SnapshotSource>) {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).push(source);
    }

    /// Returns everything that the sources counted so far.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut snapshot = Snapshot::default();
        for source in sources {
            source.snapshot(&mut snapshot);
        }
        name_objectives_apart(&mut snapshot);
        snapshot
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Registry").finish_non_exhaustive()
    }
}

/// Returns the registry of this process.
pub(crate) fn registry() -> &'static Registry {
    static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::default);
    &REGISTRY
}
