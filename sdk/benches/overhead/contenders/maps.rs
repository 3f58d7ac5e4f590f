//! The maps themselves. All are hashed alike and have room for all entries from the start.

use std::hash::{BuildHasher, Hash};
use std::hint::black_box;

use super::{PLACES, Variant};
use crate::load::Step;

pub(super) type Bare<K, S> = papaya::HashMap<K, u64, S>;
type Observed<K, S> = mapwarden::HashMap<K, u64, S>;
type Dash<K, S> = dashmap::DashMap<K, u64, S>;
type Moka<K, S> = moka::sync::Cache<K, u64, S>;

pub(super) fn bare<K, S: Default>(entries: usize) -> Bare<K, S> {
    papaya::HashMap::builder().capacity(entries).hasher(S::default()).build()
}

/// Still to be built, because what it times can be chosen. Maps of one name share counters and that choice.
pub(super) fn observed<K, S: Default>(
    name: &'static str,
    entries: usize,
) -> mapwarden::HashMapBuilder<K, u64, S> {
    mapwarden::HashMap::builder().name(name).capacity(entries).hasher(S::default())
}

pub(super) fn dash<K: Hash + Eq, S: BuildHasher + Clone + Default>(entries: usize) -> Dash<K, S> {
    Dash::with_capacity_and_hasher(entries, S::default())
}

/// A cache that has room for twice the entries and so never evicts.
pub(super) fn moka<K, S>(entries: usize) -> Moka<K, S>
where
    K: Hash + Eq + Send + Sync + 'static,
    S: BuildHasher + Clone + Default + Send + Sync + 'static,
{
    let room = u64::try_from(entries).expect("entries fit into 64 bits") * 2;
    moka::sync::Cache::builder().initial_capacity(entries).max_capacity(room).build_with_hasher(S::default())
}

// The maps have the same methods but no common trait.
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

/// A map whose loop stands at every place.
macro_rules! placed {
    ($map:ident, $at:ident) => {
        impl<K, S> Variant<K> for $map<K, S>
        where
            K: Hash + Eq + Clone + Send + Sync,
            S: BuildHasher + Send + Sync,
        {
            fn run(&self, steps: &[Step<K>], per_pin: usize) {
                self.run_at(0, steps, per_pin);
            }

            fn run_at(&self, place: usize, steps: &[Step<K>], per_pin: usize) {
                let copies = [$at::<K, S, 0>, $at::<K, S, 1>, $at::<K, S, 2>, $at::<K, S, 3>];
                let more = [$at::<K, S, 4>, $at::<K, S, 5>, $at::<K, S, 6>, $at::<K, S, 7>];
                [copies, more].as_flattened()[place % PLACES](self, steps, per_pin);
            }
        }

        /// The loop, at a place of its own: what stands before it differs, so that no two copies are merged.
        #[inline(never)]
        fn $at<K, S, const PLACE: usize>(map: &$map<K, S>, steps: &[Step<K>], per_pin: usize)
        where
            K: Hash + Eq + Clone,
            S: BuildHasher,
        {
            black_box(PLACE);
            run!(map.pin(), steps, per_pin);
        }
    };
}

placed!(Bare, bare_at);
placed!(Observed, observed_at);

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
