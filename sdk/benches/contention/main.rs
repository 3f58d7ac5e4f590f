//! Measures contention: throughput and P99 of six maps under a hot key and under reads and writes of many keys.
//!
//! ```text
//! cargo bench -p mapwarden --bench contention            # 2 minutes; fills docs/benchmarks.md, docs/contention.svg
//! cargo bench -p mapwarden --bench contention -- --quick # 15 seconds, rough; --write fills them too
//! ```
//!
//! In every round each map has a turn, and a figure is the median of the rounds. Throughput counts all operations of
//! all threads until the last thread has ended. One operation in 32 is timed with two clock reads, which are part of
//! the figure; the P99 of a round is over the timed operations of all threads, in buckets of 1 %. Threads run one
//! operation after the other without a pause: the figure is the time of an operation, not the wait of a request behind
//! it.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "a bench may stop with a message where a library may not"
)]

mod drive;
mod maps;
mod plot;
#[path = "../report/mod.rs"]
mod report;
mod table;

use std::time::Duration;

use drive::{Scenario, Work};

/// Keys of the mixes. Raised, a map that copies itself for each write gets slower.
const ENTRIES: u64 = 1024;

fn main() -> std::io::Result<()> {
    // Cargo passes `--bench` for `cargo bench`, and nothing when `cargo test` only runs every target once.
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    let quick = has("--quick") || !has("--bench");
    let (rounds, time) = if quick { (5, 60) } else { (21, 150) };
    let scenarios = scenarios();
    let mut figures = Vec::new();
    for scenario in &scenarios {
        figures.push(drive::scenario(scenario, rounds, Duration::from_millis(time)));
    }
    let table = table::markdown(&scenarios, &figures);
    let what = if quick { "Of a quick run, rough: medians" } else { "Medians" };
    let table = format!("{what} of {rounds} rounds of {time} ms for each map.\n\n{table}");
    println!("{table}");
    if !quick || has("--write") {
        report::document::fill("benchmarks.md", "contention", &table)?;
        std::fs::write(report::document::path("contention.svg"), plot::svg(&scenarios, &figures))?;
    }
    Ok(())
}

fn scenarios() -> [Scenario; 5] {
    let mix =
        |title, reads, threads| Scenario { title, threads, work: Work::Mix { reads, entries: ENTRIES } };
    [
        Scenario { title: "One hot key, 128 threads", threads: 128, work: Work::HotKey },
        mix("95 % reads, 2 threads", 95, 2),
        mix("95 % reads, 16 threads", 95, 16),
        mix("50 % reads, 2 threads", 50, 2),
        mix("50 % reads, 16 threads", 50, 16),
    ]
}
