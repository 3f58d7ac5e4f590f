//! Makes maps. Comes in: a hasher and a capacity, or nothing. Goes out: an empty map that is named by the caller's
//! location, or a builder.

use std::panic::Location;

use super::name::map_type;
use super::{HashMap, HashMapBuilder};

impl<K, V> HashMap<K, V> {
    /// Makes an empty map that is named by the caller's location.
    #[track_caller]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Makes an empty map that holds at least `capacity` entries without a resize.
    #[track_caller]
    pub fn with_capacity(capacity: usize) -> Self {
        Self::builder().capacity(capacity).build()
    }

    /// Returns a builder, which gives a map its name, objectives and bound.
    #[track_caller]
    pub fn builder() -> HashMapBuilder<K, V> {
        HashMapBuilder::at(Location::caller(), map_type::<K, V>)
    }
}

impl<K, V, S> HashMap<K, V, S> {
    /// Makes an empty map with this hasher.
    #[track_caller]
    pub fn with_hasher(hash_builder: S) -> Self {
        Self::with_capacity_and_hasher(0, hash_builder)
    }

    /// Makes an empty map with this hasher that holds at least `capacity` entries without a resize.
    #[track_caller]
    pub fn with_capacity_and_hasher(capacity: usize, hash_builder: S) -> Self {
        HashMapBuilder::at(Location::caller(), map_type::<K, V>)
            .hasher(hash_builder)
            .capacity(capacity)
            .build()
    }
}
