//! The contents of each package: the crates that it depends on, and its files. Reads the output of `cargo tree` and
//! `cargo package --list`; builds nothing.

use std::collections::BTreeSet;
use std::process::Command;

use crate::repository::{root, texts};

/// Crates that only the feature `demo` may bring into the binary.
const DEMO_ONLY: [&str; 3] = ["mapwarden", "mapwarden-demo", "ureq"];

/// Crates of IO, of time and of logging, which the engine cannot name.
const IO: [&str; 7] = ["tokio", "axum", "hyper", "redb", "reqwest", "tracing", "ureq"];

/// Returns the lines that a cargo command prints.
fn cargo(words: &[&str]) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(words)
        .args(["--locked", "--offline", "--manifest-path"])
        .arg(root().join("Cargo.toml"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Returns the names of the crates that a package is built from, including its own.
fn crates(package: &str, flags: &[&str]) -> BTreeSet<String> {
    let words = ["tree", "--package", package, "--edges", "normal", "--prefix", "none", "--format", "{p}"];
    let lines = cargo(&[&words[..], flags].concat());
    lines.iter().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn only_the_feature_demo_links_the_sdk() {
    let without = crates("mapwarden-sidecar", &["--no-default-features"]);
    let with = crates("mapwarden-sidecar", &[]);
    assert!(without.contains("mapwarden-engine"), "{without:?}");
    for name in DEMO_ONLY {
        assert!(!without.contains(name), "{name} is in the binary without the feature `demo`");
        assert!(with.contains(name), "{name} is not in the binary with the feature `demo`");
    }
}

#[test]
fn the_engine_depends_on_no_io() {
    let crates = crates("mapwarden-engine", &[]);
    assert!(crates.contains("mapwarden-contract"), "{crates:?}");
    for name in IO {
        assert!(!crates.contains(name), "{name} is among the dependencies of mapwarden-engine");
    }
}

#[test]
fn the_binary_packages_what_it_embeds() {
    let listed: BTreeSet<String> =
        cargo(&["package", "--list", "--allow-dirty", "--package", "mapwarden-sidecar"])
            .into_iter()
            .collect();
    let embedded = [texts("dashboards", ".json"), texts("alerts", ".yaml"), texts("alerts/runbooks", ".md")];
    let embedded: Vec<_> = embedded.into_iter().flatten().map(|text| text.path).collect();
    assert!(embedded.len() > 30, "{embedded:?}");
    for path in embedded {
        assert!(listed.contains(&path), "{path} is not in the package");
    }
    for path in ["README.md", "LICENSE", "src/output/admin/pages/status.html"] {
        assert!(listed.contains(path), "{path} is not in the package");
    }
}
