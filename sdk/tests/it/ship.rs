//! The telemetry that arrives at a receiver, and the effects of a failing receiver on a service.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::time::Duration;

use mapwarden::{FlushError, InstallError, Objective, Scope, Telemetry};
use mapwarden_contract::names::{attribute as name, published, wire};
use mapwarden_contract::{UserHash, UserSketch};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;

use crate::receiver::{Receiver, attribute, orders, sorted_pairs, turn};

/// Returns the counts of `requests`, by outcome.
fn counted(receiver: &Receiver, scope: &str, region: &str) -> (Option<f64>, Option<f64>) {
    let batch = receiver.metrics();
    let count = |outcome| {
        let attributes = [(name::SCOPE, scope), (name::REGION, region), (name::OUTCOME, outcome)];
        batch.value(wire::REQUESTS.name, &attributes)
    };
    (count("ok"), count("failed"))
}

#[test]
fn every_request_arrives_exactly_once() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address)
        .scope_objective("exact", Objective::availability(0.999).unwrap())
        .scope_objective("exact", Objective::latency(Duration::from_secs(3600), 0.99).unwrap())
        .install()
        .unwrap();
    std::thread::scope(|threads| {
        for region in ["eu-west-1", "us-east-1"] {
            for _ in 0..2 {
                threads.spawn(move || {
                    for request in 0..1_000 {
                        let scope = Scope::request("exact").region(region).start();
                        if request % 10 == 0 { scope.fail("routing_miss") } else { scope.ok() }
                    }
                });
            }
        }
    });
    for _ in 0..3 {
        Scope::dependency("exact-payments").ok();
    }
    Scope::dependency("exact-payments").fail("timeout");
    telemetry.flush().unwrap();
    let batch = receiver.metrics();
    for region in ["eu-west-1", "us-east-1"] {
        assert_eq!(counted(&receiver, "exact", region), (Some(1_800.0), Some(200.0)), "{region}");
        let of = [(name::SCOPE, "exact"), (name::REGION, region)];
        assert_eq!(batch.histogram(wire::REQUEST_DURATION.name, &of), Some((2_000, 2_000)));
        let verdicts = [("exact-availability", 1_800.0, 200.0), ("exact-latency", 2_000.0, 0.0)];
        for (slo, good, bad) in verdicts {
            for (verdict, expected) in [("good", good), ("bad", bad)] {
                let of = [(name::SLO, slo), (name::VERDICT, verdict), (name::REGION, region)];
                assert_eq!(batch.value(wire::SLI_EVENTS.name, &of), Some(expected), "{slo} {verdict}");
            }
        }
    }
    let call = |outcome| {
        let of = [(name::DEPENDENCY, "exact-payments"), (name::OUTCOME, outcome)];
        batch.value(wire::DEPENDENCY_CALLS.name, &of)
    };
    assert_eq!((call("ok"), call("failed")), (Some(3.0), Some(1.0)));
}

#[test]
fn a_batch_carries_resource_time_and_objectives() {
    let _turn = turn();
    let receiver = Receiver::start();
    let latency = Objective::latency(Duration::from_millis(250), 0.99).unwrap();
    let telemetry = orders(receiver.address).scope_objective("described", latency).install().unwrap();
    Scope::request("described").region("eu").start().ok();
    telemetry.flush().unwrap();
    let first = receiver.metrics();
    telemetry.flush().unwrap();
    let second = receiver.metrics();

    let resource = sorted_pairs(first.resource());
    let keys: Vec<_> = resource.iter().map(|(key, _)| key.as_str()).collect();
    let expected = [
        name::ENVIRONMENT,
        name::TEAM,
        name::SERVICE_INSTANCE,
        name::SERVICE_NAME,
        name::SERVICE_VERSION,
        name::REVISION,
    ];
    assert_eq!(keys, expected);
    assert_eq!(sorted_pairs(second.resource()), resource, "one process, one instance");

    let declared: BTreeSet<_> = published::ALL.iter().map(|it| (it.wire.name, it.wire.unit)).collect();
    let sent: BTreeSet<_> = first.metrics().map(|metric| (&*metric.name, &*metric.unit)).collect();
    assert!(sent.is_subset(&declared), "{sent:?}");

    let of = [
        (name::SLO, "described-latency"),
        (name::SLI, "latency"),
        (name::SCOPE, "described"),
        (name::THRESHOLD, "250000000"),
    ];
    assert_eq!(first.value(wire::OBJECTIVE.name, &of), Some(0.99));

    let times: BTreeSet<_> = first.times().into_iter().collect();
    let [(start, time)] = times.into_iter().collect::<Vec<_>>()[..] else { panic!("one time for all") };
    let later: BTreeSet<_> = second.times().into_iter().collect();
    let [(same, later)] = later.into_iter().collect::<Vec<_>>()[..] else { panic!("one time for all") };
    assert!(start < time && time < later && start == same);

    let sequence = |batch: &crate::receiver::Batch| batch.value(wire::BATCHES.name, &[]).unwrap();
    assert!((sequence(&second) - sequence(&first) - 1.0).abs() < f64::EPSILON);
}

