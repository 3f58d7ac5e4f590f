//! Maps within requests, as a receiver gets both.

use mapwarden::{HashMap, Objective, Scope};
use mapwarden_contract::names::{attribute as name, wire};

use crate::receiver::{Batch, Receiver, attribute, orders, turn};
use crate::scope::span;

fn operations(batch: &Batch, map: &str, op: &str, outcome: &str) -> Option<f64> {
    let of = [(name::MAP, map), (name::OP, op), (name::OUTCOME, outcome)];
    batch.value(wire::MAP_OPERATIONS.name, &of)
}

fn events(batch: &Batch, slo: &str) -> (Option<f64>, Option<f64>) {
    let count = |verdict| batch.value(wire::SLI_EVENTS.name, &[(name::SLO, slo), (name::VERDICT, verdict)]);
    (count("good"), count("bad"))
}

#[test]
fn every_operation_arrives_and_a_map_has_no_region() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address).install().unwrap();
    let map: HashMap<u32, u32> =
        HashMap::builder().name("looked-up").objective(Objective::hit_ratio(0.9).unwrap()).build();
    std::thread::scope(|threads| {
        for thread in 0..4 {
            let map = &map;
            threads.spawn(move || {
                let map = map.pin();
                for key in 0..1_000 {
                    map.insert(key + thread * 1_000, key);
                    map.get(&(key + thread * 1_000));
                }
                map.get(&99_999);
            });
        }
    });
    // The gauge of entries follows timed operations, and snapshots.
    assert_eq!(map.pin().len(), 4_000);
    telemetry.flush().unwrap();
    let batch = receiver.metrics();
    assert_eq!(operations(&batch, "looked-up", "insert", "inserted"), Some(4_000.0));
    assert_eq!(operations(&batch, "looked-up", "get", "hit"), Some(4_000.0));
    assert_eq!(operations(&batch, "looked-up", "get", "miss"), Some(4.0));
    assert_eq!(events(&batch, "looked-up-hit_ratio"), (Some(4_000.0), Some(4.0)));
    assert_eq!(batch.value(wire::MAP_ENTRIES.name, &[(name::MAP, "looked-up")]), Some(4_000.0));
    let objective = [(name::SLO, "looked-up-hit_ratio"), (name::SLI, "hit_ratio"), (name::MAP, "looked-up")];
    assert_eq!(batch.value(wire::OBJECTIVE.name, &objective), Some(0.9));
}

#[test]
fn rejected_inserts_get_spans_under_their_request() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address).install().unwrap();
    let map: HashMap<u32, u32> = HashMap::builder()
        .name("full")
        .max_entries(10)
        .objective(Objective::availability(0.999).unwrap())
        .build();
    let scope = Scope::request("filling").start();
    {
        let _entered = scope.enter();
        let map = map.pin();
        (0..12).for_each(|key| drop(map.try_insert(key, 0)));
    }
    scope.ok();
    telemetry.flush().unwrap();
    let batch = receiver.metrics();
    assert_eq!(operations(&batch, "full", "try_insert", "inserted"), Some(10.0));
    assert_eq!(operations(&batch, "full", "try_insert", "rejected"), Some(2.0));
    assert_eq!(events(&batch, "full-availability"), (Some(10.0), Some(2.0)));

    let spans = receiver.spans();
    let request = span(&spans, "filling");
    let rejected: Vec<_> =
        spans.iter().filter(|span| attribute(&span.attributes, name::OUTCOME) == "rejected").collect();
    assert_eq!(rejected.len(), 2);
    for operation in rejected {
        assert_eq!(operation.name, "full try_insert");
        assert_eq!((&operation.parent_span_id, &operation.trace_id), (&request.span_id, &request.trace_id));
        assert_eq!(attribute(&operation.attributes, name::ERROR_TYPE), "rejected");
    }
}

#[test]
fn a_map_and_a_scope_of_one_name_have_two_objectives() {
    let _turn = turn();
    let receiver = Receiver::start();
    let objective = Objective::availability(0.999).unwrap();
    let telemetry = orders(receiver.address).scope_objective("namesake", objective).install().unwrap();
    let map: HashMap<u32, u32> = HashMap::builder().name("namesake").objective(objective).build();
    map.pin().insert(1, 1);
    Scope::request("namesake").start().fail("x");
    telemetry.flush().unwrap();
    let batch = receiver.metrics();
    assert_eq!(events(&batch, "namesake-map-availability"), (Some(1.0), Some(0.0)));
    assert_eq!(
        events(&batch, "namesake-availability"),
        (None, None),
        "the objective of the scope has regions"
    );
    let of = [(name::SLO, "namesake-availability"), (name::VERDICT, "bad"), (name::REGION, "")];
    assert_eq!(batch.value(wire::SLI_EVENTS.name, &of), Some(1.0));
}
