//! One map, operation by operation: outcomes, names, entries, objectives, panics, guards.

use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use mapwarden::{Compute, HashMap, HashMapRef, Objective, Operation, OwnedGuard};
use mapwarden::{Count, Op, Outcome};

use crate::snapshots::{counts, snapshot, table};

#[test]
#[expect(clippy::too_many_lines, reason = "one table is easier to check")]
fn every_operation_counts_its_outcome() {
    let map: HashMap<String, u32> = HashMap::builder().name("ops").build();
    let pin = map.pin();
    assert_eq!(pin.get("a"), None);
    assert_eq!(pin.insert("a".into(), 1), None);
    assert_eq!(pin.insert("a".into(), 2), Some(&1));
    assert_eq!(pin.get("a"), Some(&2));
    assert_eq!(pin.get_key_value("a"), Some((&"a".into(), &2)));
    assert_eq!(pin.get_key_value("b"), None);
    assert!(pin.contains_key("a") && !pin.contains_key("b"));
    assert_eq!(pin.try_insert("a".into(), 3).unwrap_err().not_inserted, 3);
    assert_eq!(pin.try_insert("b".into(), 4), Ok(&4));
    assert_eq!(pin.try_insert_with("b".into(), || 5), Err(&4));
    assert_eq!(pin.get_or_insert("b".into(), 5), &4);
    assert_eq!(pin.get_or_insert("c".into(), 6), &6);
    assert_eq!(pin.get_or_insert_with("d".into(), || 7), &7);
    assert_eq!(pin.update("d".into(), |value| value + 1), Some(&8));
    assert_eq!(pin.update("z".into(), |value| value + 1), None);
    assert_eq!(pin.update_or_insert("d".into(), |value| value + 1, 0), &9);
    assert_eq!(pin.update_or_insert_with("e".into(), |value| value + 1, || 10), &10);
    assert_eq!(
        pin.compute("f".into(), |_| Operation::Insert::<_, ()>(11)),
        Compute::Inserted(&"f".into(), &11)
    );
    assert!(matches!(pin.compute("f".into(), |_| Operation::Insert::<_, ()>(12)), Compute::Updated { .. }));
    assert!(matches!(pin.compute("f".into(), |_| Operation::Remove::<_, ()>), Compute::Removed(_, 12)));
    assert_eq!(pin.compute("f".into(), |_| Operation::Abort("no")), Compute::Aborted("no"));
    assert_eq!(pin.remove("e"), Some(&10));
    assert_eq!(pin.remove_entry("e"), None);
    assert_eq!(pin.remove_if("d", |_, value| *value == 0), Err((&"d".into(), &9)));
    assert_eq!(pin.remove_if("d", |_, value| *value == 9), Ok(Some((&"d".into(), &9))));
    assert_eq!(pin.remove_if("d", |_, _| true), Ok(None));
    assert_eq!(pin.len(), 3);
    assert!(!pin.is_empty());
    assert_eq!(pin.iter().count() + pin.keys().count() + pin.values().count(), 9);
    pin.retain(|_, _| true);
    pin.retain(|_, value| *value == 2);
    pin.reserve(100);
    pin.clear();
    pin.clear();
    let expected = [
        (Op::Get, Outcome::Hit, 1),
        (Op::Get, Outcome::Miss, 1),
        (Op::GetKeyValue, Outcome::Hit, 1),
        (Op::GetKeyValue, Outcome::Miss, 1),
        (Op::ContainsKey, Outcome::Hit, 1),
        (Op::ContainsKey, Outcome::Miss, 1),
        (Op::Insert, Outcome::Inserted, 1),
        (Op::Insert, Outcome::Replaced, 1),
        (Op::TryInsert, Outcome::Inserted, 1),
        (Op::TryInsert, Outcome::Conflict, 2),
        (Op::GetOrInsert, Outcome::Hit, 1),
        (Op::GetOrInsert, Outcome::Inserted, 2),
        (Op::Update, Outcome::Updated, 1),
        (Op::Update, Outcome::Miss, 1),
        (Op::UpdateOrInsert, Outcome::Updated, 1),
        (Op::UpdateOrInsert, Outcome::Inserted, 1),
        (Op::Compute, Outcome::Inserted, 1),
        (Op::Compute, Outcome::Updated, 1),
        (Op::Compute, Outcome::Removed, 1),
        (Op::Compute, Outcome::Unchanged, 1),
        (Op::Remove, Outcome::Removed, 1),
        (Op::Remove, Outcome::Miss, 1),
        (Op::RemoveIf, Outcome::Removed, 1),
        (Op::RemoveIf, Outcome::Conflict, 1),
        (Op::RemoveIf, Outcome::Miss, 1),
        (Op::Len, Outcome::Unchanged, 2),
        (Op::Iter, Outcome::Unchanged, 3),
        (Op::Retain, Outcome::Unchanged, 1),
        (Op::Retain, Outcome::Removed, 1),
        (Op::Reserve, Outcome::Unchanged, 1),
        (Op::Clear, Outcome::Removed, 1),
        (Op::Clear, Outcome::Unchanged, 1),
    ];
    assert_eq!(counts("ops"), table(expected));
}

