//! The meters of all maps by name. Comes in: the names of maps as they are built. Goes out: one
//! [`MapSnapshot`](super::MapSnapshot) a name. Nothing is ever taken out: the counts of a dropped map stay, and maps
//! of one name, alive or not, add up. Memory follows the number of different names, which is bounded.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use super::meter::Meter;
use super::registry::registry;
use super::{Dropped, Snapshot, Source};

/// Names of maps that are told apart. Raised, a service that names maps after what strangers send takes more memory,
/// and sends more series, before the rest becomes one.
const MAX_MAPS: usize = 256;

/// The name of the maps beyond.
const OTHER: &str = "other";

#[derive(Default)]
struct Maps {
    meters: Mutex<BTreeMap<Arc<str>, Arc<Meter>>>,
}

impl Source for Maps {
    fn snapshot(&self, into: &mut Snapshot) {
        let meters: Vec<Arc<Meter>> =
            self.meters.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        into.maps.extend(meters.iter().map(|meter| meter.snapshot()));
    }
}

/// The meter of this name, or the one of all names beyond the limit. Takes a lock: for building maps, not for using them.
pub(crate) fn meter(name: Arc<str>) -> Arc<Meter> {
    static MAPS: LazyLock<Arc<Maps>> = LazyLock::new(|| {
        let maps = Arc::new(Maps::default());
        registry().register(Arc::<Maps>::clone(&maps));
        maps
    });
    let mut meters = MAPS.meters.lock().unwrap_or_else(PoisonError::into_inner);
    let name = if meters.len() < MAX_MAPS || meters.contains_key(&name) {
        name
    } else {
        Dropped::NameLimit.add(1);
        OTHER.into()
    };
    let meter = meters.entry(name).or_insert_with_key(|name| Arc::new(Meter::new(Arc::clone(name))));
    Arc::clone(meter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_is_one_meter_and_names_come_in_order() {
        let first = meter("maps-test-b".into());
        assert!(Arc::ptr_eq(&first, &meter("maps-test-b".into())));
        meter("maps-test-a".into());
        let names: Vec<_> = registry().snapshot().maps.into_iter().map(|map| map.name).collect();
        assert!(names.is_sorted());
        assert!(names.contains(&"maps-test-a".into()) && names.contains(&"maps-test-b".into()));
    }
}
