//! A map with `max_entries`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use mapwarden::{Compute, HashMap, OccupiedError, Operation};
use mapwarden::{Count, Op, Outcome};

use crate::snapshots::{counts, snapshot, table};

#[test]
fn a_full_map_rejects_new_keys_and_serves_old_ones() {
    let map: HashMap<u32, u32> = HashMap::builder().name("full").max_entries(2).build();
    let pin = map.pin();
    assert_eq!(pin.checked_insert(1, 10).unwrap(), None);
    assert_eq!(pin.insert(2, 20), None);

    assert_eq!(pin.insert(3, 30), None);
    let rejected = pin.checked_insert(4, 40).unwrap_err();
    assert_eq!((rejected.key, rejected.value), (4, 40));
    assert_eq!(
        rejected.to_string(),
        "map `full` is full: it holds its max_entries of 2 and takes no new key"
    );
    assert_eq!(pin.try_insert(5, 50), Ok(&50), "readable while the pin lives");
    assert_eq!(pin.try_insert_with(5, || 51), Ok(&51));
    assert_eq!(pin.get_or_insert(6, 60), &60);
    assert_eq!(pin.get_or_insert_with(6, || 61), &61);
    assert_eq!(pin.update_or_insert(7, |value| value + 1, 70), &70);
    assert_eq!(pin.compute(8, |_| Operation::Insert::<_, ()>(80)), Compute::Inserted(&8, &80));
    (3..9).for_each(|key| assert_eq!(pin.get(&key), None, "{key}"));

    assert_eq!(pin.insert(1, 11), Some(&10));
    assert_eq!(pin.checked_insert(1, 12).unwrap(), Some(&11));
    assert_eq!(pin.try_insert(1, 13).unwrap_err().not_inserted, 13);
    assert_eq!(pin.try_insert_with(1, || 14), Err(&12));
    assert_eq!(pin.get_or_insert(1, 15), &12);
    assert_eq!(pin.update_or_insert(1, |value| value + 1, 0), &13);
    assert_eq!(pin.update(1, |value| value + 1), Some(&14));
    assert_eq!(pin.compute(1, |_| Operation::Abort(())), Compute::Aborted(()));
    assert_eq!(pin.compute(1, |_| Operation::Remove::<_, ()>), Compute::Removed(&1, &14));

    assert_eq!(pin.insert(3, 31), None);
    assert_eq!(pin.get(&3), Some(&31), "the map has room again");
    assert_eq!(pin.len(), 2);
    let expected = [
        (Op::Get, Outcome::Hit, 1),
        (Op::Get, Outcome::Miss, 6),
        (Op::Insert, Outcome::Inserted, 3),
        (Op::Insert, Outcome::Replaced, 2),
        (Op::Insert, Outcome::Rejected, 2),
        (Op::TryInsert, Outcome::Conflict, 2),
        (Op::TryInsert, Outcome::Rejected, 2),
        (Op::GetOrInsert, Outcome::Hit, 1),
        (Op::GetOrInsert, Outcome::Rejected, 2),
        (Op::Update, Outcome::Updated, 1),
        (Op::UpdateOrInsert, Outcome::Updated, 1),
        (Op::UpdateOrInsert, Outcome::Rejected, 1),
        (Op::Compute, Outcome::Removed, 1),
        (Op::Compute, Outcome::Unchanged, 1),
        (Op::Compute, Outcome::Rejected, 1),
        (Op::Len, Outcome::Unchanged, 1),
    ];
    assert_eq!(counts("full"), table(expected));
    assert_eq!(snapshot("full").entries, Count::new(2));
}

#[test]
fn threads_pass_the_bound_by_at_most_their_number() {
    let map: HashMap<u32, u32> = HashMap::builder().name("rush").max_entries(100).build();
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            let map = &map;
            scope.spawn(move || {
                for key in 0..5_000 {
                    map.pin().insert(thread * 5_000 + key, key);
                }
            });
        }
    });
    assert!((100..=103).contains(&map.len()), "{}", map.len());
    let counts = counts("rush");
    let of = |outcome| counts.get(&(Op::Insert, outcome)).copied().unwrap_or_default();
    assert_eq!(of(Outcome::Inserted) + of(Outcome::Rejected), 20_000);
    assert_eq!(of(Outcome::Inserted), u64::try_from(map.len()).unwrap());
}

/// How long two threads may take in total. Long, because a busy machine is not a failure.
const PATIENCE: Duration = Duration::from_secs(120);

/// Two threads repeatedly insert the same new keys into a full map. Not scoped: if one thread panics, the other waits
/// at the barrier without end, and only the test can report it.
fn race(map: HashMap<u64, u64>, keys: u64, insert: impl Fn(&HashMap<u64, u64>, u64) + Send + Sync + 'static) {
    let (map, insert, barrier) = (Arc::new(map), Arc::new(insert), Arc::new(Barrier::new(2)));
    let (done, both_done) = channel();
    for _ in 0..2 {
        let (map, insert, barrier, done) =
            (Arc::clone(&map), Arc::clone(&insert), Arc::clone(&barrier), done.clone());
        thread::spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(|| {
                for key in 1_000..1_000 + keys {
                    if key % 100 == 0 {
                        barrier.wait();
                    }
                    insert(&map, key);
                }
            }));
            // The receiver is gone if the other thread failed first.
            let _ = done.send(result.is_ok());
        });
    }
    for _ in 0..2 {
        assert_eq!(both_done.recv_timeout(PATIENCE), Ok(true), "a thread panicked or did not return");
    }
    assert!((100..=101).contains(&map.len()), "{}", map.len());
}

fn full_of_100(name: &str) -> HashMap<u64, u64> {
    let map: HashMap<u64, u64> = HashMap::builder().name(name).max_entries(100).build();
    (0..100).for_each(|key| assert_eq!(map.pin().insert(key, 0), None));
    map
}

#[test]
fn two_threads_that_insert_one_new_key_both_return() {
    let map = full_of_100("tried-at-once");
    race(map, 200_000, |map, key| {
        let pin = map.pin();
        // Either result is correct: the entry of the other thread may exist for a moment.
        let (Ok(value) | Err(OccupiedError { current: value, .. })) = pin.try_insert(1_000 + key % 4, 7);
        assert_eq!(value, &7);
    });
}

#[test]
fn an_entry_updated_while_rejected_stays_out() {
    let map = full_of_100("updated-at-once");
    race(map, 60_000, |map, key| {
        map.pin().update_or_insert(key, |value| value + 1, 1);
    });
}
