//! The public surface of the published crates, held by committed listings, and the Rust version that they need.
//!
//! A listing is made from rustdoc's JSON of the crate with all features. To accept a change, run
//! `UPDATE_GOLDEN=1 cargo test -p mapwarden --test surface` and read the diff of `public-api.txt`: a new line must be
//! kept in later releases, a removed or changed line is a breaking change.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "clippy's exemptions for tests end at their helpers"
)]

mod listing;
mod rust_version;
mod signature;

use std::path::{Path, PathBuf};
use std::process::Command;

use listing::Listing;

/// The crates that public signatures of each crate may name. Each one couples our releases to its releases.
const FOREIGN: [(&str, &str, &[&str]); 2] = [
    (
        "mapwarden",
        "sdk/public-api.txt",
        &[
            "equivalent",
            "http",
            "mapwarden_contract",
            "opentelemetry",
            "papaya",
            "seize",
            "serde_core",
            "tower_layer",
            "tower_service",
            "tracing",
        ],
    ),
    ("mapwarden-contract", "sdk/contract/public-api.txt", &["serde_core"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The listing of a crate with all features.
fn listing(package: &str) -> Listing {
    let wrapper = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/surface/rustdoc");
    let mut rustdoc = Command::new(env!("CARGO"));
    rustdoc.current_dir(root()).env("RUSTDOC", wrapper).args(["rustdoc", "--quiet", "--package", package]);
    rustdoc.args([
        "--all-features",
        "--lib",
        "--",
        "-Zunstable-options",
        "--output-format=json",
        "--cap-lints=allow",
    ]);
    assert!(rustdoc.status().unwrap().success(), "rustdoc of {package}");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let json = target.join("doc").join(package.replace('-', "_")).with_extension("json");
    Listing::new(&serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap())
}

#[test]
fn the_public_surface_matches_the_listing() {
    for (package, file, foreign) in FOREIGN {
        let Listing { lines, crates } = listing(package);
        let crates: Vec<&str> = crates.iter().map(String::as_str).collect();
        assert_eq!(crates, foreign, "foreign crates in public signatures of {package}");
        let text = format!(
            "# The public surface of {package}. Made by: UPDATE_GOLDEN=1 cargo test -p mapwarden --test surface\n\
             # Foreign crates in it: {}\n{}\n",
            crates.join(", "),
            lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n"),
        );
        let path = root().join(file);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        let added = lines.iter().filter(|line| !committed.lines().any(|known| known == *line));
        let removed = committed.lines().filter(|line| !text.lines().any(|known| known == *line));
        let changes: Vec<String> =
            removed.map(|line| format!("- {line}")).chain(added.map(|line| format!("+ {line}"))).collect();
        assert!(
            committed == text,
            "the public surface of {package} changed; UPDATE_GOLDEN=1 cargo test -p mapwarden --test surface \
             accepts it:\n{}",
            changes.join("\n"),
        );
    }
}
