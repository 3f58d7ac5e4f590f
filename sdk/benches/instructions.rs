//! How many instructions counting adds to a `get`: a figure that a busy machine cannot blur.
//!
//! ```text
//! cargo bench -p mapwarden --bench instructions
//! ```
//!
//! Runs itself under `valgrind --tool=callgrind` with two numbers of gets on each map; the difference, divided by
//! the gets between, is one get. Prints `instructions bare=<n> observed=<n> ratio=<r>` for one pin an operation and
//! for one pin in 64. Without valgrind it says so and ends well. The sampler's clock runs slowly under valgrind, so
//! that more operations are timed than in life; the observed figure is an upper bound.

use std::hash::{BuildHasherDefault, DefaultHasher};
use std::hint::black_box;
use std::process::Command;

type Hasher = BuildHasherDefault<DefaultHasher>;

const ENTRIES: u64 = 1000;
const FEW: u64 = 1 << 17;
const MANY: u64 = 1 << 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, map, pins, gets] = arguments.as_slice()
        && let (Ok(per_pin), Ok(gets)) = (pins.parse(), gets.parse())
    {
        run(map, per_pin, gets);
        return Ok(());
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("instructions: valgrind is not installed, nothing was measured");
        return Ok(());
    }
    for per_pin in [1, 64] {
        let bare = instructions("bare", per_pin)?;
        let observed = instructions("observed", per_pin)?;
        println!(
            "instructions pin_per={per_pin} bare={bare:.1} observed={observed:.1} ratio={:.3}",
            observed / bare
        );
    }
    Ok(())
}

/// Instructions of one get, out of two runs.
fn instructions(map: &str, per_pin: u64) -> Result<f64, Box<dyn std::error::Error>> {
    let few = collected(map, per_pin, FEW)?;
    let many = collected(map, per_pin, MANY)?;
    Ok((many - few) / f64::from(u32::try_from(MANY - FEW)?))
}

fn collected(map: &str, per_pin: u64, gets: u64) -> Result<f64, Box<dyn std::error::Error>> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args([map, &per_pin.to_string(), &gets.to_string()])
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let number =
        said.lines().find_map(|line| line.split_once("Collected : ")).map(|(_, number)| number.trim());
    Ok(number.ok_or_else(|| format!("callgrind told no count: {said}"))?.parse()?)
}

fn run(map: &str, per_pin: u64, gets: u64) {
    if map == "bare" {
        let map = papaya::HashMap::builder().capacity(4096).hasher(Hasher::default()).build();
        (0..ENTRIES).for_each(|key| assert!(map.pin().insert(key, key).is_none()));
        for pin in 0..gets / per_pin {
            let map = map.pin();
            for get in 0..per_pin {
                black_box(map.get(&((pin + get) % ENTRIES)).is_some());
            }
        }
    } else {
        let map = mapwarden::HashMap::builder()
            .name("instructions")
            .capacity(4096)
            .hasher(Hasher::default())
            .build();
        (0..ENTRIES).for_each(|key| assert!(map.pin().insert(key, key).is_none()));
        for pin in 0..gets / per_pin {
            let map = map.pin();
            for get in 0..per_pin {
                black_box(map.get(&((pin + get) % ENTRIES)).is_some());
            }
        }
    }
}