#[test]
fn every_possible_pair_exists_from_the_start() {
    let map: HashMap<u8, u8> = HashMap::builder().name("zeros").build();
    assert_eq!(map.name(), "zeros");
    let operations = snapshot("zeros").operations;
    assert!(operations.iter().all(|(_, _, count)| *count == Count::ZERO));
    for op in Op::ALL {
        assert!(operations.iter().any(|(of, _, _)| *of == op), "{op:?}");
    }
    assert!(operations.contains(&(Op::Insert, Outcome::Rejected, Count::ZERO)));
    assert!(!operations.iter().any(|(op, outcome, _)| (*op, *outcome) == (Op::Get, Outcome::Inserted)));
}

/// A key with a comparison that panics on request.
#[derive(Clone)]
struct Touchy(bool);

impl Hash for Touchy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        0_u8.hash(state);
    }
}
impl PartialEq for Touchy {
    fn eq(&self, other: &Self) -> bool {
        assert!(!self.0 && !other.0, "touched");
        true
    }
}
impl Eq for Touchy {}

#[test]
fn panics_pass_through_and_count_as_failed() {
    let map: HashMap<Touchy, u32> = HashMap::builder().name("panics").build();
    let other: HashMap<Touchy, u32> = HashMap::new();
    let key = || Touchy(false);
    // Twice 100 times, so that both paths are taken: all are timed at first, and hardly any at a higher rate.
    for _ in 0..2 {
        for _ in 0..100 {
            let pin = map.pin();
            pin.insert(key(), 1);
            let panics: [(Op, &dyn Fn()); 9] = [
                (Op::Get, &|| {
                    pin.get(&Touchy(true));
                }),
                (Op::Insert, &|| {
                    pin.insert(Touchy(true), 2);
                }),
                (Op::Update, &|| {
                    pin.update(key(), |_| panic!("update"));
                }),
                (Op::UpdateOrInsert, &|| {
                    pin.update_or_insert(key(), |_| panic!("update"), 1);
                }),
                (Op::Compute, &|| {
                    pin.compute(key(), |_| -> Operation<u32, ()> { panic!("compute") });
                }),
                (Op::RemoveIf, &|| {
                    let _ = pin.remove_if(&key(), |_, _| panic!("remove"));
                }),
                (Op::Retain, &|| pin.retain(|_, _| panic!("retain"))),
                (Op::ContainsKey, &|| {
                    map.contains_key(&key(), &other.guard());
                }),
                (Op::Iter, &|| {
                    map.iter(&other.guard());
                }),
            ];
            for (op, run) in panics {
                assert!(catch_unwind(AssertUnwindSafe(run)).is_err(), "{op:?}");
            }
            assert_eq!(pin.remove(&key()), Some(&1), "the map still works");
            let load = || pin.get_or_insert_with(key(), || panic!("load"));
            assert!(catch_unwind(AssertUnwindSafe(load)).is_err());
        }
        (0..100_000).for_each(|_| assert!(map.pin().get(&key()).is_none()));
    }
    let counts = counts("panics");
    for op in [
        Op::Get,
        Op::Insert,
        Op::Update,
        Op::UpdateOrInsert,
        Op::Compute,
        Op::RemoveIf,
        Op::Retain,
        Op::ContainsKey,
        Op::Iter,
        Op::GetOrInsert,
    ] {
        assert_eq!(counts.get(&(op, Outcome::Failed)), Some(&200), "{op:?}");
    }
    assert_eq!(counts.values().sum::<u64>(), 10 * 200 + 2 * 200 + 200_000);
}

