//! Combined load: a map that grows, a bounded one, threads that start and end, more threads than cells, guards of
//! all kinds. Each thread counts its answers; their counts and those of the map must agree.

use std::collections::BTreeMap;
use std::sync::Barrier;

use mapwarden::{Compute, HashMap, HashMapRef, Operation};
use mapwarden::{Op, Outcome};
use papaya::Guard;

use crate::snapshots::counts;

type Counts = BTreeMap<(Op, Outcome), u64>;

/// Threads that run one after the other in each of [`LANES`], with and without a crowd.
const WAVES: u64 = 60;

const LANES: u64 = 4;

/// More threads than have cells of their own.
const CROWD: usize = 140;

const BOUND: usize = 300;

fn either<T>(answer: Option<T>, some: Outcome, none: Outcome) -> Outcome {
    if answer.is_some() { some } else { none }
}

/// Runs an operation and returns its outcome as the caller sees it. `mark` is a value that no other operation uses.
fn run<G: Guard>(
    map: &HashMapRef<'_, u64, u64, std::hash::RandomState, G>,
    (key, mark): (u64, u64),
    kind: u32,
) -> (Op, Outcome) {
    use Outcome::{Conflict, Hit, Inserted, Miss, Removed, Replaced, Unchanged, Updated};
    match kind {
        0 => (Op::Get, either(map.get(&key), Hit, Miss)),
        1 => (Op::ContainsKey, if map.contains_key(&key) { Hit } else { Miss }),
        2 => (Op::Insert, either(map.insert(key, mark), Replaced, Inserted)),
        3 => (Op::TryInsert, if map.try_insert(key, mark).is_ok() { Inserted } else { Conflict }),
        4 => (Op::GetOrInsert, if *map.get_or_insert(key, mark) == mark { Inserted } else { Hit }),
        5 => (Op::Update, either(map.update(key, |_| mark), Updated, Miss)),
        6 => (Op::Remove, either(map.remove(&key), Removed, Miss)),
        7 => (
            Op::RemoveIf,
            map.remove_if(&key, |_, value| value % 2 == 0)
                .map_or(Conflict, |removed| either(removed, Removed, Miss)),
        ),
        _ => {
            let ended = map.compute(key, |entry| match entry {
                Some((_, value)) if value % 3 == 0 => Operation::Remove,
                Some((_, value)) if value % 3 == 1 => Operation::Insert(mark),
                Some(_) => Operation::Abort(()),
                None => Operation::Insert(mark),
            });
            let outcome = match ended {
                Compute::Inserted(..) => Inserted,
                Compute::Updated { .. } => Updated,
                Compute::Removed(..) => Removed,
                Compute::Aborted(()) => Unchanged,
            };
            (Op::Compute, outcome)
        }
    }
}

/// Runs one thread: 300 operations on each map, through guards of all kinds.
fn live(growing: &HashMap<u64, u64>, bounded: &HashMap<u64, u64>, number: u64) -> [Counts; 2] {
    let mut random = fastrand::Rng::with_seed(number);
    let mut sums = [Counts::new(), Counts::new()];
    let owned = growing.pin_owned();
    for turn in 0..300 {
        let mark = (number * 300 + turn + 1) * 8 + random.u64(..8);
        let (kind, key) = (random.u32(..9), random.u64(..40 * (1 + number)));
        let ended = match turn % 3 {
            0 => run(&owned, (key, mark), kind),
            1 => run(&growing.pin(), (key, mark), kind),
            _ => run(&growing.pin_owned(), (key, mark), kind),
        };
        *sums[0].entry(ended).or_default() += 1;
        let ended = if random.bool() {
            let inserted = bounded.pin().checked_insert(key, mark).map(|old| old.is_some());
            // The caller cannot see that a full map rejected a key which another thread removed during the operation.
            let outcome = if matches!(inserted, Ok(true)) { Outcome::Replaced } else { Outcome::Inserted };
            (Op::Insert, outcome)
        } else {
            (Op::Remove, either(bounded.pin().remove(&key), Outcome::Removed, Outcome::Miss))
        };
        *sums[1].entry(ended).or_default() += 1;
    }
    sums
}

fn add(into: &mut Counts, counts: Counts) {
    for (ended, count) in counts {
        *into.entry(ended).or_default() += count;
    }
}

fn waves(
    growing: &HashMap<u64, u64>,
    bounded: &HashMap<u64, u64>,
    waves: std::ops::Range<u64>,
) -> [Counts; 2] {
    let mut sums = [Counts::new(), Counts::new()];
    for wave in waves {
        std::thread::scope(|scope| {
            let lanes =
                (0..LANES).map(|lane| scope.spawn(move || live(growing, bounded, wave * LANES + lane)));
            for lane in lanes.collect::<Vec<_>>() {
                let [first, second] = lane.join().unwrap();
                add(&mut sums[0], first);
                add(&mut sums[1], second);
            }
        });
    }
    sums
}

#[test]
fn the_threads_and_the_map_count_the_same() {
    let growing: HashMap<u64, u64> = HashMap::builder().name("churn").build();
    let bounded: HashMap<u64, u64> = HashMap::builder().name("churn-bounded").max_entries(BOUND).build();
    let [mut by_threads, mut bounded_by_threads] = waves(&growing, &bounded, 0..WAVES / 2);
    let (there, leave) = (Barrier::new(CROWD + 1), Barrier::new(CROWD + 1));
    std::thread::scope(|scope| {
        for _ in 0..CROWD {
            scope.spawn(|| {
                growing.pin().get(&u64::MAX);
                there.wait();
                leave.wait();
            });
        }
        there.wait();
        // Every thread from here on is beyond the table.
        let [more, more_bounded] = waves(&growing, &bounded, WAVES / 2..WAVES);
        leave.wait();
        add(&mut by_threads, more);
        add(&mut bounded_by_threads, more_bounded);
    });
    *by_threads.entry((Op::Get, Outcome::Miss)).or_default() += u64::try_from(CROWD).unwrap();
    assert_eq!(counts("churn"), by_threads);

    let mut counted = counts("churn-bounded");
    let of = |counts: &Counts, op, outcome| counts.get(&(op, outcome)).copied().unwrap_or_default();
    let left = of(&counted, Op::Insert, Outcome::Inserted) - of(&counted, Op::Remove, Outcome::Removed);
    assert_eq!(left, u64::try_from(bounded.len()).unwrap());
    assert!(bounded.len() < BOUND + usize::try_from(LANES).unwrap());
    let rejected = counted.remove(&(Op::Insert, Outcome::Rejected)).unwrap();
    assert!(rejected > 0, "the map was full");
    *counted.entry((Op::Insert, Outcome::Inserted)).or_default() += rejected;
    counted.remove(&(Op::Len, Outcome::Unchanged));
    assert_eq!(counted, bounded_by_threads);
    let entries = |outcome| {
        by_threads.iter().filter(|((_, of), _)| *of == outcome).map(|(_, count)| count).sum::<u64>()
    };
    assert_eq!(entries(Outcome::Inserted) - entries(Outcome::Removed), u64::try_from(growing.len()).unwrap());
}
