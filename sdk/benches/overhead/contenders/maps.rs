//! The maps. All have the same hasher and room for all entries from the start.

use std::hash::{BuildHasher, Hash};
use std::hint::black_box;

use super::{COPIES, Variant};
use crate::load::Step;

pub(super) type Bare<K, S> = papaya::HashMap<K, u64, S>;
type Observed<K, S> = mapwarden::HashMap<K, u64, S>;
type Dash<K, S> = dashmap::DashMap<K, u64, S>;
type Moka<K, S> = moka::sync::Cache<K, u64, S>;

pub(super) fn bare<K, S: Default>(entries: usize) -> Bare<K, S> {
    papaya::HashMap::builder().capacity(entries).hasher(S::default()).build()
}

/// Returns a builder, because the caller chooses what the map times. Maps of one name share counters and that choice.
pub(super) fn observed<K, S: Default>(
    name: &'static str,
    entries: usize,
) -> mapwarden::HashMapBuilder<K, u64, S> {
    mapwarden::HashMap::builder().name(name).capacity(entries).hasher(S::default())
}

pub(super) fn dash<K: Hash + Eq, S: BuildHasher + Clone + Default>(entries: usize) -> Dash<K, S> {
    Dash::with_capacity_and_hasher(entries, S::default())
}

/// Returns a cache with room for twice the entries, so that it never evicts.
pub(super) fn moka<K, S>(entries: usize) -> Moka<K, S>
where
    K: Hash + Eq + Send + Sync + 'static,
    S: BuildHasher + Clone + Default + Send + Sync + 'static,
{
    let room = u64::try_from(entries).expect("entries fit into 64 bits") * 2;
    moka::sync::Cache::builder().initial_capacity(entries).max_capacity(room).build_with_hasher(S::default())
}

// A macro, because the maps have the same methods but no common trait.
macro_rules! run {
    ($pin:expr, $steps:expr, $per_pin:expr) => {
        for steps in $steps.chunks($per_pin) {
            let map = $pin;
            for step in steps {
                match step {
                    Step::Get(key) => black_box(map.get(key).is_some()),
                    Step::Insert(key) => black_box(map.insert(key.clone(), 1).is_some()),
                };
            }
        }
    };
}

/// Compiles the loop of a map in [`COPIES`] copies.
macro_rules! copied {
    ($map:ident, $copy:ident) => {
        impl<K, S> Variant<K> for $map<K, S>
        where
            K: Hash + Eq + Clone + Send + Sync,
            S: BuildHasher + Send + Sync,
        {
            fn run(&self, steps: &[Step<K>], per_pin: usize) {
                self.run_copy(0, steps, per_pin);
            }

            fn run_copy(&self, copy: usize, steps: &[Step<K>], per_pin: usize) {
                let copies = [$copy::<K, S, 0>, $copy::<K, S, 1>, $copy::<K, S, 2>, $copy::<K, S, 3>];
                let more = [$copy::<K, S, 4>, $copy::<K, S, 5>, $copy::<K, S, 6>, $copy::<K, S, 7>];
                [copies, more].as_flattened()[copy % COPIES](self, steps, per_pin);
            }
        }

        /// One copy of the loop. The code before the loop differs, so that no two copies are merged.
        #[inline(never)]
        fn $copy<K, S, const COPY: usize>(map: &$map<K, S>, steps: &[Step<K>], per_pin: usize)
        where
            K: Hash + Eq + Clone,
            S: BuildHasher,
        {
            black_box(COPY);
            run!(map.pin(), steps, per_pin);
        }
    };
}

copied!(Bare, bare_copy);
copied!(Observed, observed_copy);

impl<K, S> Variant<K> for Dash<K, S>
where
    K: Hash + Eq + Clone + Send + Sync,
    S: BuildHasher + Clone + Send + Sync,
{
    fn run(&self, steps: &[Step<K>], per_pin: usize) {
        run!(self, steps, per_pin);
    }
}

impl<K, S> Variant<K> for Moka<K, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    S: BuildHasher + Clone + Send + Sync + 'static,
{
    fn run(&self, steps: &[Step<K>], _per_pin: usize) {
        for step in steps {
            match step {
                Step::Get(key) => {
                    black_box(self.get(key).is_some());
                }
                Step::Insert(key) => self.insert(key.clone(), 1),
            }
        }
    }
}
