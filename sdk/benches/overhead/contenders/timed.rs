//! The loop of services that measure papaya by themselves. Comes in: steps, and what such a service does after each.
//! Goes out: a changed map. Reads the clock only before an operation: the service does the rest.

use std::hash::{BuildHasher, Hash};
use std::hint::black_box;
use std::time::Instant;

use super::maps::Bare;
use crate::load::Step;

/// Runs the steps, with one pin for `per_pin` of them. Passes to `got` or `inserted` whether the key was there and when
/// the operation began. Inlined with both, so that every contender has a loop of its own.
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
