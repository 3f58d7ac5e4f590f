//! The tower layer in a real axum app.

use std::convert::Infallible;
use std::future::IntoFuture;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use axum::Router;
use axum::http::{Request, Response, StatusCode};
use axum::routing::get;
use mapwarden::{Objective, Scope, ScopeLayer};
use mapwarden_contract::names::{attribute as name, wire};
use tower::{Layer as _, Service as _};

use crate::receiver::{Receiver, attribute, orders, turn};
use crate::scope::{runtime, span};

/// Serves an app with a layer, sends these requests, and returns the status codes.
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
    let mut sent: Vec<_> = receiver.logs()[0].iter().map(|record| record.event_name.clone()).collect();
    sent.sort();
    assert_eq!(sent, [wire::TENANTS_EVENT, wire::USERS_EVENT], "one tenant and one user");
}

#[test]
fn the_tower_layer_uses_the_names_of_the_service() {
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
    let sent = receiver.logs().concat();
    assert!(sent.iter().any(|record| record.event_name == wire::TENANTS_EVENT), "{sent:?}");
}

/// Returns the (ok, failed, cancelled) requests of a scope.
fn endings(receiver: &Receiver, scope: &str) -> [Option<f64>; 3] {
    let batch = receiver.metrics();
    [wire::OK, wire::FAILED, wire::CANCELLED].map(|outcome| {
        let of = [(name::SCOPE, scope), (name::REGION, ""), (name::OUTCOME, outcome)];
        batch.value(wire::REQUESTS.name, &of)
    })
}

/// Reports that the handler which held it was dropped.
struct Gone(std::sync::mpsc::Sender<()>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.send(()).unwrap();
    }
}

#[test]
fn a_disconnect_spends_latency_but_no_availability() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address)
        .scope_objective("left-alone", Objective::availability(0.999).unwrap())
        .scope_objective("left-alone", Objective::latency(Duration::from_nanos(1), 0.99).unwrap())
        .install()
        .unwrap();
    let runtime = runtime();
    let (dropped, gone) = std::sync::mpsc::channel();
    let (arrive, arrived) = std::sync::mpsc::channel();
    let hang = async move || {
        let _gone = Gone(dropped.clone());
        arrive.send(()).unwrap();
        std::future::pending::<()>().await;
    };
    let app = Router::new().route("/", get(hang)).layer(ScopeLayer::request("left-alone"));
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let serving = runtime.spawn(axum::serve(listener, app).into_future());
    client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    arrived.recv().unwrap();
    drop(client);
    gone.recv().unwrap();
    serving.abort();
    telemetry.flush().unwrap();
    assert_eq!(endings(&receiver, "left-alone"), [Some(0.0), Some(0.0), Some(1.0)]);
    let batch = receiver.metrics();
    let events = |slo: &str| {
        ["good", "bad"].map(|verdict| {
            let of = [(name::SLO, slo), (name::VERDICT, verdict), (name::REGION, "")];
            batch.value(wire::SLI_EVENTS.name, &of)
        })
    };
    assert_eq!(events("left-alone-availability"), [Some(0.0), Some(0.0)]);
    assert_eq!(events("left-alone-latency"), [Some(0.0), Some(1.0)]);
    let of = [(name::SCOPE, "left-alone"), (name::REGION, "")];
    assert_eq!(batch.histogram(wire::REQUEST_DURATION.name, &of), Some((0, 0)));
    let spans = receiver.spans();
    let sent = span(&spans, "left-alone");
    assert_eq!(attribute(&sent.attributes, name::OUTCOME), wire::CANCELLED);
    assert_eq!(attribute(&sent.attributes, name::ERROR_TYPE), "");
}

#[test]
fn a_panic_caught_by_an_outer_layer_is_a_failure() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address).install().unwrap();
    let broken = tower::service_fn(async |request: Request<Option<Response<()>>>| {
        Ok::<_, Infallible>(request.into_body().expect("on purpose"))
    });
    let mut service = ScopeLayer::request("caught").layer(broken);
    let mut response = Box::pin(service.call(Request::new(None)));
    let mut poller = std::task::Context::from_waker(std::task::Waker::noop());
    let polled = catch_unwind(AssertUnwindSafe(|| response.as_mut().poll(&mut poller).is_ready()));
    assert!(polled.is_err());
    drop(response);
    telemetry.flush().unwrap();
    assert_eq!(endings(&receiver, "caught"), [Some(0.0), Some(1.0), Some(0.0)]);
    assert_eq!(attribute(&span(&receiver.spans(), "caught").attributes, name::ERROR_TYPE), "panic");
}

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|digits| u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap())
        .collect()
}
