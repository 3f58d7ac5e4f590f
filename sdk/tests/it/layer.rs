//! The tower layer under a real axum app.

use std::future::IntoFuture;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use mapwarden::contract::names::{attribute as name, wire};
use mapwarden::{Scope, ScopeLayer};

use crate::receiver::{Receiver, attribute, orders, turn};
use crate::scope::{runtime, span};

/// Serves an app under a layer, asks it these things, and gives the answers' status codes.
fn ask(layer: ScopeLayer, requests: &[(&str, &[(&str, &str)])]) -> Vec<u16> {
    async fn ok() -> &'static str {
        Scope::dependency("layer-payments").fail("timeout");
        "fine"
    }
    let runtime = runtime();
    let app = Router::new()
        .route("/ok", get(ok))
        .route("/missing", get(async || StatusCode::NOT_FOUND))
        .route("/down", get(async || StatusCode::SERVICE_UNAVAILABLE))
        .layer(layer);
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let serving = runtime.spawn(axum::serve(listener, app).into_future());
    let client = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().new_agent();
    let codes = requests
        .iter()
        .map(|(path, headers)| {
            let mut request = client.get(format!("http://{address}{path}"));
            for (name, value) in *headers {
                request = request.header(*name, *value);
            }
            request.call().unwrap().status().as_u16()
        })
        .collect();
    serving.abort();
    codes
}

#[test]
fn the_tower_layer_opens_a_scope_for_every_request() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address).install().unwrap();
    let caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    let layer = ScopeLayer::request("layer")
        .user_header("x-user")
        .tenant_header("x-tenant")
        .region_header("x-region");
    let eu = ("x-region", "eu");
    let codes = ask(
        layer,
        &[
            ("/ok", &[eu, ("traceparent", caller)]),
            ("/missing", &[eu]),
            ("/down", &[eu, ("x-user", "ann"), ("x-tenant", "acme")]),
            ("/down", &[]),
        ],
    );
    assert_eq!(codes, [200, 404, 503, 503]);
    telemetry.flush().unwrap();
    let batch = receiver.metrics();
    let count = |region, outcome| {
        let of = [(name::SCOPE, "layer"), (name::REGION, region), (name::OUTCOME, outcome)];
        batch.value(wire::REQUESTS.name, &of)
    };
    assert_eq!((count("eu", "ok"), count("eu", "failed")), (Some(2.0), Some(1.0)));
    assert_eq!((count("", "ok"), count("", "failed")), (Some(0.0), Some(1.0)));
    let spans = receiver.spans();
    let payments = span(&spans, "layer-payments");
    let around = spans.iter().find(|span| span.span_id == payments.parent_span_id).unwrap();
    assert_eq!(around.trace_id, hex("4bf92f3577b34da6a3ce929d0e0e4736"));
    assert_eq!(around.parent_span_id, hex("00f067aa0ba902b7"));
    let errors = spans.iter().filter(|span| attribute(&span.attributes, name::ERROR_TYPE) == "http_503");
    assert_eq!(errors.count(), 2);
    let mut told: Vec<_> = receiver.logs()[0].iter().map(|record| record.event_name.clone()).collect();
    told.sort();
    assert_eq!(told, [wire::TENANTS_EVENT, wire::USERS_EVENT], "one tenant and one user");
}

#[test]
fn the_tower_layer_names_scopes_and_users_as_the_service_says() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address).install().unwrap();
    let layer = ScopeLayer::request_by(|head| match head.uri.path() {
        "/missing" => None,
        path => Some(format!("named{}", path.replace('/', "-"))),
    })
    .user_by(|head| head.uri.query().map(str::to_owned))
    .tenant_by(|head| head.uri.query().map(str::len).map(|length| length.to_string()))
    .region_by(|_| Some("ap-south-1".to_owned()));
    assert_eq!(ask(layer, &[("/ok?ann", &[]), ("/missing", &[]), ("/down", &[])]), [200, 404, 503]);
    telemetry.flush().unwrap();
    let batch = receiver.metrics();
    let count = |scope, outcome| {
        let of = [(name::SCOPE, scope), (name::REGION, "ap-south-1"), (name::OUTCOME, outcome)];
        batch.value(wire::REQUESTS.name, &of)
    };
    assert_eq!(count("named-ok", "ok"), Some(1.0));
    assert_eq!(count("named-down", "failed"), Some(1.0));
    assert_eq!(count("named-missing", "ok"), None, "without a name it is not counted");
    let told = receiver.logs().concat();
    assert!(told.iter().any(|record| record.event_name == wire::TENANTS_EVENT), "{told:?}");
}

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|digits| u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap())
        .collect()
}
