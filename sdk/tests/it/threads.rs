//! Shipping uses one thread of the process of a service, whatever the receiver does.

use std::net::SocketAddr;

use crate::alone;
use crate::receiver::{Receiver, orders};

#[test]
fn shipping_starts_one_thread() {
    let test = "threads::shipping_starts_one_thread";
    if let Some(endpoint) = alone::argument(test) {
        return service(endpoint.parse().unwrap());
    }
    let receiver = Receiver::start();
    assert!(alone::start(test, &receiver.address.to_string()).wait().success());
    assert_eq!(receiver.bodies("/v1/metrics").len(), 6, "five flushes and the one of the drop");
}

fn service(endpoint: SocketAddr) {
    let before = started();
    let telemetry = orders(endpoint).install().unwrap();
    (0..5).for_each(|_| telemetry.flush().unwrap());
    drop(telemetry);
    assert_eq!(started() - before - 1, 1, "threads that were started since, without the one that counts");
}

/// Returns how many threads this process has started, including one for this call: their ids are consecutive numbers.
fn started() -> u64 {
    let id = format!("{:?}", std::thread::spawn(|| std::thread::current().id()).join().unwrap());
    id.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
}
