//! Every example runs and ends without intervention, and its counts arrive.
//!
//! The examples are programs beside this one: `cargo test` builds them, `cargo test --test examples` does not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "clippy's exemptions for tests end at their helpers"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use mapwarden_contract::names::{attribute as name, wire};

use crate::receiver::Receiver;
#[cfg(feature = "tower")]
use crate::receiver::attribute;

#[expect(dead_code, reason = "shared with another test program, which uses all of it")]
#[path = "../it/receiver.rs"]
mod receiver;

/// The examples; a new one must be tested here.
const EXAMPLES: [&str; 3] = ["axum_service", "single_flight", "thread_pool"];

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

/// Runs an example with this receiver, and returns its output.
fn run(example: &str, arguments: &[&str], receiver: &Receiver) -> String {
    let itself = std::env::current_exe().unwrap();
    let built = itself.parent().unwrap().with_file_name("examples").join(example);
    let changed = |path: &Path| path.metadata().and_then(|file| file.modified()).ok();
    let is_fresh = changed(&built) >= changed(&sources().join(format!("{example}.rs")));
    assert!(is_fresh, "{}: call cargo build --examples first", built.display());
    let mut command = Command::new(built);
    command.args(arguments).env_remove("OTEL_RESOURCE_ATTRIBUTES").env_remove("OTEL_SERVICE_NAME");
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", receiver.address));
    let output = command.output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{example}: {}\n{printed}\n{complained}", output.status);
    printed
}

/// Returns the (ok, failed) requests of a scope.
fn requests(receiver: &Receiver, scope: &str, region: &str) -> (Option<f64>, Option<f64>) {
    let batch = receiver.metrics();
    let count = |outcome| {
        let of = [(name::SCOPE, scope), (name::REGION, region), (name::OUTCOME, outcome)];
        batch.value(wire::REQUESTS.name, &of)
    };
    (count(wire::OK), count(wire::FAILED))
}

#[test]
fn every_example_is_tested() {
    let files = std::fs::read_dir(sources()).unwrap();
    let names = files.map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned());
    assert_eq!(names.collect::<BTreeSet<_>>(), EXAMPLES.map(str::to_owned).into());
}

#[cfg(feature = "tower")]
#[test]
fn axum_service_answers_and_sends_its_users() {
    let receiver = Receiver::start();
    let printed = run("axum_service", &["--once"], &receiver);
    assert!(printed.ends_with("HTTP/1.1 200 OK\n"), "{printed}");
    assert_eq!(requests(&receiver, "checkout", "eu-west-1"), (Some(1.0), Some(0.0)));
    let records = receiver.logs().concat();
    let sent: BTreeSet<_> = records
        .iter()
        .map(|record| (record.event_name.as_str(), attribute(&record.attributes, name::REGION)))
        .collect();
    let expected = [wire::TENANTS_EVENT, wire::USERS_EVENT].map(|event| (event, "eu-west-1".to_owned()));
    assert_eq!(sent, expected.into());
}

#[test]
fn thread_pool_finishes_its_jobs_and_every_count_arrives() {
    let receiver = Receiver::start();
    let printed = run("thread_pool", &[], &receiver);
    assert_eq!(printed, "packed 2000 orders\nthe sidecar holds every count\n");
    // Every 97th of 2,000 orders is out of stock.
    assert_eq!(requests(&receiver, "pack", "eu-west-1"), (Some(1_980.0), Some(20.0)));
    let events = |verdict| {
        let of = [(name::SLO, "pack-availability"), (name::VERDICT, verdict), (name::REGION, "eu-west-1")];
        receiver.metrics().value(wire::SLI_EVENTS.name, &of)
    };
    assert_eq!((events("good"), events("bad")), (Some(1_980.0), Some(20.0)));
}

#[cfg(feature = "single-flight")]
#[test]
fn single_flight_loads_each_product_once() {
    let receiver = Receiver::start();
    let printed = run("single_flight", &[], &receiver);
    assert_eq!(printed, "2000 of 3000 requests got a price; the cache holds 2 products\n");
    assert_eq!(requests(&receiver, "price", "eu-west-1"), (Some(2_000.0), Some(1_000.0)));
    let calls = |outcome| {
        let of = [(name::DEPENDENCY, "price-service"), (name::OUTCOME, outcome)];
        receiver.metrics().value(wire::DEPENDENCY_CALLS.name, &of)
    };
    assert_eq!(calls("ok"), Some(2.0));
    // A caller after a failed load loads again, which can happen on a slow machine.
    assert!(calls("failed").is_some_and(|failed| (1.0..30.0).contains(&failed)), "{:?}", calls("failed"));
}
