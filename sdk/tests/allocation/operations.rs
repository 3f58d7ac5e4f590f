//! Every operation on one key, by outcome, with telemetry installed, the key sampled and named and a request entered:
//! each allocates exactly as much as on papaya's map.
//!
//! Allocations that are not per operation are not here: a thread's cell, the histogram of an operation's first time,
//! the first offers and the name of a hot key, the first operation of a scope, the first failure of a type, and the
//! span of a slow or rejected operation, which are limited per second.

use std::time::Duration;

use mapwarden::{HashMap, Objective, Operation, Scope, Telemetry};

use crate::{Hasher, allocations, turn};

/// How often each kind runs. Raised, a rarer allocation is found.
const ROUNDS: u64 = 500;

/// A key that the maps hold.
const THERE: u64 = 1;

/// A key that they never hold before an operation.
const AWAY: u64 = 2;

/// Returns the allocations of each kind of operation in all rounds: (kind, whether it only reads, allocations). A
/// macro, because the two maps have the same methods but no common trait.
macro_rules! single_key_operations {
    ($map:expr) => {{
        let map = &$map;
        let rounds = |run: &dyn Fn()| allocations(|| (0..ROUNDS).for_each(|_| run()));
        let pinned = map.pin();
        let guard = map.guard();
        [
            ("get, hit", true, rounds(&|| assert!(map.pin().get(&THERE).is_some()))),
            ("get, miss", true, rounds(&|| assert!(map.pin().get(&AWAY).is_none()))),
            ("get through one pin", true, rounds(&|| assert!(pinned.get(&THERE).is_some()))),
            ("get through a guard", true, rounds(&|| assert!(map.get(&THERE, &guard).is_some()))),
            ("get_key_value, hit", true, rounds(&|| assert!(map.pin().get_key_value(&THERE).is_some()))),
            ("get_key_value, miss", true, rounds(&|| assert!(map.pin().get_key_value(&AWAY).is_none()))),
            ("contains_key, hit", true, rounds(&|| assert!(map.pin().contains_key(&THERE)))),
            ("contains_key, miss", true, rounds(&|| assert!(!map.pin().contains_key(&AWAY)))),
            ("remove, miss", true, rounds(&|| assert!(map.pin().remove(&AWAY).is_none()))),
            ("remove_entry, miss", true, rounds(&|| assert!(map.pin().remove_entry(&AWAY).is_none()))),
            ("remove_if, miss", true, rounds(&|| assert!(map.pin().remove_if(&AWAY, |_, _| true).is_ok()))),
            (
                "remove_if, kept",
                true,
                rounds(&|| assert!(map.pin().remove_if(&THERE, |_, _| false).is_err())),
            ),
            ("update, miss", true, rounds(&|| assert!(map.pin().update(AWAY, |value| value + 1).is_none()))),
            (
                "get_or_insert_with, hit",
                true,
                rounds(&|| assert_eq!(map.pin().get_or_insert_with(THERE, || 0), &7)),
            ),
            (
                "try_insert_with, conflict",
                true,
                rounds(&|| assert!(map.pin().try_insert_with(THERE, || 0).is_err())),
            ),
            (
                "compute, aborted",
                true,
                rounds(&|| {
                    map.pin().compute(THERE, |_| Operation::Abort::<u64, _>(()));
                }),
            ),
            ("get_or_insert, hit", false, rounds(&|| assert_eq!(map.pin().get_or_insert(THERE, 0), &7))),
            ("try_insert, conflict", false, rounds(&|| assert!(map.pin().try_insert(THERE, 0).is_err()))),
            ("insert, replaced", false, rounds(&|| assert!(map.pin().insert(THERE, 7).is_some()))),
            (
                "update, updated",
                false,
                rounds(&|| assert!(map.pin().update(THERE, |value| *value).is_some())),
            ),
            (
                "update_or_insert, updated",
                false,
                rounds(&|| assert_eq!(map.pin().update_or_insert(THERE, |value| *value, 0), &7)),
            ),
            (
                "compute, updated",
                false,
                rounds(&|| {
                    map.pin().compute(THERE, |_| Operation::Insert::<_, ()>(7));
                }),
            ),
            (
                "insert, inserted; remove, removed",
                false,
                rounds(&|| {
                    assert!(map.pin().insert(AWAY, 7).is_none());
                    assert!(map.pin().remove(&AWAY).is_some());
                }),
            ),
            (
                "try_insert, inserted; remove_if, removed",
                false,
                rounds(&|| {
                    assert!(map.pin().try_insert(AWAY, 7).is_ok());
                    assert!(map.pin().remove_if(&AWAY, |_, _| true).is_ok());
                }),
            ),
            (
                "get_or_insert, inserted; compute, removed",
                false,
                rounds(&|| {
                    map.pin().get_or_insert(AWAY, 7);
                    map.pin().compute(AWAY, |_| Operation::Remove::<_, ()>);
                }),
            ),
            (
                "update_or_insert_with, inserted; remove_entry, removed",
                false,
                rounds(&|| {
                    map.pin().update_or_insert_with(AWAY, |value| *value, || 7);
                    map.pin().remove_entry(&AWAY);
                }),
            ),
        ]
    }};
}

