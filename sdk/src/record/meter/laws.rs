//! Laws of a meter's numbers: cells sum to events, weights sum to judged events and to samples, and no number goes
//! back.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::record::MapSnapshot;
use crate::record::outcomes::pairs;

/// A cell, a pair of operation and outcome, both by position, and a key.
type Done = (usize, usize, u64);

fn done() -> impl Strategy<Value = Done> {
    (0..4_usize, 0..pairs().count(), 0..100_u64)
}

/// Returns two exclusive and two shared cells.
fn cells(meter: &Meter) -> Vec<&ThreadCell> {
    let exclusive = meter.exclusive.iter().take(2);
    let exclusive = exclusive.map(|cell| cell.get_or_init(|| Box::new(ThreadCell::exclusive(0))));
    let shared = meter.shared.iter().take(2);
    exclusive.chain(shared.map(|cell| cell.get_or_init(|| Box::new(ThreadCell::shared(0))))).collect()
}

/// Runs an operation as a map does. Returns its weight if it was timed by its turn, otherwise 0.
fn run(meter: &Meter, cell: &ThreadCell, (op, outcome): (Op, Outcome), key: u64) -> u64 {
    if is_whole(op) {
        meter.begin_always(cell, op).end(outcome);
        return 0;
    }
    match meter.begin_untimed(cell, op) {
        Ok(untimed) => {
            untimed.end(outcome);
            0
        }
        Err(due) => {
            let mut running = meter.begin_due(cell, op, due);
            running.sample(Some(KeyHash(key)));
            running.start();
            match running.end(outcome) {
                Ended::Timed => due.weight,
                Ended::Untimed => 0,
            }
        }
    }
}

fn is_whole(op: Op) -> bool {
    matches!(op, Op::Retain | Op::Clear | Op::Iter | Op::Len | Op::Reserve)
}

/// Returns every number in a snapshot that only grows.
fn growing(snapshot: &MapSnapshot) -> BTreeMap<String, u64> {
    let counts = snapshot.operations.iter().map(|(op, end, count)| (format!("{op:?} {end:?}"), count.get()));
    let times = snapshot.durations.iter().flat_map(|(op, times)| {
        let sum = (format!("{op:?} seconds"), times.sum.get());
        let buckets = times.counts.iter().enumerate();
        buckets.map(move |(bucket, count)| (format!("{op:?} {bucket}"), *count)).chain([sum])
    });
    let events = snapshot.objectives.iter().flat_map(|objective| {
        let parts = objective.events.iter().enumerate();
        parts.flat_map(|(part, (_, good, bad))| {
            [("good", good), ("bad", bad)]
                .map(|(kind, count)| (format!("{} {part} {kind}", objective.name), count.get()))
        })
    });
    let sampled = [("sampled".to_owned(), snapshot.sampled.operations.get())];
    counts.chain(times).chain(events).chain(sampled).collect()
}

fn weighted(snapshot: &MapSnapshot, is_wanted: impl Fn(Op) -> bool) -> u64 {
    let wanted = snapshot.durations.iter().filter(|(op, _)| is_wanted(*op));
    wanted.flat_map(|(_, times)| times.counts.iter()).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn parts_sum_to_their_whole_and_no_number_goes_back(
        batches in prop::collection::vec(
            prop::collection::vec(done(), 0..400),
            1..6,
        ),
        one_in in prop::sample::select(vec![1_u64, 8, 1024]),
    ) {
        let meter = Meter::new("laws".into());
        let latency = Objective::latency(Duration::from_nanos(300), 0.9).unwrap();
        meter.declare(&"laws-latency".into(), latency).unwrap();
        meter.declare(&"laws-availability".into(), Objective::availability(0.9).unwrap()).unwrap();
        let cells = cells(&meter);
        cells.iter().for_each(|cell| cell.draw_for_test(one_in));
        let all: Vec<_> = pairs().collect();
        let mut truth = BTreeMap::<(Op, Outcome), u64>::new();
        let (mut drawn, mut whole, mut before) = (0, 0, BTreeMap::new());
        for batch in batches {
            for (cell, pair, key) in &batch {
                drawn += run(&meter, cells[*cell], all[*pair], *key);
                whole += u64::from(is_whole(all[*pair].0));
                *truth.entry(all[*pair]).or_default() += 1;
            }
            let snapshot = meter.snapshot();
            for (op, outcome, count) in &snapshot.operations {
                prop_assert_eq!(count.get(), truth.get(&(*op, *outcome)).copied().unwrap_or_default());
            }
            let events = truth.values().sum::<u64>();
            prop_assert_eq!(cells.iter().map(|cell| cell.total()).sum::<u64>(), events);
            prop_assert_eq!(weighted(&snapshot, |op| !is_whole(op)), drawn);
            prop_assert_eq!(weighted(&snapshot, is_whole), whole, "all of them are timed");
            let [availability, latency] = &snapshot.objectives[..] else { panic!("two were declared") };
            let judged = |parts: &[(Arc<str>, mapwarden_contract::Count, mapwarden_contract::Count)]| {
                parts.iter().map(|(_, good, bad)| good.get() + bad.get()).sum::<u64>()
            };
            prop_assert_eq!(judged(&latency.events), drawn, "met and missed");
            prop_assert_eq!(judged(&availability.events), events);
            let sampled = &snapshot.sampled;
            prop_assert_eq!(sampled.operations.get(), drawn);
            let scopes: u64 = sampled.scopes.iter().map(|(_, count)| count.get()).sum();
            prop_assert_eq!(scopes, drawn, "by request scope");
            let hot: u64 = sampled.hot_keys.iter().map(|key| key.operations.get()).sum();
            prop_assert!(hot <= drawn);
            let now = growing(&snapshot);
            for (name, number) in &before {
                prop_assert!(now.get(name) >= Some(number), "{name} went back");
            }
            before = now;
        }
    }
}
