//! More users than may wait while no receiver answers: the waiting users are bounded, and every dropped user is
//! counted.

use mapwarden::Scope;
use mapwarden_contract::UserSketch;
use mapwarden_contract::names::{attribute as name, wire};
use opentelemetry_proto::tonic::common::v1::any_value::Value;

use crate::alone;
use crate::faulty::{Fault, Faulty};
use crate::receiver::{Receiver, attribute, orders};

/// More threads than stripes in which users wait, so that each stripe is filled.
const THREADS: u64 = 20;

/// Few enough scopes to have counters of their own.
const SCOPES: u64 = 100;

/// The users of each thread in each scope: those of all threads are fewer than a sketch counts exactly.
const USERS: u64 = 200;

/// How many hashes of users may wait until the shipper collects them.
const KEPT: f64 = 262_144.0;

#[test]
fn dropped_users_are_counted_exactly() {
    let test = "flood::dropped_users_are_counted_exactly";
    if alone::argument(test).is_some() {
        return service();
    }
    assert!(alone::start(test, "").wait().success());
}

fn service() {
    let silent = Faulty::start(Fault::Silent);
    let address = silent.address;
    let telemetry = orders(address).install().unwrap();
    std::thread::scope(|threads| {
        for thread in 0..THREADS {
            threads.spawn(move || {
                for (scope, user) in (0..SCOPES).flat_map(|scope| (0..USERS).map(move |user| (scope, user))) {
                    let user = format!("user-{thread}-{user}");
                    Scope::request(&format!("flood-{scope}")).user(&user).start().ok();
                }
            });
        }
    });
    telemetry.flush().unwrap_err();
    drop(silent);

    let receiver = Receiver::on(address);
    telemetry.flush().unwrap();
    let logs = receiver.logs();
    let sent_users = logs.iter().flatten().map(|record| {
        assert!(attribute(&record.attributes, name::SCOPE).starts_with("flood-"));
        let Some(Value::BytesValue(body)) = record.body.clone().unwrap().value else { panic!("bytes") };
        let sketch = UserSketch::decode(&body).unwrap();
        assert!(sketch.is_exact());
        sketch.estimate()
    });
    let sent_users: f64 = sent_users.sum();
    let dropped = receiver.metrics().value(wire::DROPPED.name, &[(name::REASON, "user_limit")]).unwrap();
    assert!(sent_users <= KEPT, "{sent_users}");
    let seen = f64::from(u32::try_from(THREADS * SCOPES * USERS).unwrap());
    assert_eq!(sent_users + dropped, seen, "{sent_users} sent_users, {dropped} dropped");
    assert!(receiver.bodies("/v1/logs").iter().all(|body| body.len() <= 2 << 20));
}
