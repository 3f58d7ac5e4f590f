//! A table with keys that come from senders. Never holds more than [`KEYS`] of them and the one of all others.

use std::collections::BTreeMap;

/// How many keys a table holds one by one. Raised, a sender that makes up names takes more memory: up to 60 kB for each
/// that is busy all day.
const KEYS: usize = 500;

/// The names of the key that holds what a full table cannot hold one by one.
pub const OTHER: &str = "other";

/// A table of at most [`KEYS`] keys; what further keys would hold is summed under the key `other`.
#[derive(Debug)]
pub(super) struct Bounded<K, V> {
    entries: BTreeMap<K, V>,
    other: K,
}

impl<K: Ord + Clone, V: Default> Bounded<K, V> {
    /// An empty table.
    pub(super) const fn new(other: K) -> Self {
        Self { entries: BTreeMap::new(), other }
    }

    /// What a key holds.
    pub(super) fn at(&mut self, key: &K) -> &mut V {
        let has_room = self.entries.len() < KEYS || self.entries.contains_key(key);
        self.entries.entry(if has_room { key.clone() } else { self.other.clone() }).or_default()
    }

    /// What a key holds, if it is known.
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    /// What every key holds.
    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.values()
    }

    /// What every key holds, to be changed.
    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.entries.values_mut()
    }

    /// Every key and what it holds, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_beyond_the_bound_are_held_together() {
        let mut table: Bounded<String, u64> = Bounded::new(OTHER.to_owned());
        for key in 0..KEYS + 50 {
            *table.at(&format!("key {key}")) += 1;
            *table.at(&"key 3".to_owned()) += 1;
        }
        assert_eq!(table.iter().count(), KEYS + 1);
        assert_eq!(table.get(&OTHER.to_owned()), Some(&50));
        assert_eq!(table.get(&"key 7".to_owned()), Some(&1));
    }
}
