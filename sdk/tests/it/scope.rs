//! Requests and what happens within them: spans, their parents, and the tower layer.

use std::future::IntoFuture;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use mapwarden::contract::names::{attribute as name, wire};
use mapwarden::{Objective, Scope, ScopeLayer, Telemetry};
use opentelemetry::Context;
use opentelemetry::trace::{Status, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as SpanStatus;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanProcessor};

use crate::receiver::{Receiver, attribute, orders, turn};

fn span<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let found: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    assert_eq!(found.len(), 1, "spans named {name}: {spans:?}");
    found[0]
}

fn names(receiver: &Receiver) -> Vec<String> {
    let mut names: Vec<_> = receiver.spans().into_iter().map(|span| span.name).collect();
    names.sort();
    names
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn only_requests_with_a_reason_become_spans() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address)
        .scope_objective("slow", Objective::latency(Duration::from_nanos(1), 0.99).unwrap())
        .install()
        .unwrap();
    Scope::request("fine").start().ok();
    Scope::request("broken").region("eu").user("ann").start().fail("routing_miss");
    Scope::request("slow").start().ok();
    drop(Scope::request("left").start());
    let panicked = std::thread::spawn(|| {
        let _scope = Scope::request("panicked").start();
        panic!("on purpose");
    });
    assert!(panicked.join().is_err());
    telemetry.flush().unwrap();
    assert_eq!(names(&receiver), ["broken", "left", "panicked", "slow"]);
    let spans = receiver.spans();
    let broken = span(&spans, "broken");
    assert_eq!(broken.kind, i32::from(SpanKind::Server));
    assert_eq!(broken.status.as_ref().unwrap().code, i32::from(SpanStatus::Error));
    let told = |name| attribute(&broken.attributes, name);
    assert_eq!((told(name::SCOPE), told(name::REGION)), ("broken".to_owned(), "eu".to_owned()));
    assert_eq!(
        (told(name::OUTCOME), told(name::ERROR_TYPE)),
        ("failed".to_owned(), "routing_miss".to_owned())
    );
    assert_eq!(told(name::USER_PSEUDONYM).len(), 16);
    assert!(broken.start_time_unix_nano <= broken.end_time_unix_nano);
    assert!(broken.parent_span_id.is_empty());
    for (name, error) in [("left", "dropped"), ("panicked", "panic"), ("slow", "")] {
        assert_eq!(attribute(&span(&spans, name).attributes, name::ERROR_TYPE), error);
    }
    assert_eq!(span(&spans, "slow").status.as_ref().unwrap().code, i32::from(SpanStatus::Unset));
}

#[test]
fn a_failed_call_brings_the_requests_around_it() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address).install().unwrap();
    let outer = Scope::request("outer").start();
    {
        let _entered = outer.enter();
        let inner = Scope::request("inner").start();
        {
            let _entered = inner.enter();
            Scope::dependency("quiet").ok();
            Scope::dependency("payments").fail("timeout");
        }
        inner.ok();
        Scope::request("beside").start().ok();
    }
    outer.ok();
    Scope::dependency("alone").fail("timeout");
    telemetry.flush().unwrap();
    assert_eq!(names(&receiver), ["alone", "inner", "outer", "payments"]);
    let spans = receiver.spans();
    let [outer, inner, payments, alone] =
        ["outer", "inner", "payments", "alone"].map(|name| span(&spans, name));
    assert_eq!((&payments.parent_span_id, &payments.trace_id), (&inner.span_id, &inner.trace_id));
    assert_eq!((&inner.parent_span_id, &inner.trace_id), (&outer.span_id, &outer.trace_id));
    assert!(outer.parent_span_id.is_empty() && alone.parent_span_id.is_empty());
    assert_ne!(alone.trace_id, outer.trace_id);
    assert_eq!(payments.kind, i32::from(SpanKind::Client));
    assert_eq!(attribute(&payments.attributes, name::DEPENDENCY), "payments");
}

