//! The program that callgrind counts: one map, one kind of key, one way to use it, a number of steps.

use std::hash::{BuildHasherDefault, DefaultHasher, Hash};
use std::hint::black_box;

/// With the same key in every map and every run, so that all of them collide alike.
type Hasher = BuildHasherDefault<DefaultHasher>;

type Bare<K> = papaya::HashMap<K, u64, Hasher>;
type Observed<K> = mapwarden::HashMap<K, u64, Hasher>;

const ENTRIES: u64 = 1024;

/// How many steps a pin or guard serves where it serves many.
const MANY: usize = 64;

/// Which map.
pub(crate) const MAPS: [&str; 2] = ["bare", "observed"];
/// Which keys.
pub(crate) const KEYS: [&str; 2] = ["u64", "String"];
/// What is done, all of it on keys that are there: a read or a write with a pin each, a read with a pin and with
/// an explicit guard for 64.
pub(crate) const WAYS: [&str; 4] = ["get", "insert", "get-pin64", "get-guard64"];

/// Does the steps that the arguments ask for.
///
/// # Errors
/// Arguments that are not of the lists above.
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

// The two maps have the same methods but no common trait. Each way is a function of its own that is never inlined,
// so that all are compiled alone and alike.
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
