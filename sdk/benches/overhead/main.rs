//! Measures what counting costs: the instrumented map against bare papaya, against papaya measured as services do it
//! today (the `metrics` facade, OpenTelemetry's instruments), and against other maps.
//!
//! ```text
//! cargo bench -p mapwarden --bench overhead            # about 10 minutes; fills the table of docs/benchmarks.md
//! cargo bench -p mapwarden --bench overhead -- --quick # under 25 seconds, rough; --write fills the table too
//! ```
//!
//! Every round runs a turn of the same operations on each contender, in an order that rotates, and divides its time by
//! that of the bare map in the same round; a cell prints the median of these ratios over all rounds, and after `±` half
//! the range between their quartiles. `a/a` is a second bare map against the first: if it is not within 0.97-1.03, the
//! machine was too noisy to judge the cell, and the cell does not count in the last lines. All maps of a cell hash
//! under the same key and have room for all entries from the start, because a papaya map in the middle of a resize is
//! slow and would improve every ratio.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "a bench may stop with a message where a library may not"
)]

mod cell;
mod contenders;
mod load;
mod measure;
#[path = "../report/mod.rs"]
mod report;

use std::hash::{BuildHasherDefault, DefaultHasher};
use std::time::Duration;

use cell::Cell;
use contenders::{CACHED, Contender, MAPWARDEN};
use load::{Load, Mix};
use measure::{Rounds, Shape};
use report::spread::median;

/// SipHash-1-3 as `RandomState` uses it, but with the same key in every map, so that all of them have the same
/// collisions.
type SipHash = BuildHasherDefault<DefaultHasher>;

/// The fastest hasher in use, with which counting has the largest share of the time. Also with one key.
type FoldHash = foldhash::fast::FixedState;

fn main() -> std::io::Result<()> {
    // Cargo passes `--bench` for `cargo bench`, and nothing when `cargo test` only runs every target once.
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    let quick = has("--quick") || !has("--bench");
    let rounds = |millis, at_least| Rounds { time: Duration::from_millis(millis), at_least };
    let small = if quick { rounds(350, 5) } else { rounds(6_000, 15) };
    let mut matrix = Section::begin(small, contenders::all::<u64, SipHash>(0));
    matrix.run(1_000, contenders::all::<u64, SipHash>, |number| number);
    matrix.run(1_000, contenders::all::<String, SipHash>, user);
    if !quick {
        matrix.rounds = rounds(9_000, 15);
        matrix.run(1_000_000, contenders::all::<u64, SipHash>, |number| number);
        matrix.run(1_000_000, contenders::all::<String, SipHash>, user);
    }
    matrix.print(String::new());
    matrix.print("with foldhash".to_owned());
    let small = if quick { rounds(150, 5) } else { rounds(4_000, 15) };
    let mut foldhash = Section::begin(small, contenders::judged::<u64, FoldHash>(0));
    foldhash.run(1_000, contenders::judged::<u64, FoldHash>, |number| number);
    foldhash.run(1_000, contenders::judged::<String, FoldHash>, user);
    matrix.lines.append(&mut foldhash.lines);
    matrix.print(String::new());
    let folded = foldhash.judge(MAPWARDEN);
    matrix.print(foldhash.trust());
    matrix.print(format!("foldhash 1e3 median={:.3} max={:.3}", median(folded.clone()), largest(&folded)));
    let ours = matrix.judge(MAPWARDEN);
    matrix.print(matrix.trust());
    // Below a thousandth of an operation the added cost is noise, and a quotient of it would be too large.
    let saved = (median(matrix.judge(CACHED)) - 1.0) / (median(ours.clone()) - 1.0).max(0.001);
    let (median, max) = (median(ours.clone()), largest(&ours));
    matrix.print(format!("overhead median={median:.3} max={max:.3} saved_vs_metrics={saved:.1}"));
    if !quick || has("--write") {
        report::document::fill(
            "benchmarks.md",
            "overhead",
            &format!("```text\n{}\n```", matrix.lines.join("\n")),
        )?;
    }
    Ok(())
}

fn user(number: u64) -> String {
    format!("user-{number:08}")
}

fn largest(ratios: &[f64]) -> f64 {
    ratios.iter().copied().fold(f64::NAN, f64::max)
}

/// Cells of the same contenders, and the printed lines about them.
struct Section {
    rounds: Rounds,
    cells: Vec<Cell>,
    lines: Vec<String>,
}

impl Section {
    fn begin<K>(rounds: Rounds, contenders: Vec<Contender<K>>) -> Self {
        let mut section = Self { rounds, cells: Vec::new(), lines: Vec::new() };
        section.print(Cell::header(&contenders));
        section
    }

    fn print(&mut self, line: String) {
        println!("{line}");
        self.lines.push(line);
    }

    /// Measures every mix, number of threads and steps per pin with keys of one kind.
    fn run<K>(&mut self, entries: u64, make: fn(usize) -> Vec<Contender<K>>, key: fn(u64) -> K)
    where
        K: Clone + Send + Sync,
    {
        for mix in Mix::ALL {
            let load = Load::new(entries, mix, &key);
            for (threads, per_pin) in [(1, 1), (1, 64), (2, 1), (2, 64)] {
                let shape = Shape { threads, per_pin };
                let contenders = measure::filled(make, &load);
                let times = measure::rounds(&contenders, &load, self.rounds, shape);
                let cell = Cell::new(&load, shape, &contenders, &times);
                self.print(cell.to_string());
                self.cells.push(cell);
            }
        }
    }

    /// Returns a line on how many cells count.
    fn trust(&self) -> String {
        let (trusted, all) = (self.trusted(), self.cells.len());
        let otherwise = if trusted == 0 { "; the machine was too busy, so all count" } else { "" };
        format!("{trusted} of {all} cells have an a/a within 0.97-1.03 and count{otherwise}")
    }

    /// Returns the number of cells that count.
    fn trusted(&self) -> usize {
        self.cells.iter().filter(|cell| cell.counts()).count()
    }

    /// Returns the ratios of a contender in the cells that count, or in all if none counts.
    fn judge(&self, contender: &str) -> Vec<f64> {
        let all = self.trusted() == 0;
        self.cells.iter().filter(|cell| all || cell.counts()).map(|cell| cell.ratio(contender)).collect()
    }
}
