//! Makes sets. Comes in: a hasher and a capacity, or nothing. Goes out: an empty set that is named by the caller's
//! location, or a builder.

use std::panic::Location;

use super::{HashSet, HashSetBuilder};

impl<K> HashSet<K> {
    /// Makes an empty set that is named by the caller's location.
    #[track_caller]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Makes an empty set that holds at least `capacity` keys without a resize.
    #[track_caller]
    pub fn with_capacity(capacity: usize) -> Self {
        Self::builder().capacity(capacity).build()
    }

    /// Returns a builder, which gives a set its name, objectives and bound.
    #[track_caller]
    pub fn builder() -> HashSetBuilder<K> {
        HashSetBuilder::at(Location::caller())
    }
}

impl<K, S> HashSet<K, S> {
    /// Makes an empty set with this hasher.
    #[track_caller]
    pub fn with_hasher(hash_builder: S) -> Self {
        Self::with_capacity_and_hasher(0, hash_builder)
    }

    /// Makes an empty set with this hasher that holds at least `capacity` keys without a resize.
    #[track_caller]
    pub fn with_capacity_and_hasher(capacity: usize, hash_builder: S) -> Self {
        HashSetBuilder::at(Location::caller()).hasher(hash_builder).capacity(capacity).build()
    }
}