#[test]
fn a_scope_follows_its_future_from_thread_to_thread_and_stays_out_of_others() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address).install().unwrap();
    runtime().block_on(async {
        let mut tasks = Vec::new();
        for task in 0..8 {
            tasks.push(tokio::spawn(async move {
                let scope = Scope::request(&format!("task-{task}")).start();
                let work = async move {
                    for step in 0..3 {
                        tokio::task::yield_now().await;
                        Scope::dependency(&format!("step-{task}-{step}")).fail("x");
                    }
                };
                let spawned = tokio::spawn(scope.run(work));
                tokio::task::yield_now().await;
                spawned.await.unwrap();
                scope.ok();
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
    telemetry.flush().unwrap();
    let spans = receiver.spans();
    for task in 0..8 {
        let scope = span(&spans, &format!("task-{task}"));
        for step in 0..3 {
            assert_eq!(span(&spans, &format!("step-{task}-{step}")).parent_span_id, scope.span_id);
        }
    }
}

#[test]
fn a_sampled_request_is_told_with_its_calls() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address).trace_ratio(1.0).install().unwrap();
    let scope = Scope::request("sampled").start();
    let entered = scope.enter();
    Scope::dependency("payments").ok();
    drop(entered);
    scope.ok();
    telemetry.flush().unwrap();
    assert_eq!(names(&receiver), ["payments", "sampled"]);
}

#[test]
fn a_storm_of_failures_is_counted_whole_and_told_in_part() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address).install().unwrap();
    let dropped = || receiver.metrics().value(wire::DROPPED.name, &[(name::REASON, "span_limit")]).unwrap();
    telemetry.flush().unwrap();
    let before = dropped();
    for _ in 0..1_000 {
        Scope::request("storm").start().fail("x");
    }
    telemetry.flush().unwrap();
    let told = f64::from(u32::try_from(receiver.spans().len()).unwrap());
    assert!((50.0..1_000.0).contains(&told), "{told}");
    assert!((told + dropped() - before - 1_000.0).abs() < f64::EPSILON, "{told} told, the rest counted");
}

/// Keeps the spans of a service's own tracer provider.
#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl SpanProcessor for Kept {
    fn on_start(&self, _: &mut opentelemetry_sdk::trace::Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.lock().unwrap().push(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

#[test]
fn a_service_may_lend_its_tracer() {
    let _turn = turn();
    let receiver = Receiver::start();
    let kept = Kept::default();
    let provider = SdkTracerProvider::builder().with_span_processor(kept.clone()).build();
    let telemetry = orders(receiver.address).tracer_provider(&provider).install().unwrap();
    let around = Context::new().with_span(provider.tracer("service").start("around"));
    let entered = around.clone().attach();
    let scope = Scope::request("lent").start();
    drop(entered);
    {
        let _entered = scope.enter();
        Scope::dependency("payments").fail("timeout");
        drop(provider.tracer("service").start("own"));
    }
    scope.fail("routing_miss");
    telemetry.flush().unwrap();
    let spans = kept.0.lock().unwrap().clone();
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    let lent = named("lent");
    assert_eq!(lent.parent_span_id, around.span().span_context().span_id());
    assert_eq!(lent.status, Status::error("routing_miss"));
    for child in ["payments", "own"] {
        assert_eq!(named(child).parent_span_id, lent.span_context.span_id(), "{child}");
    }
    assert!(receiver.spans().is_empty(), "they go where the service's spans go");
}

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
    let layer = ScopeLayer::request("layer").user_header("x-user").region_header("x-region");
    let eu = ("x-region", "eu");
    let codes = ask(
        layer,
        &[
            ("/ok", &[eu, ("traceparent", caller)]),
            ("/missing", &[eu]),
            ("/down", &[eu, ("x-user", "ann")]),
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
    assert_eq!(receiver.logs()[0].len(), 1, "one user");
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
}

#[test]
fn scopes_count_before_telemetry_is_there() {
    let _turn = turn();
    let scope = Scope::request("early").user("ann").start();
    drop(scope.enter());
    scope.ok();
    let receiver = Receiver::start();
    let telemetry: Telemetry = orders(receiver.address).install().unwrap();
    telemetry.flush().unwrap();
    let of = [(name::SCOPE, "early"), (name::REGION, ""), (name::OUTCOME, "ok")];
    assert_eq!(receiver.metrics().value(wire::REQUESTS.name, &of), Some(1.0));
    assert!(receiver.logs().is_empty(), "nobody's id was hashed");
}

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|digits| u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap())
        .collect()
}
