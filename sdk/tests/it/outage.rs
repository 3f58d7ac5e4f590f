//! A receiver that is not there, not well or not one: the service works on, what waits stays bounded, and the counts
//! are exact once there is a receiver that is well.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use mapwarden::{Count, UnixNanos};
use mapwarden::{FlushError, HashMap, Scope};
use mapwarden_contract::names::{attribute as name, wire};

use crate::faulty::{Fault, Faulty};
use crate::receiver::{Receiver, orders, turn};

/// Ten times the usual work of a service: requests with users, some of which fail, and map operations.
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

/// Asserts that the receiver has counts of exactly so many times that work.
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
fn a_receiver_may_start_last_and_go_down_in_the_middle() {
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
fn a_busy_receiver_is_asked_less_and_less() {
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
fn a_receiver_says_itself_when_it_may_be_asked_again() {
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
fn a_signal_that_fails_holds_up_no_other() {
    let _turn = turn();
    let receiver = Receiver::start();
    receiver.will_answer("/v1/metrics", 503, Some("60"));
    let telemetry = orders(receiver.address).interval(Duration::from_millis(10)).install().unwrap();
    receiver.wait_until(|came| came("/v1/metrics") == 1);
    Scope::request("by itself").user("ann").start().fail("on purpose");
    // In a later batch, in which the metrics pause.
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
    assert!(age() > first, "it grows until the next confirmation");
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
