//! A receiver that is absent, failing or not a receiver: the service continues, waiting telemetry is bounded, and the
//! counts are exact once a healthy receiver answers.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use mapwarden::{Count, UnixNanos};
use mapwarden::{FlushError, HashMap, Scope};
use mapwarden_contract::names::{attribute as name, wire};

use crate::faulty::{Fault, Faulty};
use crate::receiver::{Receiver, orders, turn};

/// Runs ten rounds of a service's work: requests with users, some of which fail, and map operations.
fn work(about: &str, map: &HashMap<u64, u64>) {
    std::thread::scope(|threads| {
        for thread in 0..2_u64 {
            threads.spawn(move || {
                for number in 0..1_000 {
                    let request = Scope::request(about).user(&format!("user-{number}")).start();
                    map.pin().insert(thread * 1_000 + number, number);
                    assert_eq!(map.pin().get(&(thread * 1_000 + number)), Some(&number));
                    if number % 10 == 0 { request.fail("on purpose") } else { request.ok() }
                }
            });
        }
    });
}

/// Asserts that the receiver has the exact counts of that work, done `times` times.
fn assert_counted(receiver: &Receiver, about: &str, times: f64) {
    let batch = receiver.all_metrics();
    let requests = |outcome| {
        let of = [(name::SCOPE, about), (name::REGION, ""), (name::OUTCOME, outcome)];
        batch.value(wire::REQUESTS.name, &of)
    };
    let operations = |op, outcome| {
        let of = [(name::MAP, about), (name::OP, op), (name::OUTCOME, outcome)];
        batch.value(wire::MAP_OPERATIONS.name, &of)
    };
    assert_eq!((requests("ok"), requests("failed")), (Some(1_800.0 * times), Some(200.0 * times)), "{about}");
    assert_eq!(operations("get", "hit"), Some(2_000.0 * times), "{about}");
    let inserts = (operations("insert", "inserted"), operations("insert", "replaced"));
    assert_eq!(inserts, (Some(2_000.0), Some(2_000.0 * (times - 1.0))), "{about}");
}

fn no_receiver() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn no_fault_of_a_receiver_costs_a_count() {
    let _turn = turn();
    for fault in Fault::ALL {
        let about = format!("{fault:?}").to_lowercase();
        let map = HashMap::builder().name(&*about).build();
        let faulty = Faulty::start(fault);
        let address = faulty.address;
        let telemetry = orders(address).install().unwrap();
        let refused = std::thread::scope(|threads| {
            let flush = threads.spawn(|| telemetry.flush_within(Duration::from_secs(60)).unwrap_err());
            faulty.wait_for_a_connection();
            work(&about, &map);
            flush.join().unwrap()
        });
        assert!(matches!(refused, FlushError::Unconfirmed { .. }), "{about}: {refused}");
        let health = telemetry.health();
        assert_eq!((health.is_well(), health.last_confirmed, health.is_shipping), (false, None, true));
        assert!(health.consecutive_failures > 0 && health.last_error.is_some(), "{about}: {health:?}");
        work(&about, &map);
        drop(faulty);

        let receiver = Receiver::on(address);
        telemetry.flush().unwrap();
        assert_counted(&receiver, &about, 2.0);
        assert!(telemetry.health().is_well(), "{about}");
    }
}

#[test]
fn counts_survive_a_late_start_and_an_outage() {
    let _turn = turn();
    let address = no_receiver();
    let map = HashMap::builder().name("down").build();
    let telemetry = orders(address).interval(Duration::from_millis(10)).install().unwrap();
    for times in 1..=3 {
        work("down", &map);
        assert!(telemetry.flush().is_err());
        let receiver = Receiver::on(address);
        telemetry.flush().unwrap();
        assert_counted(&receiver, "down", f64::from(times));
    }
}

#[test]
fn pauses_for_a_busy_receiver_grow() {
    let _turn = turn();
    for status in [429, 502, 503, 504] {
        let receiver = Receiver::start();
        receiver.always_answers(Some((status, None)));
        let telemetry = orders(receiver.address).interval(Duration::from_millis(10)).install().unwrap();
        receiver.wait_until(|came| came("/v1/metrics") >= 5);
        for (gap, at_least) in receiver.gaps("/v1/metrics").into_iter().zip([5, 10, 20, 40]) {
            assert!(gap >= Duration::from_millis(at_least), "{status}: {gap:?} is less than {at_least} ms");
        }
        receiver.always_answers(None);
        telemetry.flush().unwrap();
        assert!(telemetry.health().is_well());
    }
}

