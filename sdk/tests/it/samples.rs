//! Samples of timed operations: hot keys and the requests that use a map, as a receiver gets them.

use std::hash::{Hash, Hasher};

use mapwarden::{HashMap, Scope};
use mapwarden_contract::UserHash;
use mapwarden_contract::names::{attribute as name, wire};
use siphasher::sip::SipHasher13;

use crate::receiver::{Batch, Receiver, attribute as text, orders, turn};

/// Returns the (value of the attribute, count) pairs of a metric's points about one map, by name.
fn by(batch: &Batch, metric: &str, attribute: &str, map: &str) -> Vec<(String, u64)> {
    let of_map = batch.counters(metric).into_iter().filter(|(of, _)| text(of, name::MAP) == map);
    let mut found: Vec<_> = of_map.map(|(of, count)| (text(&of, attribute), count)).collect();
    found.sort();
    found
}

#[test]
fn hot_keys_are_sent_as_pseudonyms_or_under_chosen_names() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address).pseudonym_key("shared").install().unwrap();
    let secret: HashMap<String, u32> = HashMap::builder().name("hot-secret").time_every_operation().build();
    let open: HashMap<u32, u32> = HashMap::builder()
        .name("hot-open")
        .time_every_operation()
        .display_key(|key| format!("product-{key}"))
        .build();
    secret.pin().insert("ada@example.org".to_owned(), 1);
    open.pin().insert(7, 1);
    for number in 0..50 {
        secret.pin().get("ada@example.org");
        open.pin().get(&7);
        open.pin().get(&(1000 + number));
    }
    telemetry.flush().unwrap();
    let batch = receiver.metrics();
    let keys = |map| by(&batch, wire::MAP_HOT_KEY_OPERATIONS.name, name::KEY, map);
    assert_eq!(keys("hot-open"), [("product-7".to_owned(), 51)]);
    let mut hasher = SipHasher13::new_with_key(&UserHash::key("shared"));
    "ada@example.org".hash(&mut hasher);
    assert_eq!(keys("hot-secret"), [(format!("{:016x}", hasher.finish()), 51)]);
    let sampled = |map| batch.value(wire::MAP_SAMPLED_OPERATIONS.name, &[(name::MAP, map)]);
    assert_eq!((sampled("hot-secret"), sampled("hot-open")), (Some(51.0), Some(101.0)));
}

#[test]
fn operations_are_attributed_to_the_request_that_makes_them() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address).install().unwrap();
    let map: HashMap<u32, u32> = HashMap::builder().name("attributed").time_every_operation().build();
    for (scope, operations) in [("search", 3), ("checkout", 5)] {
        let scope = Scope::request(scope).start();
        let entered = scope.enter();
        (0..operations).for_each(|key| {
            map.pin().insert(key, key);
        });
        drop(entered);
        scope.ok();
    }
    map.pin().get(&1);
    telemetry.flush().unwrap();
    let scopes = by(&receiver.metrics(), wire::MAP_SCOPE_OPERATIONS.name, name::SCOPE, "attributed");
    assert_eq!(scopes, [(String::new(), 1), ("checkout".to_owned(), 5), ("search".to_owned(), 3)]);
}