#[test]
fn a_dead_receiver_costs_no_counts() {
    let _turn = turn();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let telemetry = orders(address).install().unwrap();
    for _ in 0..100 {
        Scope::request("dead").user("ann").start().ok();
    }
    let refused = telemetry.flush().unwrap_err();
    assert!(matches!(refused, FlushError::Unconfirmed { .. }), "{refused}");
    Scope::request("dead").start().fail("x");

    let receiver = Receiver::on(address);
    telemetry.flush().unwrap();
    assert_eq!(counted(&receiver, "dead", ""), (Some(100.0), Some(1.0)));
    assert_eq!(sketches(&receiver.logs()[0], "dead").len(), 1, "users waited, too");
}

#[test]
fn a_restarted_receiver_is_found_at_once() {
    let _turn = turn();
    let receiver = Receiver::start();
    let address = receiver.address;
    let telemetry = orders(address).install().unwrap();
    Scope::request("restarted").start().ok();
    telemetry.flush().unwrap();
    drop(receiver);
    let receiver = Receiver::on(address);
    telemetry.flush().unwrap();
    assert_eq!(counted(&receiver, "restarted", ""), (Some(1.0), Some(0.0)));
}

#[test]
fn a_silent_receiver_delays_neither_requests_nor_the_end() {
    let _turn = turn();
    // Its connections stay in the backlog.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let telemetry =
        orders(silent.local_addr().unwrap()).interval(Duration::from_millis(10)).install().unwrap();
    for _ in 0..10_000 {
        Scope::request("silent").user("ann").start().fail("x");
    }
    drop(telemetry);
    drop(silent);
}

#[test]
fn a_busy_receiver_gets_no_request_before_retry_after() {
    let _turn = turn();
    let receiver = Receiver::start();
    for _ in 0..2 {
        receiver.will_answer("/v1/metrics", 503, Some("60"));
    }
    let telemetry = orders(receiver.address).interval(Duration::from_millis(10)).install().unwrap();
    Scope::request("busy").start().ok();
    receiver.wait_until(|came| came("/v1/metrics") > 0);
    let busy = telemetry.flush().unwrap_err().to_string();
    assert_eq!(busy, "the receiver did not confirm: /v1/metrics: the receiver answered 503");
    assert!(!receiver.is_asked_again("/v1/metrics", 2), "the first batch and the flush, then no request");
    telemetry.flush().unwrap();
    assert_eq!(counted(&receiver, "busy", ""), (Some(1.0), Some(0.0)));
}

/// Returns (region, verdict, slot, users) of the records about one scope and its objectives.
fn sketches(records: &[LogRecord], scope: &str) -> Vec<(String, String, u64, UserSketch)> {
    let about = |record: &LogRecord| {
        attribute(&record.attributes, name::SCOPE) + &attribute(&record.attributes, name::SLO)
    };
    let mut sketches: Vec<_> = records
        .iter()
        .filter(|record| about(record).split('-').next() == Some(scope))
        .map(|record| {
            assert_eq!(record.event_name, wire::USERS_EVENT);
            assert_eq!(attribute(&record.attributes, name::SLOT), "5000000000");
            let Some(Value::BytesValue(body)) = record.body.clone().unwrap().value else { panic!("bytes") };
            let sent_attributes = |name| attribute(&record.attributes, name);
            let sketch = UserSketch::decode(&body).unwrap();
            (sent_attributes(name::REGION), sent_attributes(name::VERDICT), record.time_unix_nano, sketch)
        })
        .collect();
    sketches.sort_by_key(|(region, verdict, slot, _)| (region.clone(), verdict.clone(), *slot));
    sketches
}

fn sketch_of(ids: &[&str]) -> UserSketch {
    let key = UserHash::key("a secret of the tests");
    let mut sketch = UserSketch::new();
    ids.iter().for_each(|id| sketch.insert(UserHash::keyed(&key, id)));
    sketch
}

