//! Measures how many instructions counting adds to an operation, and fails if there are more than expected. A busy
//! machine hardly changes this figure.
//!
//! ```text
//! cargo bench -p mapwarden --bench instructions              # half a minute; fails if the cost has risen
//! cargo bench -p mapwarden --bench instructions -- --update  # writes the figures to expected.txt
//! ```
//!
//! Runs itself under `valgrind --tool=callgrind` with two numbers of steps on each map; the difference, divided by the
//! difference of the steps, is one step. Prints a line for each kind of key and way to use the map: instructions of
//! bare papaya, of mapwarden, and their difference, beside the expected difference. The sampler's clock runs slowly
//! under valgrind, so that more operations are timed than usual; the difference is an upper bound.

mod steps;

use std::process::Command;

use steps::{KEYS, WAYS};

/// The steps of the two runs. With a larger difference the sampler's first estimates weigh less, and a run takes
/// longer.
const STEPS: [usize; 2] = [1 << 17, 1 << 19];

/// Instructions that a step may add above the expected ones, and a share of the expected ones. They cover the speed of
/// the machine: a slower one times a larger share of the operations. Raised, a real change passes; lowered, a busy
/// machine fails.
const TOLERATED: (f64, f64) = (4.0, 0.1);

/// How often a step that adds too much is measured: a busy machine can only add instructions. Raised, a real change
/// takes longer to be reported.
const TRIES: usize = 3;

/// The committed table.
const EXPECTED: &str = include_str!("expected.txt");

type Error = Box<dyn std::error::Error>;

/// Instructions of one step.
struct Measured {
    keys: &'static str,
    way: &'static str,
    bare: f64,
    observed: f64,
}

impl Measured {
    fn added(&self) -> f64 {
        self.observed - self.bare
    }

    /// Returns whether it adds more than it may.
    fn has_risen(&self) -> bool {
        self.expected().is_some_and(|expected| self.added() > expected + tolerance(expected))
    }

    /// Returns the added instructions in the committed table.
    fn expected(&self) -> Option<f64> {
        let of = |line: &str| {
            let mut fields = line.split_whitespace();
            let is_this = fields.next() == Some(self.keys) && fields.next() == Some(self.way);
            is_this.then(|| fields.nth(2)?.parse().ok()).flatten()
        };
        EXPECTED.lines().find_map(of)
    }
}

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, command, map, keys, way, number] = arguments.as_slice()
        && command == "steps"
    {
        return Ok(steps::run(map, keys, way, number.parse()?)?);
    }
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if !has("--bench") {
        println!("instructions: skipped without --bench: figures of an unoptimized build mean nothing");
        return Ok(());
    }
    let version = Command::new("valgrind").arg("--version").output();
    version.map_err(|error| format!("valgrind does not run; install the package `valgrind`: {error}"))?;
    let mut all = Vec::new();
    println!("keys   way          |   bare observed | added expected  ratio");
    for keys in KEYS {
        for way in WAYS {
            let measured = measure(keys, way)?;
            let Measured { bare, observed, .. } = measured;
            let expected = measured.expected().map_or("none".to_owned(), |expected| format!("{expected:.1}"));
            let (added, ratio) = (measured.added(), observed / bare);
            println!("{keys:6} {way:12} | {bare:6.1} {observed:8.1} | {added:5.1} {expected:>8} {ratio:6.3}");
            all.push(measured);
        }
    }
    if has("--update") { update(&all) } else { judge(&all) }
}

fn tolerance(expected: f64) -> f64 {
    let (instructions, share) = TOLERATED;
    instructions + share * expected
}

/// Fails if a step adds more than it may.
fn judge(all: &[Measured]) -> Result<(), Error> {
    let mut problems = Vec::new();
    for measured in all {
        let Measured { keys, way, .. } = measured;
        let added = measured.added();
        let Some(expected) = measured.expected() else {
            problems.push(format!("{keys} {way} is not in expected.txt"));
            continue;
        };
        let limit = expected + tolerance(expected);
        if measured.has_risen() {
            problems
                .push(format!("{keys} {way} adds {added:.1}, expected {expected:.1}, at most {limit:.1}"));
        } else if added < expected - tolerance(expected) {
            println!("{keys} {way} adds less than expected: record it with `-- --update`");
        }
    }
    if problems.is_empty() {
        println!("instructions: no way to use the map adds more than it may");
        return Ok(());
    }
    eprintln!("counting adds more instructions than it may:");
    problems.iter().for_each(|line| eprintln!("  {line}"));
    eprintln!("to accept that: cargo bench -p mapwarden --bench instructions -- --update");
    std::process::exit(1);
}

/// Writes the committed table.
fn update(all: &[Measured]) -> Result<(), Error> {
    let mut table =
        "# Instructions of one step, written by `cargo bench -p mapwarden --bench instructions -- --update`.\n\
         # keys way bare observed added\n"
            .to_owned();
    for measured in all {
        let Measured { keys, way, bare, observed } = measured;
        table.push_str(&format!("{keys} {way} {bare:.1} {observed:.1} {:.1}\n", measured.added()));
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions/expected.txt");
    std::fs::write(file, table)?;
    println!("instructions: wrote expected.txt");
    Ok(())
}

/// Measures a step, repeatedly if it has risen; the smallest figure counts.
fn measure(keys: &'static str, way: &'static str) -> Result<Measured, Error> {
    let bare = step("bare", keys, way)?;
    let mut measured = Measured { keys, way, bare, observed: step("observed", keys, way)? };
    for _ in 1..TRIES {
        if measured.has_risen() {
            measured.observed = measured.observed.min(step("observed", keys, way)?);
        }
    }
    Ok(measured)
}

/// Returns the instructions of one step, out of two runs.
fn step(map: &str, keys: &str, way: &str) -> Result<f64, Error> {
    let [few, many] = STEPS;
    let counted = collected(map, keys, way, many)? - collected(map, keys, way, few)?;
    Ok(counted / f64::from(u32::try_from(many - few)?))
}

fn collected(map: &str, keys: &str, way: &str, steps: usize) -> Result<f64, Error> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["steps", map, keys, way, &steps.to_string()])
        .output()?;
    let report = String::from_utf8_lossy(&output.stderr);
    let number =
        report.lines().find_map(|line| line.split_once("Collected : ")).map(|(_, number)| number.trim());
    Ok(number.ok_or_else(|| format!("callgrind reported no count: {report}"))?.parse()?)
}
