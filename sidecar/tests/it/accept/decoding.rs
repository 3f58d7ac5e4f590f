//! Decoding of telemetry: golden requests in, observations out.

use std::sync::Arc;

use mapwarden_contract::{Count, Nanos, UserHash, UserSketch};
use mapwarden_engine::observation::{
    Attributes, Batch, Buckets, Call, CallSource, Completion, FailureAbout, Histogram, IdentityKind,
    Observation, Point, PointValue, Temporality, UserRole,
};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use prost::Message as _;
use serde_json::json;

use super::{JSON, PROTOBUF, Server, config};

fn attributes(pairs: &[(&str, &str)]) -> Attributes {
    pairs.iter().map(|(name, value)| (Arc::from(*name), Arc::from(*value))).collect()
}

async fn batches(path: &str, body: &str) -> (serde_json::Value, Vec<Batch>) {
    let mut server = Server::start(&config()).await;
    let answer = server.post(path, JSON, body.to_owned()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    (answer.json(), server.batches())
}

fn points(batch: &Batch) -> Vec<&Point> {
    let mut points = Vec::new();
    for observation in &batch.observations {
        let Observation::Point(point) = observation else { panic!("{observation:?} among points") };
        points.push(point);
    }
    points
}

#[tokio::test]
async fn every_kind_of_metric_is_read() {
    let (answer, batches) = batches("/v1/metrics", include_str!("../golden/metrics.json")).await;
    let partial = &answer["partialSuccess"];
    assert_eq!(partial["rejectedDataPoints"], "5", "{partial}");
    for reason in ["no_data", "summary", "undecodable", "no_value", "temporality"] {
        assert!(partial["errorMessage"].as_str().unwrap().contains(reason), "{reason}: {partial}");
    }
    let [batch] = batches.as_slice() else { panic!("{batches:?}") };
    let resource = &batch.resource;
    assert_eq!((&*resource.service, resource.version.as_deref()), ("shop", Some("v2")));
    assert_eq!((resource.region.as_deref(), resource.team.as_deref()), (Some("eu-west-1"), None));
    let explicit = Histogram {
        count: Count::new(3),
        sum: Some(0.75),
        to_nanos: Some(1e9),
        buckets: Buckets::Explicit { bounds: Arc::from([0.25, 0.5]), counts: vec![1, 2, 0] },
        exemplars: Vec::new(),
    };
    let exponential = Histogram {
        count: Count::new(4),
        sum: None,
        to_nanos: Some(1.0),
        buckets: Buckets::Exponential { scale: 3, offset: -1, counts: vec![1, 0, 2], zero: 1 },
        exemplars: Vec::new(),
    };
    let expected = [
        ("http.requests", PointValue::Sum { temporality: Temporality::Cumulative, value: 7.0 }),
        ("http.requests", PointValue::Sum { temporality: Temporality::Cumulative, value: 9.5 }),
        ("in.flight", PointValue::Gauge(-3.0)),
        ("depth", PointValue::Gauge(0.5)),
        ("latency", PointValue::Histogram { temporality: Temporality::Delta, histogram: Box::new(explicit) }),
        (
            "duration",
            PointValue::Histogram { temporality: Temporality::Cumulative, histogram: Box::new(exponential) },
        ),
    ];
    let points = points(batch);
    let got: Vec<(&str, PointValue)> =
        points.iter().map(|point| (&*point.metric, point.value.clone())).collect();
    assert_eq!(got, expected);
    assert_eq!(points[0].attributes, attributes(&[("code", "503"), ("route", "/pay"), ("tls", "true")]));
    assert_eq!((points[0].start.get(), points[0].time.get()), (5, 1_700_000_000_000_000_000));
}

#[tokio::test]
async fn spans_are_requests_and_calls_except_those_of_the_sdk() {
    let (answer, batches) = batches("/v1/traces", include_str!("../golden/traces.json")).await;
    assert_eq!(answer["partialSuccess"]["rejectedSpans"], "2", "{answer}");
    let [batch] = batches.as_slice() else { panic!("{batches:?}") };
    let key = UserHash::key("secret");
    let mut requests = Vec::new();
    let mut calls = Vec::new();
    let mut failures = Vec::new();
    for observation in &batch.observations {
        match observation {
            Observation::Request(request) => {
                let region = request.region.as_deref().unwrap();
                requests.push((&*request.name, request.completion, request.user.unwrap(), region));
                assert_eq!(request.duration, Nanos::new(150));
            }
            Observation::Call(call) => calls.push(call.clone()),
            Observation::Failure(failure) => failures.push(failure.clone()),
            Observation::Point(_) | Observation::Users(_) => panic!("{observation:?} in a trace"),
        }
    }
    let expected = [
        ("GET /pay", Completion::Failed, UserHash::new(0x0123_4567_89ab_cdef), "us-east-1"),
        ("GET /buy", Completion::Ok, UserHash::keyed(&key, "ann@example.org"), "ap-south-1"),
        ("handle order", Completion::Ok, UserHash::keyed(&key, "pseudonym of another kind"), "eu-west-1"),
    ];
    assert_eq!(requests, expected);
    let routing = FailureAbout::Map { map: Arc::from("routing"), op: Arc::from("load") };
    let found: Vec<_> = failures
        .iter()
        .map(|failure| (failure.about.clone(), failure.error.as_deref(), failure.exemplar.duration.get()))
        .collect();
    let scope = FailureAbout::Scope(Arc::from("checkout"));
    assert_eq!(found, [(scope, Some("no_route"), 150), (routing, None, 90)]);
    assert_eq!(failures[0].exemplar.trace.id[..2], [0x0a, 0xf7]);
    let names: Vec<&str> = calls.iter().map(|call| &*call.dependency).collect();
    assert_eq!(names, ["payments", "billing", "redis", "10.0.0.7:5432", "mail.example"]);
    assert!(calls.iter().all(|Call { source, .. }| *source == CallSource::Span));
    assert_eq!((calls[0].completion, calls[1].completion), (Completion::Failed, Completion::Ok));
}

fn record(pairs: &[(&str, &str)], body: Option<Any>) -> LogRecord {
    let attribute = |(key, value): &(&str, &str)| KeyValue {
        key: (*key).to_owned(),
        value: Some(AnyValue { value: Some(Any::StringValue((*value).to_owned())) }),
        ..KeyValue::default()
    };
    LogRecord {
        time_unix_nano: 60,
        event_name: "mapwarden.users".to_owned(),
        attributes: pairs.iter().map(attribute).collect(),
        body: Some(AnyValue { value: body }),
        ..LogRecord::default()
    }
}

fn logs(scope: &str, log_records: Vec<LogRecord>) -> Vec<u8> {
    let scope = InstrumentationScope { name: scope.to_owned(), ..InstrumentationScope::default() };
    let scope_logs = vec![ScopeLogs { scope: Some(scope), log_records, ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }];
    ExportLogsServiceRequest { resource_logs }.encode_to_vec()
}

#[tokio::test]
async fn user_sketches_are_read_from_our_own_log_records() {
    let mut sketch = UserSketch::new();
    sketch.insert(UserHash::new(7));
    let body = || Some(Any::BytesValue(sketch.encode()));
    let affected = [
        ("mapwarden.verdict", "affected"),
        ("mapwarden.slo", "checkout-availability"),
        ("mapwarden.region", "eu-west-1"),
        ("mapwarden.slot_ns", "10000000000"),
    ];
    let active =
        [("mapwarden.verdict", "active"), ("mapwarden.scope", "checkout"), ("mapwarden.slot_ns", "5")];
    let mut server = Server::start(&config()).await;
    let tenants = LogRecord { event_name: "mapwarden.tenants".to_owned(), ..record(&affected, body()) };
    let sent = logs("mapwarden", vec![record(&affected, body()), record(&active, body()), tenants]);
    let answer = server.post("/v1/logs", PROTOBUF, sent).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    let batches = server.batches();
    let [Observation::Users(first), Observation::Users(second), Observation::Users(third)] =
        &*batches[0].observations
    else {
        panic!("{batches:?}")
    };
    assert_eq!(
        [first.who, second.who, third.who],
        [IdentityKind::User, IdentityKind::User, IdentityKind::Tenant]
    );
    assert_eq!((&third.role, &third.sketch), (&first.role, &first.sketch));
    assert_eq!(first.role, UserRole::Affected { slo: Arc::from("checkout-availability") });
    assert_eq!((&*first.region, first.slot.get(), first.width), ("eu-west-1", 60, Nanos::from_secs(10)));
    assert_eq!(first.sketch, sketch);
    assert_eq!(second.role, UserRole::Active { scope: Arc::from("checkout") });
    assert_eq!((&*second.region, second.width), ("", Nanos::new(5)));
}

#[tokio::test]
async fn broken_sketches_are_refused_and_foreign_logs_accepted() {
    let body = || Some(Any::BytesValue(Vec::new()));
    let slot = ("mapwarden.slot_ns", "5");
    let active = ("mapwarden.verdict", "active");
    let scope = ("mapwarden.scope", "checkout");
    let cases = [
        ("no verdict", record(&[scope, slot], body()), "`mapwarden.verdict` is missing"),
        ("unknown verdict", record(&[("mapwarden.verdict", "x"), slot], body()), "is `x`: accepted are"),
        ("no scope", record(&[active, slot], body()), "`mapwarden.scope` is missing"),
        ("no slot", record(&[active, scope], body()), "`mapwarden.slot_ns` is missing"),
        ("bad slot", record(&[active, scope, ("mapwarden.slot_ns", "0")], body()), "is `0`: accepted"),
        ("no body", record(&[active, scope, slot], None), "the body is not bytes"),
        (
            "bad body",
            record(&[active, scope, slot], Some(Any::BytesValue(vec![1]))),
            "user sketch of 1 bytes",
        ),
    ];
    let mut server = Server::start(&config()).await;
    for (name, record, part) in cases {
        let answer = server.post("/v1/logs", PROTOBUF, logs("mapwarden", vec![record.clone()])).await;
        assert_eq!(answer.status, 400, "{name}");
        let message = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(message.contains(part), "{name}: {message}");
        let answer = server.post("/v1/logs", PROTOBUF, logs("another.library", vec![record])).await;
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{name}");
    }
    assert!(server.batches().is_empty());
}

#[tokio::test]
async fn every_item_lost_from_protobuf_is_counted() {
    // One metric without data, one gauge with a point without a value.
    let nameless = json!({"metrics": [{"name": "a"}, {"name": "b", "gauge": {"dataPoints": [{}]}}]});
    let request: opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest =
        serde_json::from_value(json!({"resourceMetrics": [{"scopeMetrics": [nameless]}]})).unwrap();
    let server = Server::start(&config()).await;
    let answer = server.post("/v1/metrics", PROTOBUF, request.encode_to_vec()).await;
    let message = String::from_utf8_lossy(&answer.body).into_owned();
    assert_eq!(answer.status, 400, "{message}");
    assert!(message.contains("1 data points refused as no_data: metric `a` has no data"), "{message}");
    assert!(message.contains("metric `b`: time_unix_nano is 0"), "{message}");
}