#[test]
fn maps_of_one_name_add_up_and_stay_when_dropped() {
    let make = || -> HashMap<u32, u32> { HashMap::builder().name("shared").build() };
    let (first, second) = (make(), make());
    (0..10).for_each(|key| assert!(first.pin().insert(key, key).is_none()));
    (0..5).for_each(|key| assert!(second.pin().insert(key, key).is_none()));
    assert_eq!(snapshot("shared").entries, Count::new(15));
    drop(first);
    assert_eq!(snapshot("shared").entries, Count::new(5));
    let third = second.clone();
    assert_eq!(snapshot("shared").entries, Count::new(10));
    assert_eq!(third.pin().get(&3), Some(&3));
    drop((second, third));
    assert_eq!(snapshot("shared").entries, Count::ZERO);
    assert_eq!(counts("shared"), table([(Op::Insert, Outcome::Inserted, 15), (Op::Get, Outcome::Hit, 1)]));
}

#[test]
fn an_unnamed_map_is_named_by_its_location() {
    let (map, line) = (HashMap::<u8, u8>::new(), line!());
    assert_eq!(map.name(), format!("{}:{line}", file!()));
    let (map, line) = (HashMap::<u8, u8>::default(), line!());
    assert_eq!(map.name(), format!("{}:{line}", file!()));
    let (map, line) = (HashMap::from([(1, 2)]), line!());
    assert_eq!(map.name(), format!("{}:{line}", file!()));
    assert_eq!(map.pin().get(&1), Some(&2));
}

#[test]
fn objectives_judge_every_operation_at_low_rates() {
    let slow = Objective::latency(Duration::from_nanos(1), 0.9).unwrap();
    let map: HashMap<u32, u32> = HashMap::builder()
        .name("judged")
        .max_entries(20)
        .objective(slow)
        .objective(Objective::availability(0.99).unwrap())
        .objective(Objective::hit_ratio(0.5).unwrap())
        .build();
    let pin = map.pin();
    (0..30).for_each(|key| assert_eq!(pin.insert(key, key), None));
    (10..30).for_each(|key| assert_eq!(pin.get(&key).is_some(), key < 20));
    pin.clear();
    let snapshot = snapshot("judged");
    let events: Vec<_> = snapshot
        .objectives
        .iter()
        .map(|it| (&*it.name, it.events[0].1.get(), it.events[0].2.get()))
        .collect();
    // `clear` counts for availability, but is no operation on a single key, as latency requires.
    assert_eq!(
        events,
        [("judged-availability", 41, 10), ("judged-latency", 0, 50), ("judged-hit_ratio", 10, 10)]
    );
    let timed: Vec<(Op, u64)> =
        snapshot.durations.iter().map(|(op, times)| (*op, times.count().get())).collect();
    assert_eq!(timed, [(Op::Get, 20), (Op::Insert, 30), (Op::Clear, 1)]);
    assert_eq!(snapshot.entries, Count::ZERO);
}

#[test]
fn repeated_runs_of_a_closure_count_as_retries() {
    let map: HashMap<u32, u32> = HashMap::builder().name("retries").build();
    map.pin().insert(1, 0);
    let pin = map.pin();
    let interfere = |seen: u32| {
        if seen < 2 {
            map.pin().insert(1, seen + 1);
        }
    };
    let updated = pin.update(1, |value| {
        interfere(*value);
        value + 10
    });
    assert_eq!(updated, Some(&12));
    assert_eq!(snapshot("retries").retries, Count::new(2));
    pin.insert(1, 1);
    let computed = pin.compute(1, |entry| {
        let (_, value) = entry.unwrap();
        interfere(*value);
        Operation::Insert::<_, ()>(value + 10)
    });
    assert!(matches!(computed, Compute::Updated { new: (_, 12), .. }));
    assert_eq!(snapshot("retries").retries, Count::new(3));
}

#[test]
fn an_owned_pin_moves_between_threads_without_loss() {
    fn moves<T: Send + Sync>(value: T) -> T {
        value
    }
    let map: HashMap<u32, u32> = HashMap::builder().name("owned").build();
    map.pin().insert(1, 1);
    let mut pin: HashMapRef<'_, u32, u32, _, OwnedGuard<'_>> = moves(map.pin_owned());
    for _ in 0..20 {
        pin = std::thread::scope(|scope| {
            let thread = scope.spawn(move || {
                (0..1000).for_each(|_| assert_eq!(pin.get(&1), Some(&1)));
                pin
            });
            // At the same time the first thread uses the map too.
            (0..1000).for_each(|_| assert_eq!(map.pin().get(&1), Some(&1)));
            thread.join().unwrap()
        });
    }
    let guard = map.owned_guard();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..1000).for_each(|_| assert_eq!(map.get(&1, &guard), Some(&1))));
        }
    });
    assert_eq!(counts("owned"), table([(Op::Insert, Outcome::Inserted, 1), (Op::Get, Outcome::Hit, 44_000)]));
}
