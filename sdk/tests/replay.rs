//! Two threads replay a recorded hour of a database's page references through one bounded map that serves as a cache.
//! The map's counts equal those of the threads, to the last event. Comes in: the trace (path in `MAPWARDEN_TRACE`,
//! otherwise `shared/data/oltp.lis.zst` beside the repository). Without the file the test prints that it was skipped. A
//! binary of its own, because the replay takes seconds.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "clippy's exemptions for tests end at their helpers"
)]

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Barrier;

use mapwarden::snapshot::Snapshot;
use mapwarden::{HashMap, Objective};
use mapwarden::{Op, Outcome};
use ruzstd::decoding::StreamingDecoder;

/// A ninth of the trace's keys, so that a third of the references miss and the map is full most of the time.
const MAX_ENTRIES: usize = 20_000;

/// References after which the threads wait for each other, so that they stay on the same keys and meet.
const STRIDE: usize = 4096;

type Counts = BTreeMap<(Op, Outcome), u64>;

/// The operations of one thread, by its own counts.
#[derive(Default)]
struct Replayer {
    parity: u64,
    counts: Counts,
    retries: u64,
    /// The keys that this thread inserted, oldest first.
    mine: VecDeque<u64>,
}

impl Replayer {
    fn count(&mut self, op: Op, outcome: Outcome) {
        *self.counts.entry((op, outcome)).or_default() += 1;
    }

    fn get(&mut self, map: &HashMap<u64, u64>, key: u64) -> bool {
        let found = map.pin().get(&key).is_some();
        self.count(Op::Get, if found { Outcome::Hit } else { Outcome::Miss });
        found
    }

    /// Updates the value, and counts how often the other thread was faster.
    fn update(&mut self, map: &HashMap<u64, u64>, key: u64) {
        let calls = Cell::new(0);
        let updated = map
            .pin()
            .update(key, |times| {
                calls.set(calls.get() + 1);
                times + 1
            })
            .is_some();
        self.count(Op::Update, if updated { Outcome::Updated } else { Outcome::Miss });
        self.retries += u64::saturating_sub(calls.get(), 1);
    }

    /// Inserts the key. If the map is full, removes this thread's oldest keys until there is room.
    fn insert(&mut self, map: &HashMap<u64, u64>, key: u64) {
        loop {
            let answer = map.pin().checked_insert(key, 1).map(|old| old.is_some());
            // No other thread removes this key, so it was rejected if it is not there now, whatever the answer was.
            let is_there = answer.is_ok() && self.get(map, key);
            self.count(
                Op::Insert,
                match answer {
                    Ok(true) => Outcome::Replaced,
                    Ok(false) if is_there => Outcome::Inserted,
                    Ok(false) | Err(_) => Outcome::Rejected,
                },
            );
            if is_there {
                self.mine.push_back(key);
                return;
            }
            let Some(oldest) = self.mine.pop_front() else { return };
            self.evict(map, oldest);
        }
    }

    fn evict(&mut self, map: &HashMap<u64, u64>, key: u64) {
        let removed = map.pin().remove(&key).is_some();
        self.count(Op::Remove, if removed { Outcome::Removed } else { Outcome::Miss });
    }

    /// Only a key's owner inserts and removes it: a thread cannot see the rejection of a key that another thread
    /// inserts and removes at the same moment. Both threads read and update all keys.
    fn refer(&mut self, map: &HashMap<u64, u64>, key: u64) {
        if self.get(map, key) {
            self.update(map, key);
        } else if key % 2 == self.parity {
            self.insert(map, key);
        }
    }
}

/// Returns the path of the trace.
fn path() -> PathBuf {
    std::env::var_os("MAPWARDEN_TRACE").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/oltp.lis.zst")),
        PathBuf::from,
    )
}

/// Returns the keys of the trace in order: the first field of each line.
fn keys(file: File) -> Vec<u64> {
    let mut text = String::new();
    StreamingDecoder::new(file).unwrap().read_to_string(&mut text).unwrap();
    text.lines().map(|line| line.split(' ').next().unwrap().parse().unwrap()).collect()
}

/// Runs both threads over the whole trace, side by side.
fn replay(map: &HashMap<u64, u64>, keys: &[u64]) -> (Counts, u64) {
    let barrier = Barrier::new(2);
    let walk = |parity| {
        let mut replayer = Replayer { parity, ..Replayer::default() };
        for chunk in keys.chunks(STRIDE) {
            barrier.wait();
            chunk.iter().for_each(|key| replayer.refer(map, *key));
        }
        replayer
    };
    let replayers = std::thread::scope(|scope| {
        let threads = [0, 1].map(|parity| scope.spawn(move || walk(parity)));
        threads.map(|thread| thread.join().unwrap())
    });
    let mut counts = Counts::new();
    let mut retries = 0;
    for replayer in replayers {
        retries += replayer.retries;
        for (pair, count) in replayer.counts {
            *counts.entry(pair).or_default() += count;
        }
    }
    (counts, retries)
}

#[test]
fn a_replayed_trace_is_counted_to_the_last_event() {
    let path = path();
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) => {
            eprintln!("SKIPPED, nothing was tested: no trace at {}: {error}", path.display());
            return;
        }
    };
    let keys = keys(file);
    let map = HashMap::builder()
        .name("replayed")
        .max_entries(MAX_ENTRIES)
        .objective(Objective::availability(0.999).unwrap())
        .objective(Objective::hit_ratio(0.5).unwrap())
        .build();
    let (mut expected, retries) = replay(&map, &keys);
    let entries = map.len();
    expected.insert((Op::Len, Outcome::Unchanged), 1);

    let snapshot = Snapshot::take().maps.into_iter().find(|it| &*it.name == "replayed").unwrap();
    let counts: Counts = snapshot
        .operations
        .iter()
        .map(|(op, outcome, count)| ((*op, *outcome), count.get()))
        .filter(|(_, count)| *count > 0)
        .collect();
    assert_eq!(counts, expected);
    assert_eq!(snapshot.retries.get(), retries);
    assert_eq!(snapshot.entries.get(), u64::try_from(entries).unwrap());

    let of = |op, outcome| expected.get(&(op, outcome)).copied().unwrap_or_default();
    let (inserted, removed) = (of(Op::Insert, Outcome::Inserted), of(Op::Remove, Outcome::Removed));
    let references = 2 * u64::try_from(keys.len()).unwrap();
    assert!(of(Op::Get, Outcome::Hit) + of(Op::Get, Outcome::Miss) >= references + inserted);
    assert_eq!(inserted - removed, snapshot.entries.get());
    let rejected = of(Op::Insert, Outcome::Rejected);
    assert!(rejected > 0 && removed > 0, "a trace with more keys than the map holds");

    let all: u64 = expected.values().sum();
    let events = |name: &str| {
        let objective = snapshot.objectives.iter().find(|objective| &*objective.name == name).unwrap();
        objective.events.iter().map(|(_, good, bad)| (good.get(), bad.get())).collect::<Vec<_>>()
    };
    assert_eq!(events("replayed-availability"), [(all - rejected, rejected)]);
    let (hits, misses) = (of(Op::Get, Outcome::Hit), of(Op::Get, Outcome::Miss));
    assert_eq!(events("replayed-hit_ratio"), [(hits, misses)]);
    eprintln!("{} references by each of two threads, {retries} retries: {expected:?}", keys.len());
}
