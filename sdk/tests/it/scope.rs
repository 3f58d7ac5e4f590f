//! Requests and the work within them: spans and their parents.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mapwarden::{Objective, Scope, Telemetry};
use mapwarden_contract::names::{attribute as name, wire};
use opentelemetry::Context;
use opentelemetry::trace::{Status, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as SpanStatus;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanProcessor};

use crate::receiver::{Receiver, attribute, orders, turn};

pub(crate) fn span<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let found: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    assert_eq!(found.len(), 1, "spans named {name}: {spans:?}");
    found[0]
}

fn names(receiver: &Receiver) -> Vec<String> {
    let mut names: Vec<_> = receiver.spans().into_iter().map(|span| span.name).collect();
    names.sort();
    names
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
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
    let sent = |name| attribute(&broken.attributes, name);
    assert_eq!((sent(name::SCOPE), sent(name::REGION)), ("broken".to_owned(), "eu".to_owned()));
    assert_eq!(
        (sent(name::OUTCOME), sent(name::ERROR_TYPE)),
        ("failed".to_owned(), "routing_miss".to_owned())
    );
    assert_eq!(sent(name::USER_PSEUDONYM).len(), 16);
    assert!(broken.start_time_unix_nano <= broken.end_time_unix_nano);
    assert!(broken.parent_span_id.is_empty());
    for (name, error) in [("left", "dropped"), ("panicked", "panic"), ("slow", "")] {
        assert_eq!(attribute(&span(&spans, name).attributes, name::ERROR_TYPE), error);
    }
    assert_eq!(span(&spans, "slow").status.as_ref().unwrap().code, i32::from(SpanStatus::Unset));
}

#[test]
fn a_failed_call_also_sends_the_requests_around_it() {
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
fn a_scope_follows_its_future_across_threads() {
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
fn a_request_knows_its_span_before_there_is_one() {
    let _turn = turn();
    let unknown = Scope::request("known").start();
    assert!(!unknown.span_context().is_valid());
    unknown.ok();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address).install().unwrap();
    let scope = Scope::request("known").start();
    let sent = scope.span_context();
    let callee =
        Scope::request("callee").parent(Context::new().with_remote_span_context(sent.clone())).start();
    callee.fail("x");
    scope.fail("x");
    telemetry.flush().unwrap();
    let spans = receiver.spans();
    assert_eq!(span(&spans, "known").span_id, sent.span_id().to_bytes());
    assert_eq!(span(&spans, "callee").parent_span_id, sent.span_id().to_bytes());
    assert_eq!(span(&spans, "callee").trace_id, sent.trace_id().to_bytes());
}

#[test]
fn sampled_requests_get_spans_with_their_calls() {
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
fn a_storm_of_failures_is_counted_in_full() {
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
    let sent = f64::from(u32::try_from(receiver.spans().len()).unwrap());
    assert!((50.0..1_000.0).contains(&sent), "{sent}");
    assert!((sent + dropped() - before - 1_000.0).abs() < f64::EPSILON, "{sent} sent, the rest counted");
}

/// An exporter that keeps the spans of the tracer provider of a service.
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
fn spans_go_to_the_tracer_of_the_service() {
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
    Scope::dependency("alone").fail("timeout");
    telemetry.flush().unwrap();
    let spans = kept.0.lock().unwrap().clone();
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    let lent = named("lent");
    assert_eq!(lent.parent_span_id, around.span().span_context().span_id());
    assert_eq!(lent.status, Status::error("routing_miss"));
    assert_ne!(named("alone").span_context.trace_id(), lent.span_context.trace_id());
    for child in ["payments", "own"] {
        assert_eq!(named(child).parent_span_id, lent.span_context.span_id(), "{child}");
    }
    assert!(receiver.spans().is_empty(), "the spans go to the tracer of the service");
}

#[test]
fn scopes_count_before_telemetry_is_installed() {
    let _turn = turn();
    let scope = Scope::request("early").user("ann").start();
    drop(scope.enter());
    scope.ok();
    let receiver = Receiver::start();
    let telemetry: Telemetry = orders(receiver.address).install().unwrap();
    telemetry.flush().unwrap();
    let of = [(name::SCOPE, "early"), (name::REGION, ""), (name::OUTCOME, "ok")];
    assert_eq!(receiver.metrics().value(wire::REQUESTS.name, &of), Some(1.0));
    assert!(receiver.logs().is_empty(), "no id was hashed");
}

#[test]
fn a_job_that_schedules_its_successor_leaves_no_chain() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address).install().unwrap();
    let mut scheduled = Context::new();
    for _ in 0..200_000 {
        let around = scheduled.clone().attach();
        let job = Scope::request("job").start();
        let within = job.enter();
        scheduled = Context::current();
        drop((within, around));
        job.ok();
    }
    let around = scheduled.attach();
    Scope::dependency("payments").fail("timeout");
    drop(around);
    telemetry.flush().unwrap();
    assert_eq!(names(&receiver), ["payments"], "jobs that ended get no span after their end");
}

#[test]
fn nested_requests_get_spans_up_to_the_limit() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address).install().unwrap();
    fn nested(depth: usize) {
        let scope = Scope::request("nested").start();
        {
            let _within = scope.enter();
            if depth > 0 { nested(depth - 1) } else { Scope::dependency("payments").fail("timeout") }
        }
        scope.ok();
    }
    nested(39);
    telemetry.flush().unwrap();
    assert!(names(&receiver).len() < 40, "fewer spans than the 40 requests");
    assert!(names(&receiver).contains(&"nested".to_owned()));
}

#[test]
fn ids_are_independent_of_the_random_numbers_of_the_service() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address).install().unwrap();
    let ids = || {
        fastrand::seed(17);
        let scope = Scope::request("random").start();
        let ids = scope.span_context();
        scope.ok();
        assert_eq!(
            fastrand::u64(..),
            fastrand::Rng::with_seed(17).u64(..),
            "the service draws the same numbers as without the SDK"
        );
        (ids.trace_id(), ids.span_id())
    };
    assert_ne!(ids(), ids());
    drop(telemetry);
}
