//! The loop of services that measure papaya by themselves. What comes in: steps, and what such a service does after each.
//! What goes out: nothing, the map is changed. Never reads the clock but before an operation: the rest is the service's.

use std::hash::{BuildHasher, Hash};
use std::hint::black_box;
use std::time::Instant;

use super::maps::Bare;
use crate::load::Step;

/// Does the steps, holding one pin for `per_pin` of them, and tells of each whether its key was there and when it
/// began: `got` of a get, `inserted` of an insert. Inlined with both, so that every contender keeps a loop of its own.
#[inline(always)]
pub(super) fn timed<K: Hash + Eq + Clone, S: BuildHasher>(
    map: &Bare<K, S>,
    steps: &[Step<K>],
    per_pin: usize,
    got: impl Fn(bool, Instant),
    inserted: impl Fn(bool, Instant),
) {
    for steps in steps.chunks(per_pin) {
        let map = map.pin();
        for step in steps {
            let began = Instant::now();
            match step {
                Step::Get(key) => got(black_box(map.get(key).is_some()), began),
                Step::Insert(key) => inserted(black_box(map.insert(key.clone(), 1).is_some()), began),
            }
        }
    }
}
