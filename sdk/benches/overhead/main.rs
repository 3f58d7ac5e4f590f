//! What counting costs: the instrumented map against bare papaya, dashmap, and papaya with cached `metrics` handles
//! and two clock reads, as services do it today.
//!
//! ```text
//! cargo bench -p mapwarden --bench overhead            # about 4 minutes
//! cargo bench -p mapwarden --bench overhead -- --quick # under 20 seconds, rough
//! ```
//!
//! Every round runs a slice of the same operations on each variant, in an order that rotates, and divides its
//! time by that of the bare map in the same round; a cell prints the median of these ratios over all rounds. `a/a`
//! is a second bare map against the first: where it is not within 0.97-1.03 the machine was too noisy to judge the
//! cell, and the cell does not count in the last line. All maps hash with SipHash under the same key and have room for all
//! entries from the start, because a papaya map in the middle of a resize is slow and would flatter every ratio.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "a bench may stop with a message where a library may not"
)]

mod measure;
mod variants;

use std::hash::Hash;
use std::time::Duration;

use measure::{Cell, Rounds};
use variants::{Load, Mix};

/// Cells whose bare map differs more than this from itself do not count.
const TRUSTED: std::ops::RangeInclusive<f64> = 0.97..=1.03;

fn main() {
    // Cargo passes `--bench` when it is asked to measure, and nothing when `cargo test` only tries every target.
    let is_asked = |flag: &str| std::env::args().any(|argument| argument == flag);
    let quick = is_asked("--quick") || !is_asked("--bench");
    let rounds = if quick {
        Rounds { time: Duration::from_millis(250), at_least: 5 }
    } else {
        Rounds { time: Duration::from_secs(5), at_least: 15 }
    };
    println!("{}", Cell::HEADER);
    let mut cells = Vec::new();
    run(&mut cells, rounds, 1_000, &[1, 2], |number| number);
    run(&mut cells, rounds, 1_000, &[1, 2], |number| format!("user-{number:08}"));
    if !quick {
        run(&mut cells, rounds, 1_000_000, &[1], |number| number);
        run(&mut cells, rounds, 1_000_000, &[1], |number| format!("user-{number:08}"));
    }
    summarize(&cells);
}

/// Measures every mix, number of threads and way of pinning with keys of one kind.
fn run<K>(cells: &mut Vec<Cell>, rounds: Rounds, entries: u64, threads: &[usize], key: impl Fn(u64) -> K)
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
{
    for mix in Mix::ALL {
        let load = Load::new(entries, mix, &key);
        for threads in threads {
            for per_pin in [1, 64] {
                let cell = measure::cell(&load, rounds, *threads, per_pin);
                println!("{cell}");
                cells.push(cell);
            }
        }
    }
}

fn summarize(cells: &[Cell]) {
    let trusted: Vec<&Cell> = cells.iter().filter(|cell| TRUSTED.contains(&cell.same)).collect();
    println!("{} of {} cells count, whose a/a lies within 0.97-1.03", trusted.len(), cells.len());
    let counted = if trusted.is_empty() {
        println!("the machine is too busy to judge any cell: all count, for what that is worth");
        cells.iter().collect()
    } else {
        trusted
    };
    let ours: Vec<f64> = counted.iter().map(|cell| cell.mapwarden).collect();
    let metrics: Vec<f64> = counted.iter().map(|cell| cell.metrics).collect();
    let median = measure::median(ours.clone());
    let max = ours.into_iter().fold(f64::NAN, f64::max);
    // Below a thousandth of an operation the added cost is noise, and dividing by it would boast.
    let saved = (measure::median(metrics) - 1.0) / (median - 1.0).max(0.001);
    println!("overhead median={median:.3} max={max:.3} saved_vs_metrics={saved:.1}");
}
