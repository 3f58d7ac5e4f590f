//! The program that callgrind counts. Comes in: a map, a kind of key, a way to use the map, and a number of steps.

use std::hash::{BuildHasherDefault, DefaultHasher, Hash};
use std::hint::black_box;

/// A hasher with the same key in every map and every run, so that all of them have the same collisions.
type Hasher = BuildHasherDefault<DefaultHasher>;

type Bare<K> = papaya::HashMap<K, u64, Hasher>;
type Observed<K> = mapwarden::HashMap<K, u64, Hasher>;

const ENTRIES: u64 = 1024;

/// The steps of a pin or guard that serves many.
const MANY: usize = 64;

/// The maps.
pub(crate) const MAPS: [&str; 2] = ["bare", "observed"];
/// The kinds of keys.
pub(crate) const KEYS: [&str; 2] = ["u64", "String"];
/// The ways to use a map, all on keys that are there: a read or a write with a pin each, reads with a pin for 64, and
/// reads with an explicit guard for 64.
pub(crate) const WAYS: [&str; 4] = ["get", "insert", "get-pin64", "get-guard64"];

/// Runs the steps.
///
/// # Errors
/// An argument is not in the lists above.
pub(crate) fn run(map: &str, keys: &str, way: &str, steps: usize) -> Result<(), String> {
    let numbers = 0..ENTRIES;
    match keys {
        "u64" => with_keys(map, &numbers.collect::<Vec<_>>(), way, steps),
        "String" => {
            with_keys(map, &numbers.map(|key| format!("user-{key:08}")).collect::<Vec<_>>(), way, steps)
        }
        other => Err(format!("keys {other}: accepted are {KEYS:?}")),
    }
}

// A macro, because the two maps have the same methods but no common trait. Each way is a function of its own that is
// never inlined, so that each is compiled separately and in the same way.
macro_rules! ways {
    ($name:ident, $map:ident) => {
        mod $name {
            use super::*;

            pub(super) fn run<K: Hash + Eq + Clone>(
                map: &$map<K>,
                keys: &[K],
                way: &str,
                steps: usize,
            ) -> Result<(), String> {
                keys.iter().for_each(|key| assert!(map.pin().insert(key.clone(), 1).is_none()));
                match way {
                    "get" => get(map, keys, steps),
                    "insert" => insert(map, keys, steps),
                    "get-pin64" => get_pin64(map, keys, steps),
                    "get-guard64" => get_guard64(map, keys, steps),
                    other => return Err(format!("way {other}: accepted are {WAYS:?}")),
                }
                Ok(())
            }

            #[inline(never)]
            fn get<K: Hash + Eq>(map: &$map<K>, keys: &[K], steps: usize) {
                for key in keys.iter().cycle().take(steps) {
                    black_box(map.pin().get(key).is_some());
                }
            }

            #[inline(never)]
            fn insert<K: Hash + Eq + Clone>(map: &$map<K>, keys: &[K], steps: usize) {
                for key in keys.iter().cycle().take(steps) {
                    black_box(map.pin().insert(key.clone(), 1).is_some());
                }
            }

            #[inline(never)]
            fn get_pin64<K: Hash + Eq>(map: &$map<K>, keys: &[K], steps: usize) {
                for keys in keys.chunks(MANY).cycle().take(steps / MANY) {
                    let map = map.pin();
                    for key in keys {
                        black_box(map.get(key).is_some());
                    }
                }
            }

            #[inline(never)]
            fn get_guard64<K: Hash + Eq>(map: &$map<K>, keys: &[K], steps: usize) {
                for keys in keys.chunks(MANY).cycle().take(steps / MANY) {
                    let guard = map.guard();
                    for key in keys {
                        black_box(map.get(key, &guard).is_some());
                    }
                }
            }
        }
    };
}

ways!(bare, Bare);
ways!(observed, Observed);

fn with_keys<K: Hash + Eq + Clone>(map: &str, keys: &[K], way: &str, steps: usize) -> Result<(), String> {
    let (room, hasher) = (4096, Hasher::default());
    match map {
        "bare" => {
            let map = papaya::HashMap::builder().capacity(room).hasher(hasher).build();
            bare::run(&map, keys, way, steps)
        }
        "observed" => {
            let map = mapwarden::HashMap::builder().name("steps").capacity(room).hasher(hasher).build();
            observed::run(&map, keys, way, steps)
        }
        other => Err(format!("map {other}: accepted are {MAPS:?}")),
    }
}
