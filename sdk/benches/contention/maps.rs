//! The maps that are compared. Each is used as its documentation advises.

use std::collections::HashMap;
use std::hash::RandomState;
use std::sync::{Arc, PoisonError, RwLock};

use arc_swap::ArcSwap;

/// The operations of a service on a table.
pub(crate) trait Table: Sync {
    /// Returns the key's value.
    fn read(&self, key: u64) -> Option<u64>;
    /// Sets the key's value.
    fn write(&self, key: u64, value: u64);
    /// Returns the key's value, after setting it if there was none.
    fn read_or_write(&self, key: u64, value: u64) -> u64;
}

/// The names of the maps, in the order of the tables and plots.
pub(crate) const NAMES: [&str; 6] = ["mapwarden", "papaya", "dashmap", "RwLock", "ArcSwap", "moka"];

/// Returns all maps, empty, in the order of [`NAMES`], each with room for this many entries and the standard hasher.
pub(crate) fn tables(entries: usize) -> [Box<dyn Table>; NAMES.len()] {
    let room = u64::try_from(entries).expect("entries fit into 64 bits") * 2;
    let cache = moka::sync::Cache::builder().initial_capacity(entries).max_capacity(room);
    [
        Box::new(mapwarden::HashMap::<u64, u64>::builder().name("contended").capacity(entries).build()),
        Box::new(papaya::HashMap::<u64, u64>::with_capacity(entries)),
        Box::new(dashmap::DashMap::<u64, u64, RandomState>::with_capacity_and_hasher(
            entries,
            RandomState::new(),
        )),
        Box::new(RwLock::new(HashMap::<u64, u64>::with_capacity(entries))),
        Box::new(ArcSwap::from_pointee(HashMap::<u64, u64>::with_capacity(entries))),
        Box::new(cache.build_with_hasher(RandomState::new())),
    ]
}

impl Table for mapwarden::HashMap<u64, u64> {
    fn read(&self, key: u64) -> Option<u64> {
        self.pin().get(&key).copied()
    }

    fn write(&self, key: u64, value: u64) {
        self.pin().insert(key, value);
    }

    fn read_or_write(&self, key: u64, value: u64) -> u64 {
        *self.pin().get_or_insert(key, value)
    }
}

impl Table for papaya::HashMap<u64, u64> {
    fn read(&self, key: u64) -> Option<u64> {
        self.pin().get(&key).copied()
    }

    fn write(&self, key: u64, value: u64) {
        self.pin().insert(key, value);
    }

    fn read_or_write(&self, key: u64, value: u64) -> u64 {
        *self.pin().get_or_insert(key, value)
    }
}

impl Table for dashmap::DashMap<u64, u64, RandomState> {
    fn read(&self, key: u64) -> Option<u64> {
        self.get(&key).map(|value| *value)
    }

    fn write(&self, key: u64, value: u64) {
        self.insert(key, value);
    }

    fn read_or_write(&self, key: u64, value: u64) -> u64 {
        *self.entry(key).or_insert(value)
    }
}

impl Table for RwLock<HashMap<u64, u64>> {
    fn read(&self, key: u64) -> Option<u64> {
        RwLock::read(self).unwrap_or_else(PoisonError::into_inner).get(&key).copied()
    }

    fn write(&self, key: u64, value: u64) {
        RwLock::write(self).unwrap_or_else(PoisonError::into_inner).insert(key, value);
    }

    /// Looks under the shared lock first, as a service with a hot key does.
    fn read_or_write(&self, key: u64, value: u64) -> u64 {
        let found = Table::read(self, key);
        found.unwrap_or_else(|| {
            *RwLock::write(self).unwrap_or_else(PoisonError::into_inner).entry(key).or_insert(value)
        })
    }
}

/// A snapshot: readers load it, a writer copies the whole map and swaps it in.
impl Table for ArcSwap<HashMap<u64, u64>> {
    fn read(&self, key: u64) -> Option<u64> {
        self.load().get(&key).copied()
    }

    fn write(&self, key: u64, value: u64) {
        self.rcu(|current| {
            let mut copy = HashMap::clone(current);
            copy.insert(key, value);
            Arc::new(copy)
        });
    }

    fn read_or_write(&self, key: u64, value: u64) -> u64 {
        let found = self.read(key);
        found.unwrap_or_else(|| {
            self.write(key, value);
            value
        })
    }
}

impl Table for moka::sync::Cache<u64, u64, RandomState> {
    fn read(&self, key: u64) -> Option<u64> {
        self.get(&key)
    }

    fn write(&self, key: u64, value: u64) {
        self.insert(key, value);
    }

    fn read_or_write(&self, key: u64, value: u64) -> u64 {
        self.get_with(key, || value)
    }
}
