//! How many instructions counting adds to a `get`: a figure that a busy machine cannot blur.
//!
//! ```text
//! cargo bench -p mapwarden --bench instructions
//! ```
//!
//! Runs itself under `valgrind --tool=callgrind` with two numbers of gets on each map; the difference, divided by
//! the gets between, is one get. Prints `instructions key=<type> pin_per=<n> bare=<n> observed=<n> ratio=<r>` for
//! each kind of key, one pin an operation and one in 64. Without valgrind it says so and ends well. The sampler's clock runs slowly under valgrind, so
//! that more operations are timed than in life; the observed figure is an upper bound.

use std::hash::{BuildHasherDefault, DefaultHasher, Hash};
use std::hint::black_box;
use std::process::Command;

type Hasher = BuildHasherDefault<DefaultHasher>;

const ENTRIES: u64 = 1024;
const FEW: u64 = 1 << 17;
const MANY: u64 = 1 << 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, map, keys, pins, gets] = arguments.as_slice()
        && let (Ok(per_pin), Ok(gets)) = (pins.parse(), gets.parse())
    {
        match keys.as_str() {
            "u64" => run(map, &(0..ENTRIES).collect::<Vec<_>>(), per_pin, gets),
            _ => {
                let keys: Vec<String> = (0..ENTRIES).map(|key| format!("user-{key:08}")).collect();
                run(map, &keys, per_pin, gets);
            }
        }
        return Ok(());
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("instructions: valgrind is not installed, nothing was measured");
        return Ok(());
    }
    for keys in ["u64", "String"] {
        for per_pin in [1, 64] {
            let bare = instructions("bare", keys, per_pin)?;
            let observed = instructions("observed", keys, per_pin)?;
            println!(
                "instructions key={keys} pin_per={per_pin} bare={bare:.1} observed={observed:.1} ratio={:.3}",
                observed / bare
            );
        }
    }
    Ok(())
}

/// Instructions of one get, out of two runs.
fn instructions(map: &str, keys: &str, per_pin: u64) -> Result<f64, Box<dyn std::error::Error>> {
    let few = collected(map, keys, per_pin, FEW)?;
    let many = collected(map, keys, per_pin, MANY)?;
    Ok((many - few) / f64::from(u32::try_from(MANY - FEW)?))
}

fn collected(map: &str, keys: &str, per_pin: u64, gets: u64) -> Result<f64, Box<dyn std::error::Error>> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args([map, keys, &per_pin.to_string(), &gets.to_string()])
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let number =
        said.lines().find_map(|line| line.split_once("Collected : ")).map(|(_, number)| number.trim());
    Ok(number.ok_or_else(|| format!("callgrind told no count: {said}"))?.parse()?)
}

type Bare<K> = papaya::HashMap<K, u64, Hasher>;
type Observed<K> = mapwarden::HashMap<K, u64, Hasher>;

// The two maps have the same methods but no common trait.
macro_rules! gets {
    ($map:expr, $keys:expr, $per_pin:expr, $gets:expr) => {
        for keys in $keys.chunks($per_pin).cycle().take($gets / $per_pin) {
            let map = $map.pin();
            for key in keys {
                black_box(map.get(key).is_some());
            }
        }
    };
}

// Never inlined, so that each map's gets are compiled alone and alike.
#[inline(never)]
fn bare_gets<K: Hash + Eq>(map: &Bare<K>, keys: &[K], per_pin: usize, gets: usize) {
    gets!(map, keys, per_pin, gets);
}

#[inline(never)]
fn observed_gets<K: Hash + Eq>(map: &Observed<K>, keys: &[K], per_pin: usize, gets: usize) {
    gets!(map, keys, per_pin, gets);
}

fn run<K: Hash + Eq + Clone>(map: &str, keys: &[K], per_pin: usize, gets: usize) {
    if map == "bare" {
        let map: Bare<K> = papaya::HashMap::builder().capacity(4096).hasher(Hasher::default()).build();
        keys.iter().for_each(|key| assert!(map.pin().insert(key.clone(), 1).is_none()));
        bare_gets(&map, keys, per_pin, gets);
    } else {
        let map: Observed<K> =
            mapwarden::HashMap::builder().name("gets").capacity(4096).hasher(Hasher::default()).build();
        keys.iter().for_each(|key| assert!(map.pin().insert(key.clone(), 1).is_none()));
        observed_gets(&map, keys, per_pin, gets);
    }
}