/// Returns a map for at most two keys. Only operations of a minute are slow, so that a busy machine makes no spans.
fn counted(name: &str, times_all: bool) -> HashMap<u64, u64, Hasher> {
    let builder = HashMap::builder()
        .name(name)
        .capacity(4096)
        .hasher(Hasher::default())
        .objective(Objective::latency(Duration::from_secs(60), 0.9).unwrap())
        .display_key(u64::to_string);
    let map = if times_all { builder.time_every_operation().build() } else { builder.build() };
    map.pin().insert(THERE, 7);
    map
}

/// Returns a full map: after the spans until the next snapshot are made, its rejections and failures do not allocate.
fn full() -> HashMap<u64, u64> {
    let map: HashMap<u64, u64> =
        HashMap::builder().name("allocation-full").max_entries(1).time_every_operation().build();
    map.pin().insert(THERE, 7);
    map
}

#[test]
fn every_operation_on_one_key_allocates_as_in_papaya() {
    let _turn = turn();
    let telemetry = Telemetry::builder()
        .service("allocation")
        .version("1")
        .environment("test")
        .team("sdk")
        .endpoint("http://127.0.0.1:9")
        .interval(Duration::from_secs(3600))
        .trace_ratio(0.0)
        .install()
        .unwrap();
    let scope = Scope::request("allocation").start();
    let entered = scope.enter();

    for (name, times_all) in [("allocation-timed", true), ("allocation-sampled", false)] {
        let map = counted(name, times_all);
        let bare: papaya::HashMap<u64, u64, Hasher> =
            papaya::HashMap::builder().capacity(4096).hasher(Hasher::default()).build();
        bare.pin().insert(THERE, 7);
        // The first rounds allocate what is listed above. Each kind of operation runs 1,000 times a round, and at least
        // one in 1,024 is timed: the probability that one of 12 kinds is never timed is 12 exp(-20).
        for _ in 0..20 {
            let _ = (single_key_operations!(map), single_key_operations!(bare));
        }
        let (ours, papayas) = (single_key_operations!(map), single_key_operations!(bare));
        for ((kind, only_reads, ours), (_, _, papayas)) in ours.into_iter().zip(papayas) {
            assert_eq!(ours, papayas, "{name}: {kind}");
            assert!(ours == 0 || !only_reads, "{name}: {kind}");
        }
    }

    let map = full();
    let reject_and_fail = || {
        for _ in 0..ROUNDS {
            assert!(map.pin().checked_insert(AWAY, 1).is_err());
            assert!(map.pin().try_update(THERE, |_| Err::<u64, _>(std::fmt::Error)).is_err());
            assert!(map.pin().try_get_or_insert_with(AWAY, || Err::<u64, _>(std::fmt::Error)).is_err());
        }
    };
    reject_and_fail();
    assert_eq!(allocations(reject_and_fail), 0, "rejected and failed");
    drop(entered);
    drop(telemetry);
}
