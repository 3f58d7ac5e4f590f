//! Every scope and dependency of the process, as one source of the process-wide registry.

use std::sync::{Arc, LazyLock};

use super::counters::{ScopeCounters, Times};
use super::users::UserSketches;
use crate::record::{DependencySnapshot, Dropped, Names, Snapshot, SnapshotSource, registry};
use mapwarden_contract::UnixNanos;

/// The number of scopes, and of dependencies, with counters of their own; the rest is counted as one. Raised, a service
/// that names them after client input takes more memory before that.
const MAX_NAMES: usize = 256;

/// Everything that scopes count.
#[derive(Debug)]
pub(crate) struct Scopes {
    pub(crate) requests: Names<ScopeCounters>,
    pub(crate) dependencies: Names<DependencyCounters>,
    pub(crate) users: UserSketches,
    /// When the first of them was counted, or before.
    pub(crate) since: UnixNanos,
}

/// Calls to one dependency.
#[derive(Debug)]
pub(crate) struct DependencyCounters {
    pub(crate) name: Arc<str>,
    pub(crate) times: Times,
}

/// Returns the scopes of the process.
pub(crate) fn scopes() -> &'static Scopes {
    static SCOPES: LazyLock<Arc<Scopes>> = LazyLock::new(|| {
        let scopes = Arc::new(Scopes {
            requests: Names::new(MAX_NAMES, Dropped::NameLimit),
            dependencies: Names::new(MAX_NAMES, Dropped::NameLimit),
            users: UserSketches::default(),
            since: UnixNanos::now(),
        });
        registry().register(Arc::<Scopes>::clone(&scopes));
        scopes
    });
    &SCOPES
}

impl SnapshotSource for Scopes {
    fn snapshot(&self, into: &mut Snapshot) {
        let Self { requests, dependencies, users, since: _ } = self;
        into.scopes.extend(requests.all().iter().map(|(_, scope)| scope.snapshot()));
        into.dependencies.extend(dependencies.all().into_iter().map(|(name, calls)| DependencySnapshot {
            name,
            ok: calls.times.ok(),
            failed: calls.times.failed(),
            duration: calls.times.distribution(),
        }));
        into.users.extend(users.collect());
    }
}
