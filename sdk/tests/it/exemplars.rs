//! Histograms name the span of the last bad event.

use std::time::Duration;

use mapwarden::{Objective, Scope};
use mapwarden_contract::names::{attribute as name, wire};
use opentelemetry_proto::tonic::metrics::v1::{Exemplar, exemplar};

use crate::receiver::{Batch, Receiver, orders, turn};
use crate::scope::span;

fn exemplar(batch: &Batch, metric: &str, of: &[(&str, &str)]) -> Option<Exemplar> {
    batch.distribution(metric, of).unwrap().exemplars.first().cloned()
}

fn of_request(batch: &Batch, scope: &str, region: &str) -> Option<Exemplar> {
    exemplar(batch, wire::REQUEST_DURATION.name, &[(name::SCOPE, scope), (name::REGION, region)])
}

#[test]
fn an_exemplar_names_the_last_bad_request_of_a_region() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address)
        .scope_objective("exemplary-slow", Objective::latency(Duration::from_nanos(1), 0.99).unwrap())
        .install()
        .unwrap();
    Scope::request("exemplary").region("eu").start().fail("first");
    Scope::request("exemplary").region("us").start().ok();
    Scope::request("exemplary-slow").start().ok();
    Scope::dependency("exemplary-call").ok();
    Scope::dependency("exemplary-call").fail("timeout");
    telemetry.flush().unwrap();
    let first = receiver.metrics();
    assert_eq!(of_request(&first, "exemplary", "us"), None);
    for (exemplar_sent, span_name) in [
        (of_request(&first, "exemplary", "eu"), "exemplary"),
        (of_request(&first, "exemplary-slow", ""), "exemplary-slow"),
        (
            exemplar(&first, wire::DEPENDENCY_DURATION.name, &[(name::DEPENDENCY, "exemplary-call")]),
            "exemplary-call",
        ),
    ] {
        let exemplar_sent = exemplar_sent.unwrap();
        let spans = receiver.spans();
        let span = span(&spans, span_name);
        assert_eq!(
            (&exemplar_sent.trace_id, &exemplar_sent.span_id),
            (&span.trace_id, &span.span_id),
            "{span_name}"
        );
        let Some(exemplar::Value::AsDouble(nanos)) = exemplar_sent.value else { panic!("{exemplar_sent:?}") };
        let lasted = Duration::from_nanos(span.end_time_unix_nano - span.start_time_unix_nano);
        assert_eq!(Duration::from_secs_f64(nanos / 1e9), lasted, "{span_name}");
        let apart = Duration::from_nanos(exemplar_sent.time_unix_nano.abs_diff(span.end_time_unix_nano));
        assert!(apart < Duration::from_secs(5), "{span_name}: {apart:?}");
    }

    Scope::request("exemplary").region("eu").start().fail("second");
    telemetry.flush().unwrap();
    let second = of_request(&receiver.metrics(), "exemplary", "eu").unwrap();
    assert_ne!(Some(&second), of_request(&first, "exemplary", "eu").as_ref(), "the last one");
}

#[test]
fn requests_without_a_span_keep_the_exemplar() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address).install().unwrap();
    // More than the limit of spans a second.
    for _ in 0..500 {
        Scope::request("exemplary-storm").start().fail("x");
    }
    telemetry.flush().unwrap();
    let exemplar_sent = of_request(&receiver.metrics(), "exemplary-storm", "").unwrap();
    let spans = receiver.spans();
    assert!(spans.len() < 500);
    assert!(spans.iter().any(|span| span.span_id == exemplar_sent.span_id), "it names a span that was sent");
}
