//! Many threads: no count is lost, none decreases, and no operation is favoured.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use mapwarden::HashMap;
use mapwarden::snapshot::MapSnapshot;
use mapwarden::{Op, Outcome};

use crate::snapshots::{counts, snapshot, table};

#[test]
fn counts_of_concurrent_threads_are_exact() {
    let map: HashMap<u64, u64> = HashMap::builder().name("busy").build();
    let totals: BTreeMap<Op, u64> = std::thread::scope(|scope| {
        let map = &map;
        let threads: Vec<_> = (0..4)
            .map(|seed| {
                scope.spawn(move || {
                    let mut random = fastrand::Rng::with_seed(seed);
                    let mut done = BTreeMap::<Op, u64>::new();
                    for _ in 0..50_000 {
                        let op = random.choice([Op::Get, Op::Insert, Op::Update, Op::Remove, Op::Compute]);
                        let (op, key, pin) = (op.unwrap(), random.u64(..64), map.pin());
                        match op {
                            Op::Get => {
                                pin.get(&key);
                            }
                            Op::Insert => {
                                pin.insert(key, 1);
                            }
                            Op::Update => {
                                pin.update(key, |value| value + 1);
                            }
                            Op::Remove => {
                                pin.remove(&key);
                            }
                            _ => {
                                pin.compute(key, |entry| match entry {
                                    Some(_) => mapwarden::Operation::Remove,
                                    None => mapwarden::Operation::Abort(()),
                                });
                            }
                        }
                        *done.entry(op).or_default() += 1;
                    }
                    done
                })
            })
            .collect();
        let mut totals = BTreeMap::new();
        for thread in threads {
            for (op, done) in thread.join().unwrap() {
                *totals.entry(op).or_default() += done;
            }
        }
        totals
    });
    let counts = counts("busy");
    let mut counted = BTreeMap::new();
    for ((op, _), count) in &counts {
        *counted.entry(*op).or_default() += count;
    }
    assert_eq!(counted, totals);
    let of = |op, outcome| counts.get(&(op, outcome)).copied().unwrap_or_default();
    let entries = of(Op::Insert, Outcome::Inserted)
        - of(Op::Remove, Outcome::Removed)
        - of(Op::Compute, Outcome::Removed);
    assert_eq!(entries, u64::try_from(map.len()).unwrap(), "outcomes agree with the map");
}

#[test]
fn threads_beyond_the_table_share_cells_without_loss() {
    let map: HashMap<u64, u64> = HashMap::builder().name("crowd").build();
    map.pin().insert(1, 1);
    let all_alive = Barrier::new(200);
    std::thread::scope(|scope| {
        for _ in 0..200 {
            scope.spawn(|| {
                assert_eq!(map.pin().get(&1), Some(&1));
                all_alive.wait();
                (0..499).for_each(|_| assert_eq!(map.pin().get(&1), Some(&1)));
            });
        }
    });
    let expected = [(Op::Insert, Outcome::Inserted, 1), (Op::Get, Outcome::Hit, 100_000)];
    assert_eq!(counts("crowd"), table(expected));
}

#[test]
fn snapshots_beside_writers_never_go_back() {
    fn numbers(snapshot: &MapSnapshot) -> Vec<u64> {
        let operations = snapshot.operations.iter().map(|(_, _, count)| count.get());
        let times = Op::ALL.into_iter().map(|op| {
            snapshot.durations.iter().find(|(of, _)| *of == op).map_or(0, |(_, it)| it.count().get())
        });
        operations.chain(times).chain([snapshot.retries.get()]).collect()
    }
    let map: HashMap<u64, u64> = HashMap::builder().name("watched").build();
    let (done, watched) = (AtomicBool::new(false), Barrier::new(3));
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..2_u64)
            .map(|writer| {
                let (map, watched) = (&map, &watched);
                scope.spawn(move || {
                    watched.wait();
                    for key in 0..200_000 {
                        map.pin().insert(key % 100 + writer, key);
                        map.pin().update(key % 50, |value| value + 1);
                    }
                })
            })
            .collect();
        let watcher = scope.spawn(|| {
            watched.wait();
            let mut before = numbers(&snapshot("watched"));
            while !done.load(Ordering::Relaxed) {
                let now = numbers(&snapshot("watched"));
                assert!(before.iter().zip(&now).all(|(before, now)| before <= now), "{before:?} {now:?}");
                before = now;
            }
        });
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::Relaxed);
        watcher.join().unwrap();
    });
    assert_eq!(counts("watched").values().sum::<u64>(), 800_000);
}

#[test]
fn weights_of_timed_operations_estimate_their_number() {
    fastrand::seed(5);
    let map: HashMap<u64, u64> = HashMap::builder().name("weighed").build();
    map.pin().insert(1, 1);
    let gets = 3_000_000_u64;
    (0..gets).for_each(|_| assert!(map.pin().get(&1).is_some()));
    let snapshot = snapshot("weighed");
    let (_, times) = snapshot.durations.iter().find(|(op, _)| *op == Op::Get).unwrap();
    let estimate: u64 = times.count().get();
    // N is at most 1,024: the standard error is at most sqrt(1,024 / 3,000,000) = 1.8 %; 10 % is 5 of them.
    assert!((gets * 90 / 100..=gets * 110 / 100).contains(&estimate), "{estimate} of {gets}");
}
