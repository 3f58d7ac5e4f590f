//! A cell under every order that the memory model allows. All draws come from one generator that is seeded again for
//! each order, so that loom sees the same gaps.

use std::sync::Arc;

use loom::thread;

use super::*;
use crate::record::random::seed_for_test;
use crate::record::sampler::MAX_ONE_IN;

const N: u64 = 8;

/// Returns a cell that times the operation after the next with weight [`N`].
fn drawn() -> Arc<ThreadCell> {
    seed_for_test(3);
    let cell = ThreadCell::exclusive(0);
    cell.turn.store(ONE + u64::from(N.ilog2()), Relaxed);
    Arc::new(cell)
}

#[test]
fn loom_a_weight_belongs_to_the_word_that_made_it_due() {
    loom::model(|| {
        let cell = drawn();
        let snapshot = thread::spawn({
            let cell = Arc::clone(&cell);
            move || {
                let one_in = cell.one_in();
                cell.time_next();
                one_in
            }
        });
        // The rest of the gap that the writer drew.
        let mut left = 1;
        for _ in 0..3 {
            match cell.due(Op::Insert) {
                None => left -= 1,
                Some(due) => {
                    let expected = if left == 0 { [1, N] } else { [1, 1] };
                    assert!(expected.contains(&due.weight), "{due:?} with {left} left");
                    cell.draw(N, 0);
                    left = cell.turn.load(Relaxed) / ONE;
                }
            }
        }
        assert!([1, N].contains(&snapshot.join().unwrap()));
        // The snapshot's request may be lost, but the word still counts down, and the next request takes effect.
        cell.time_next();
        assert_eq!(cell.due(Op::Insert), Some(Due::drawn(1)));
    });
}

#[test]
fn loom_counts_of_one_writer_only_grow_and_are_exact() {
    loom::model(|| {
        let cell = drawn();
        // The reader comes second: loom interleaves its loads with the writer's stores, not the other way round.
        let reader = thread::spawn({
            let cell = Arc::clone(&cell);
            move || (cell.get(Op::Get, Outcome::Hit), cell.get(Op::Get, Outcome::Hit))
        });
        (0..3).for_each(|_| cell.count_any(Op::Get, Outcome::Hit));
        let (first, second) = reader.join().unwrap();
        assert!(first <= second && second <= 3, "{first} then {second}");
        assert_eq!(cell.get(Op::Get, Outcome::Hit), 3);
    });
}

#[test]
fn loom_writers_of_a_shared_cell_lose_nothing() {
    loom::model(|| {
        let cell = Arc::new(ThreadCell::shared(0));
        let writers = [(); 2].map(|()| {
            let cell = Arc::clone(&cell);
            thread::spawn(move || (0..2).for_each(|_| cell.count_any(Op::Get, Outcome::Hit)))
        });
        let (first, second) = (cell.get(Op::Get, Outcome::Hit), cell.get(Op::Get, Outcome::Hit));
        assert!(first <= second && second <= 4, "{first} then {second}");
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        assert_eq!(cell.get(Op::Get, Outcome::Hit), 4);
    });
}

#[test]
fn loom_a_shared_cell_stays_on_the_cold_path() {
    let mut every_order = loom::model::Builder::new();
    // All orders would take minutes.
    every_order.preemption_bound = Some(2);
    every_order.check(|| {
        let cell = Arc::new(ThreadCell::shared(0));
        let writers = [100, WINDOW_NANOS].map(|now| {
            let cell = Arc::clone(&cell);
            thread::spawn(move || {
                let due = cell.due(Op::Insert).expect("nothing is counted down");
                assert!(due.weight == 1 || due.weight == MAX_ONE_IN, "{due:?}");
                // One estimate each: the fastest rate and the slowest.
                cell.window_timed.store(WINDOW_TIMED, Relaxed);
                cell.adapt(now, due);
            })
        });
        cell.time_next();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        let due = cell.due(Op::Insert).expect("nothing is counted down");
        assert_eq!(due.weight, cell.one_in());
    });
}
