//! The Rust version that each published crate declares, compared with those that its dependencies declare.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// Major, minor.
fn version(text: &str) -> (u32, u32) {
    let mut numbers = text.split('.').map(|number| number.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap_or(0))
}

/// The normal dependencies of a package on this platform, direct and indirect, by id.
fn normal_dependencies(metadata: &Value, package: &str) -> BTreeSet<String> {
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let mut found = BTreeSet::new();
    let mut waiting = vec![package.to_owned()];
    while let Some(id) = waiting.pop() {
        let node = nodes.iter().find(|node| node["id"] == *id).unwrap();
        for dependency in node["deps"].as_array().unwrap() {
            let kinds = dependency["dep_kinds"].as_array().unwrap();
            let id = dependency["pkg"].as_str().unwrap();
            if kinds.iter().any(|kind| kind["kind"].is_null()) && found.insert(id.to_owned()) {
                waiting.push(id.to_owned());
            }
        }
    }
    found
}

#[test]
fn dependencies_need_no_newer_rust() {
    // The platform of most services; dependencies of other platforms are not checked.
    let arguments =
        ["--filter-platform", "x86_64-unknown-linux-gnu", "--offline", "--locked", "--format-version=1"];
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["metadata", "--all-features"])
        .args(arguments)
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    for published in ["mapwarden", "mapwarden-contract"] {
        let package = packages.iter().find(|package| package["name"] == published).unwrap();
        let declared = version(package["rust_version"].as_str().unwrap());
        let dependencies = normal_dependencies(&metadata, package["id"].as_str().unwrap());
        for dependency in packages.iter().filter(|it| dependencies.contains(it["id"].as_str().unwrap())) {
            let Some(needed) = dependency["rust_version"].as_str() else { continue };
            assert!(version(needed) <= declared, "{published}: {} needs {needed}", dependency["name"]);
        }
    }
}