#[test]
fn the_next_request_waits_for_retry_after() {
    let _turn = turn();
    for status in [429, 503] {
        let receiver = Receiver::start();
        receiver.will_answer("/v1/metrics", status, Some("1"));
        let telemetry = orders(receiver.address).interval(Duration::from_millis(10)).install().unwrap();
        receiver.wait_until(|came| came("/v1/metrics") >= 3);
        assert!(receiver.gaps("/v1/metrics")[0] >= Duration::from_secs(1));
        drop(telemetry);
    }
}

#[test]
fn a_failed_signal_does_not_delay_the_others() {
    let _turn = turn();
    let receiver = Receiver::start();
    receiver.will_answer("/v1/metrics", 503, Some("60"));
    let telemetry = orders(receiver.address).interval(Duration::from_millis(10)).install().unwrap();
    receiver.wait_until(|came| came("/v1/metrics") == 1);
    Scope::request("by itself").user("ann").start().fail("on purpose");
    // In a later batch, during the pause of the metrics.
    receiver.wait_until(|came| came("/v1/traces") > 0 && came("/v1/logs") > 1);
    assert_eq!(receiver.bodies("/v1/metrics").len(), 1);
    let health = telemetry.health();
    assert_eq!((health.consecutive_failures, health.last_confirmed), (1, None));
    let error = health.last_error.unwrap();
    assert_eq!(error, "the receiver did not confirm: /v1/metrics: the receiver answered 503");
}

#[test]
fn a_batch_tries_every_signal() {
    let _turn = turn();
    let receiver = Receiver::start();
    receiver.will_answer("/v1/metrics", 503, None);
    let telemetry = orders(receiver.address).install().unwrap();
    Scope::request("in one batch").user("ann").start().fail("on purpose");
    let busy = telemetry.flush().unwrap_err().to_string();
    assert_eq!(busy, "the receiver did not confirm: /v1/metrics: the receiver answered 503");
    assert_eq!((receiver.spans().len(), receiver.logs().len()), (1, 1));
}

#[test]
fn a_wrong_endpoint_shows_in_health_and_gets_pauses() {
    let _turn = turn();
    for status in [301, 401, 404, 500] {
        let receiver = Receiver::start();
        receiver.always_answers(Some((status, None)));
        let telemetry = orders(receiver.address).interval(Duration::from_millis(10)).install().unwrap();
        let refused =
            || telemetry.health().dropped.iter().find(|(reason, _)| *reason == "point_refused").unwrap().1;
        let before = refused();
        receiver.wait_until(|came| came("/v1/metrics") >= 5);
        for (gap, at_least) in receiver.gaps("/v1/metrics").into_iter().zip([5, 10, 20, 40]) {
            assert!(gap >= Duration::from_millis(at_least), "{status}: {gap:?} is less than {at_least} ms");
        }
        let health = telemetry.health();
        assert!(!health.is_well() && health.consecutive_failures >= 4, "{health:?}");
        let error = format!("the receiver refused part of the batch: /v1/metrics: status {status}");
        assert_eq!(health.last_error.as_ref(), Some(&error));
        assert_eq!(telemetry.flush().unwrap_err().to_string(), error);
        assert!(refused() > before);
    }
}

#[test]
fn batches_carry_the_time_without_confirmation() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address).install().unwrap();
    let age = || receiver.metrics().value(wire::UNCONFIRMED.name, &[]).unwrap();
    let before = UnixNanos::now();
    telemetry.flush().unwrap();
    let confirmed = telemetry.health().last_confirmed.unwrap();
    assert!(confirmed > before);
    receiver.always_answers(Some((503, None)));
    telemetry.flush().unwrap_err();
    let (first, after) = (age(), UnixNanos::now());
    assert_eq!(telemetry.health().last_confirmed, Some(confirmed), "not now");
    telemetry.flush().unwrap_err();
    assert!(first > 0.0 && first <= Count::new(after.since(confirmed).get()).as_f64());
    assert!(age() > first, "the age grows until the next confirmation");
    let batches = receiver.metrics().value(wire::BATCHES.name, &[]).unwrap();
    assert_eq!(telemetry.health().batches.as_f64(), batches);
}

#[test]
fn flushes_end_in_time_and_with_telemetry() {
    let _turn = turn();
    let faulty = Faulty::start(Fault::Silent);
    let telemetry = orders(faulty.address).install().unwrap();
    let handle = telemetry.handle();
    let limit = Duration::from_millis(20);
    assert_eq!(handle.flush_within(limit), Err(FlushError::TimedOut(limit)));
    drop(telemetry);
    assert!(matches!(handle.flush(), Err(FlushError::Ended)));
    assert!(!handle.health().is_shipping);
}
