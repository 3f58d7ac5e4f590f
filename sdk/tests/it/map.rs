//! A map on the wire: counts, SLI events, and spans of failures.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use mapwarden::{HashMap, Objective};
use mapwarden_contract::names::{attribute as name, wire};

use crate::receiver::{Receiver, attribute, orders, turn};

#[test]
fn all_operations_are_counted_and_bad_ones_are_spans() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address).install().unwrap();
    let baskets: HashMap<&str, u32> = HashMap::builder()
        .name("baskets")
        .max_entries(1)
        .objective(Objective::availability(0.999).unwrap())
        .objective(Objective::latency(Duration::from_secs(3600), 0.99).unwrap())
        .build();
    let strict: HashMap<&str, u32> = HashMap::builder()
        .name("strict")
        .objective(Objective::latency(Duration::from_nanos(1), 0.99).unwrap())
        .build();

    let pin = baskets.pin();
    assert_eq!(pin.insert("ada", 1), None);
    assert_eq!(pin.insert("bob", 2), None);
    assert_eq!(pin.get("ada"), Some(&1));
    assert!(catch_unwind(AssertUnwindSafe(|| pin.update("ada", |_| panic!("no")))).is_err());
    assert_eq!(strict.pin().get("ada"), None);
    telemetry.flush().unwrap();

    let sent: Vec<(String, String)> = receiver
        .spans()
        .iter()
        .map(|span| (span.name.clone(), attribute(&span.attributes, name::OUTCOME)))
        .collect();
    let expected = [("baskets insert", "rejected"), ("baskets update", "failed"), ("strict get", "miss")];
    assert_eq!(sent, expected.map(|(name, outcome)| (name.to_owned(), outcome.to_owned())));

    let metrics = receiver.metrics();
    let operations = |map, op, outcome| {
        let attributes = [(name::MAP, map), (name::OP, op), (name::OUTCOME, outcome)];
        metrics.value(wire::MAP_OPERATIONS.name, &attributes)
    };
    assert_eq!(operations("baskets", "insert", "inserted"), Some(1.0));
    assert_eq!(operations("baskets", "insert", "rejected"), Some(1.0));
    assert_eq!(operations("baskets", "update", "failed"), Some(1.0));
    assert_eq!(operations("baskets", "get", "miss"), Some(0.0), "every outcome exists from the start");
    assert_eq!(metrics.value(wire::MAP_ENTRIES.name, &[(name::MAP, "baskets")]), Some(1.0));
    let events =
        |slo, verdict| metrics.value(wire::SLI_EVENTS.name, &[(name::SLO, slo), (name::VERDICT, verdict)]);
    assert_eq!(events("baskets-availability", "good"), Some(2.0));
    assert_eq!(events("baskets-availability", "bad"), Some(2.0));
    assert_eq!(events("baskets-latency", "good"), Some(4.0));
    assert_eq!(events("strict-latency", "bad"), Some(1.0));
}

#[test]
fn contradicting_objectives_show_in_health() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address).install().unwrap();
    let conflicts = || {
        let dropped = telemetry.health().dropped;
        dropped.into_iter().find(|(reason, _)| *reason == "objective_conflict").unwrap().1
    };
    let before = conflicts();
    let map = |target| {
        let objective = Objective::hit_ratio(target).unwrap();
        HashMap::<u32, u32>::builder().name("contradicted").objective(objective).build()
    };
    let (_first, _second) = (map(0.9), map(0.8));
    assert_eq!(conflicts().saturating_sub(before).get(), 1);
}
