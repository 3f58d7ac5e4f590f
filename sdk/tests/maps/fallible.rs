//! Operations with a closure that may fail.

use std::fmt;

use mapwarden::HashMap;
use mapwarden::{Count, Op, Outcome};

use super::snapshots::{counts, snapshot, table};

#[derive(Debug, PartialEq)]
struct Unreachable;

impl fmt::Display for Unreachable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("unreachable")
    }
}

fn failures(name: &str) -> Vec<(Op, &'static str, u64)> {
    snapshot(name).failures.into_iter().map(|(op, error, count)| (op, error, count.get())).collect()
}

#[test]
fn a_loader_runs_for_an_absent_key_and_may_fail() {
    let map: HashMap<u32, String> = HashMap::builder().name("fallible-load").build();
    let pinned = map.pin();
    let failed = pinned.try_get_or_insert_with(1, || Err(Unreachable));
    assert_eq!(failed, Err(Unreachable));
    assert_eq!(pinned.get(&1), None, "nothing is inserted");
    assert_eq!(
        pinned.try_get_or_insert_with(1, || Ok::<_, Unreachable>("one".to_owned())),
        Ok(&"one".to_owned())
    );
    let never = || -> Result<String, Unreachable> { panic!("the key is there") };
    assert_eq!(pinned.try_get_or_insert_with(1, never), Ok(&"one".to_owned()));
    assert_eq!(map.try_get_or_insert_with(1, never, &map.guard()), Ok(&"one".to_owned()));
    let expected = table([
        (Op::Load, Outcome::Failed, 1),
        (Op::Load, Outcome::Inserted, 1),
        (Op::Load, Outcome::Hit, 2),
        (Op::Get, Outcome::Miss, 1),
    ]);
    assert_eq!(counts("fallible-load"), expected);
    assert_eq!(failures("fallible-load"), [(Op::Load, std::any::type_name::<Unreachable>(), 1)]);
}

#[test]
fn a_validator_that_fails_keeps_the_value() {
    let map: HashMap<u32, u32> = HashMap::builder().name("fallible-update").build();
    let pinned = map.pin();
    let halve = |value: &u32| if value.is_multiple_of(2) { Ok(value / 2) } else { Err(Unreachable) };
    assert_eq!(pinned.try_update(1, halve), Ok(None));
    pinned.insert(1, 6);
    assert_eq!(pinned.try_update(1, halve), Ok(Some(&3)));
    assert_eq!(pinned.try_update(1, halve), Err(Unreachable));
    assert_eq!(map.try_update(1, halve, &map.guard()), Err(Unreachable));
    assert_eq!(pinned.get(&1), Some(&3));
    let expected = table([
        (Op::Update, Outcome::Miss, 1),
        (Op::Update, Outcome::Updated, 1),
        (Op::Update, Outcome::Failed, 2),
        (Op::Insert, Outcome::Inserted, 1),
        (Op::Get, Outcome::Hit, 1),
    ]);
    assert_eq!(counts("fallible-update"), expected);
    assert_eq!(failures("fallible-update"), [(Op::Update, std::any::type_name::<Unreachable>(), 2)]);
}

#[test]
fn a_panic_is_a_failure_of_its_own_type() {
    let map: HashMap<u32, u32> = HashMap::builder().name("fallible-panic").build();
    let load = || -> Result<u32, Unreachable> { panic!("on purpose") };
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = map.pin().try_get_or_insert_with(1, load);
    }));
    assert!(caught.is_err());
    assert_eq!(counts("fallible-panic"), table([(Op::Load, Outcome::Failed, 1)]));
    assert_eq!(failures("fallible-panic"), [(Op::Load, "panic", 1)]);
}

#[test]
fn a_full_map_returns_a_loaded_value_and_does_not_keep_it() {
    let map: HashMap<u32, u32> = HashMap::builder().name("fallible-full").max_entries(1).build();
    let pinned = map.pin();
    assert_eq!(pinned.try_get_or_insert_with(1, || Ok::<_, Unreachable>(10)), Ok(&10));
    assert_eq!(pinned.try_get_or_insert_with(2, || Ok::<_, Unreachable>(20)), Ok(&20));
    assert_eq!((pinned.get(&2), pinned.len()), (None, 1));
    assert_eq!(snapshot("fallible-full").max_entries, Some(Count::new(1)));
    let loads = counts("fallible-full").into_iter().filter(|((op, _), _)| *op == Op::Load).collect();
    assert_eq!(table([(Op::Load, Outcome::Inserted, 1), (Op::Load, Outcome::Rejected, 1)]), loads);
}

#[test]
fn a_load_is_timed_but_is_not_a_latency_event() {
    let objective = mapwarden::Objective::latency(std::time::Duration::from_nanos(1), 0.9).unwrap();
    let map: HashMap<u32, u32> = HashMap::builder().name("fallible-timed").objective(objective).build();
    for key in 0..100 {
        map.pin().try_get_or_insert_with(key, || Ok::<_, Unreachable>(key)).unwrap();
    }
    let snapshot = snapshot("fallible-timed");
    let timed: u64 = snapshot.durations.iter().map(|(_, duration)| duration.count().get()).sum();
    assert_eq!(timed, 100);
    assert_eq!(snapshot.objectives[0].events, [("".into(), Count::ZERO, Count::ZERO)]);
}
