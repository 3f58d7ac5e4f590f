//! Rounds of threads on one map. Comes in: a scenario. Goes out: operations a second, and the P99 of an operation.

use std::sync::{Barrier, OnceLock};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::maps::{NAMES, Table, tables};
use crate::report::spread::Spread;

/// One operation in this many is timed. Raised, the clock costs less throughput and the P99 gets coarser.
const TIMED_ONE_IN: usize = 32;

/// The longest time in the histogram, 10 s in nanoseconds. A longer one counts as this.
const LONGEST: u64 = 10_000_000_000;

/// What the threads do.
#[derive(Clone, Copy)]
pub(crate) enum Work {
    /// All threads read one key, or insert it if it is not there.
    HotKey,
    /// All threads read and overwrite keys at random; `reads` is the percentage of reads.
    Mix { reads: u8, entries: u64 },
}

/// Threads and their work.
pub(crate) struct Scenario {
    pub(crate) title: &'static str,
    pub(crate) threads: usize,
    pub(crate) work: Work,
}

/// One map in one scenario, over the rounds.
#[derive(Clone, Copy)]
pub(crate) struct Figures {
    /// Operations a second, of all threads.
    pub(crate) throughput: Spread,
    /// The 99th percentile of the timed operations, in nanoseconds.
    pub(crate) p99: Spread,
}

/// Measures all maps, which take turns in every round. Returns figures in the order of [`NAMES`].
pub(crate) fn scenario(scenario: &Scenario, rounds: usize, time: Duration) -> Vec<Figures> {
    let entries = match scenario.work {
        Work::HotKey => 1,
        Work::Mix { entries, .. } => entries,
    };
    let tables = tables(usize::try_from(entries).expect("entries fit into memory"));
    if let Work::Mix { .. } = scenario.work {
        tables.iter().for_each(|table| (0..entries).for_each(|key| table.write(key, key)));
    }
    let mut measured = vec![(Vec::new(), Vec::new()); tables.len()];
    for turn in 0..tables.len() * (rounds + 1) {
        // Each round begins with another map; the first round only warms up.
        let (round, index) = (turn / NAMES.len(), (turn + turn / NAMES.len()) % NAMES.len());
        let (throughput, p99) = run(&*tables[index], scenario, time);
        if round > 0 {
            measured[index].0.push(throughput);
            measured[index].1.push(p99);
        }
    }
    let figures = |(throughput, p99)| Figures { throughput: Spread::of(throughput), p99: Spread::of(p99) };
    measured.into_iter().map(figures).collect()
}

/// Runs all threads at once for this time. Returns operations a second and the P99 in nanoseconds.
fn run(table: &dyn Table, scenario: &Scenario, time: Duration) -> (f64, f64) {
    let ready = Barrier::new(scenario.threads);
    // The first thread that runs sets it: with more threads than cores no other thread could stop them in time.
    let deadline = OnceLock::new();
    let all: Vec<Done> = std::thread::scope(|scope| {
        let thread = |seed| {
            ready.wait();
            let deadline = *deadline.get_or_init(|| Instant::now() + time);
            one_thread(table, scenario.work, seed, deadline)
        };
        let threads: Vec<_> = (0..scenario.threads).map(|seed| scope.spawn(move || thread(seed))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a map does not panic")).collect()
    });
    let mut times = histogram();
    all.iter().for_each(|one| times.add(&one.times).expect("histograms of one range"));
    let first = all.iter().map(|one| one.began).min().expect("at least one thread");
    let last = all.iter().map(|one| one.ended).max().expect("at least one thread");
    let operations: usize = all.iter().map(|one| one.operations).sum();
    (operations as f64 / last.duration_since(first).as_secs_f64(), times.value_at_quantile(0.99) as f64)
}

/// What one thread did.
struct Done {
    operations: usize,
    times: Histogram<u64>,
    began: Instant,
    ended: Instant,
}

/// Works until the deadline, which the clock reads of the timed operations check at no cost.
fn one_thread(table: &dyn Table, work: Work, seed: usize, deadline: Instant) -> Done {
    let mut random = fastrand::Rng::with_seed(u64::try_from(seed).expect("few threads"));
    let mut times = histogram();
    let mut operations = 0;
    let first = Instant::now();
    loop {
        for _ in 1..TIMED_ONE_IN {
            step(table, work, &mut random);
        }
        let began = Instant::now();
        step(table, work, &mut random);
        let ended = Instant::now();
        times.saturating_record(u64::try_from((ended - began).as_nanos()).unwrap_or(LONGEST));
        operations += TIMED_ONE_IN;
        if ended >= deadline {
            return Done { operations, times, began: first, ended };
        }
    }
}

fn step(table: &dyn Table, work: Work, random: &mut fastrand::Rng) {
    match work {
        Work::HotKey => {
            std::hint::black_box(table.read_or_write(7, 1));
        }
        Work::Mix { reads, entries } => {
            let key = random.u64(..entries);
            if random.u8(..100) < reads {
                std::hint::black_box(table.read(key));
            } else {
                table.write(key, 1);
            }
        }
    }
}

/// Returns a histogram of two digits, 1 %.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, 2).expect("a range that the histogram takes")
}
