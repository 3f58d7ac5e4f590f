//! The meters of all maps by name. Comes in: the names of maps as they are built. Goes out: one
//! [`MapSnapshot`](super::MapSnapshot) a name. Never removes a meter: the counts of a dropped map stay, and maps of one
//! name, alive or not, add up. Memory grows with the number of different names, which is bounded.

use std::sync::{Arc, LazyLock};

use super::meter::Meter;
use super::names::Names;
use super::registry::registry;
use super::{Dropped, Snapshot, SnapshotSource};

/// Names of maps that have a meter of their own. Raised, a service that names maps after what strangers send takes more
/// memory, and sends more series, before the rest share one.
const MAX_MAPS: usize = 256;

struct Maps {
    meters: Names<Meter>,
}

impl SnapshotSource for Maps {
    fn snapshot(&self, into: &mut Snapshot) {
        into.maps.extend(self.meters.all().iter().map(|(_, meter)| meter.snapshot()));
    }
}

/// Returns the meter of this name, or the one of all names above the limit. A new name takes a lock.
pub(crate) fn meter(name: &str) -> Arc<Meter> {
    static MAPS: LazyLock<Arc<Maps>> = LazyLock::new(|| {
        let maps = Arc::new(Maps { meters: Names::new(MAX_MAPS, Dropped::NameLimit) });
        registry().register(Arc::<Maps>::clone(&maps));
        maps
    });
    MAPS.meters.find_or_make(name, Meter::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_meter_and_names_are_sorted() {
        let first = meter("maps-test-b");
        assert!(Arc::ptr_eq(&first, &meter("maps-test-b")));
        meter("maps-test-a");
        let names: Vec<_> = registry().snapshot().maps.into_iter().map(|map| map.name).collect();
        assert!(names.is_sorted());
        assert!(names.contains(&"maps-test-a".into()) && names.contains(&"maps-test-b".into()));
    }
}