#[test]
fn users_are_sent_until_confirmed() {
    let _turn = turn();
    let receiver = Receiver::start();
    receiver.will_answer("/v1/logs", 503, None);
    let telemetry = orders(receiver.address)
        .scope_objective("seen", Objective::availability(0.999).unwrap())
        .install()
        .unwrap();
    Scope::request("seen").user("ann").region("eu").start().ok();
    Scope::request("seen").user("ben").region("eu").start().fail("x");
    assert!(telemetry.flush().is_err());
    telemetry.flush().unwrap();

    let all = |batch: &Vec<LogRecord>| {
        let mut by_verdict = [("active", UserSketch::new()), ("affected", UserSketch::new())];
        for (region, verdict, slot, sketch) in sketches(batch, "seen") {
            assert_eq!((&*region, slot % 5_000_000_000), ("eu", 0));
            by_verdict.iter_mut().find(|(name, _)| *name == verdict).unwrap().1.merge(&sketch);
        }
        by_verdict
    };
    let expected = [("active", sketch_of(&["ann", "ben"])), ("affected", sketch_of(&["ben"]))];
    let logs = receiver.logs();
    assert_eq!(logs.len(), 2);
    assert_eq!(all(&logs[0]), expected, "not confirmed");
    assert_eq!(all(&logs[1]), expected, "sent again");
}

#[test]
fn confirmed_slots_are_not_sent_again() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address).interval(Duration::from_millis(50)).install().unwrap();
    Scope::request("ended").user("ann").start().ok();
    // A slot is sent with every batch until its 5 s are over, and then with none.
    receiver.wait_until(|came| came("/v1/logs") > 0 && came("/v1/metrics") > came("/v1/logs") + 2);
    drop(telemetry);
    for batch in receiver.logs() {
        assert_eq!(sketches(&batch, "ended")[0].3, sketch_of(&["ann"]));
    }
}

#[test]
fn spans_wait_for_a_busy_receiver() {
    let _turn = turn();
    let receiver = Receiver::start();
    receiver.will_answer("/v1/traces", 429, Some("1"));
    let telemetry = orders(receiver.address).install().unwrap();
    Scope::request("first").start().fail("x");
    assert!(telemetry.flush().is_err());
    Scope::request("second").start().fail("x");
    telemetry.flush().unwrap();
    let names: Vec<_> = receiver.spans().into_iter().map(|span| span.name).collect();
    assert_eq!(names, ["first", "first", "second"], "the first again, before the second");
}

#[test]
fn a_user_id_is_in_no_byte_that_leaves_the_process() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address)
        .trace_ratio(1.0)
        .scope_objective("private", Objective::availability(0.999).unwrap())
        .install()
        .unwrap();
    let id = "ann.in.clear@example.org";
    Scope::request("private").user(id).region("eu").start().ok();
    Scope::request("private").user(id).region("eu").start().fail("x");
    telemetry.flush().unwrap();
    let bodies: Vec<_> = ["/v1/metrics", "/v1/traces", "/v1/logs"]
        .into_iter()
        .flat_map(|path| {
            let bodies = receiver.bodies(path);
            assert!(!bodies.is_empty(), "{path}");
            bodies
        })
        .collect();
    for body in bodies {
        for secret in [id, "a secret of the tests"] {
            assert!(!body.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()));
        }
    }
    let pseudonym = UserHash::keyed(&UserHash::key("a secret of the tests"), id);
    let of_user = receiver
        .spans()
        .iter()
        .all(|span| attribute(&span.attributes, name::USER_PSEUDONYM) == format!("{:016x}", pseudonym.get()));
    assert!(of_user);
}

#[test]
fn refused_telemetry_is_dropped_and_counted() {
    let _turn = turn();
    let receiver = Receiver::start();
    receiver.will_answer("/v1/traces", 400, None);
    receiver.will_answer("/v1/logs", 404, None);
    let telemetry = orders(receiver.address).install().unwrap();
    let dropped = || receiver.metrics().value(wire::DROPPED.name, &[(name::REASON, "span_refused")]).unwrap();
    Scope::request("refused").start().fail("x");
    Scope::request("refused").start().fail("x");
    let refused = telemetry.flush().unwrap_err().to_string();
    assert_eq!(refused, "the receiver refused part of the batch: /v1/traces: status 400");
    let before = dropped();
    Scope::request("refused").user("ann").start().ok();
    let refused = telemetry.flush().unwrap_err().to_string();
    assert_eq!(refused, "the receiver refused part of the batch: /v1/logs: status 404");
    assert!((dropped() - before - 2.0).abs() < f64::EPSILON);
    assert_eq!(receiver.bodies("/v1/traces").len(), 1, "never sent again");
}

#[test]
fn dropping_the_handle_sends_the_rest() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address).install().unwrap();
    Scope::request("farewell").start().ok();
    drop(telemetry);
    assert_eq!(counted(&receiver, "farewell", ""), (Some(1.0), Some(0.0)));
}

#[test]
fn telemetry_is_installed_once_at_a_time() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address).install().unwrap();
    let second = orders(receiver.address).install().unwrap_err();
    assert!(matches!(second, InstallError::AlreadyInstalled), "{second}");
    drop(telemetry);
    drop(orders(receiver.address).install().unwrap());
    let incomplete = Telemetry::builder().service("orders").install().unwrap_err().to_string();
    assert!(incomplete.contains("`service.version`, `deployment.environment.name`"), "{incomplete}");
}
