//! Tenants beside users: counted in the same way, with separate pseudonyms.

use mapwarden::{Objective, Scope};
use mapwarden_contract::names::{attribute as name, wire};
use mapwarden_contract::{UserHash, UserSketch};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;

use crate::receiver::{Receiver, attribute, orders, turn};
use crate::scope::span;

/// Distinctive enough to be found in any body.
const ID: &str = "acme-9c1f-and-nobody-else";

/// Returns (event, verdict, pseudonyms) of a record.
fn read(record: &LogRecord) -> (String, String, Vec<u8>) {
    let Some(Value::BytesValue(body)) = record.body.as_ref().and_then(|body| body.value.as_ref()) else {
        panic!("{record:?}")
    };
    let sketch = UserSketch::decode(body).unwrap();
    (record.event_name.clone(), attribute(&record.attributes, name::VERDICT), sketch.encode())
}

#[test]
fn a_tenant_and_a_user_of_one_id_have_two_pseudonyms() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address)
        .scope_objective("tenanted", Objective::availability(0.999).unwrap())
        .install()
        .unwrap();
    Scope::request("tenanted").user(ID).tenant(ID).region("eu").start().fail("x");
    telemetry.flush().unwrap();

    // The tests' secret, see `orders`.
    let key = UserHash::key("a secret of the tests");
    let user = UserHash::keyed(&key, ID).get();
    let tenant = UserHash::keyed(&UserHash::tenant_key(&key), ID).get();
    assert_ne!(user, tenant);
    let mut sent: Vec<_> = receiver.logs()[0].iter().map(read).collect();
    sent.sort();
    let expected = [(wire::TENANTS_EVENT, tenant), (wire::USERS_EVENT, user)].map(|(event, hash)| {
        [wire::ACTIVE, wire::AFFECTED]
            .map(|verdict| (event.to_owned(), verdict.to_owned(), hash.to_be_bytes().to_vec()))
    });
    assert_eq!(sent, expected.concat());

    let spans = receiver.spans();
    let request = &span(&spans, "tenanted").attributes;
    assert_eq!(attribute(request, name::TENANT_PSEUDONYM), format!("{tenant:016x}"));
    assert_eq!(attribute(request, name::USER_PSEUDONYM), format!("{user:016x}"));
    for path in ["/v1/metrics", "/v1/traces", "/v1/logs"] {
        for body in receiver.bodies(path) {
            assert!(!body.windows(ID.len()).any(|bytes| bytes == ID.as_bytes()), "{path}");
        }
    }
}

#[test]
fn users_of_one_tenant_count_as_one_tenant() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address).install().unwrap();
    for user in 0..100 {
        let user = format!("user-{user}");
        Scope::request("one-tenant").user(&user).tenant("acme").start().ok();
    }
    telemetry.flush().unwrap();
    let mut sent: Vec<_> =
        receiver.logs()[0].iter().map(read).map(|(event, _, body)| (event, body.len() / 8)).collect();
    sent.sort();
    // A slot may have ended between them.
    let count = |event: &str| {
        let of_event = sent.iter().filter(|(name, _)| name == event);
        (of_event.clone().map(|(_, count)| count).sum::<usize>(), of_event.count())
    };
    assert_eq!(count(wire::USERS_EVENT).0, 100);
    let (tenants, slots) = count(wire::TENANTS_EVENT);
    assert_eq!((tenants, slots), (slots, count(wire::USERS_EVENT).1));
}
