//! Properties: protobuf and JSON of one request give the same observations, and no bytes make the receiver
//! panic, answer 500 or lose an item without a count.

use mapwarden_engine::observation::Observation;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use prost::Message as _;
use tokio::runtime::Runtime;

use super::{JSON, PROTOBUF, Server, config};

/// A failing case is printed; it becomes a named test of its own instead of a file of seeds.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn attribute() -> impl Strategy<Value = KeyValue> {
    let value = prop_oneof![
        "[a-z ]{0,4}".prop_map(Any::StringValue),
        any::<i64>().prop_map(Any::IntValue),
        any::<bool>().prop_map(Any::BoolValue),
        (-1e9..1e9).prop_map(Any::DoubleValue),
        vec(any::<u8>(), 0..4).prop_map(Any::BytesValue),
    ];
    ("[abc]", option::of(value)).prop_map(|(key, value)| KeyValue {
        key,
        value: Some(AnyValue { value }),
        ..KeyValue::default()
    })
}

fn number() -> impl Strategy<Value = NumberDataPoint> {
    let value = prop_oneof![any::<i64>().prop_map(Number::AsInt), (-1e9..1e9).prop_map(Number::AsDouble)];
    (vec(attribute(), 0..3), 0..3_u64, 0..3_u64, option::weighted(0.9, value)).prop_map(
        |(attributes, start_time_unix_nano, time_unix_nano, value)| NumberDataPoint {
            attributes,
            start_time_unix_nano,
            time_unix_nano,
            value,
            ..NumberDataPoint::default()
        },
    )
}

fn explicit() -> impl Strategy<Value = HistogramDataPoint> {
    let counts = vec(0..4_u64, 0..4);
    (counts, vec(-1e3..1e3, 0..4), 0..2_u64, option::of(-1e3..1e3)).prop_map(
        |(bucket_counts, explicit_bounds, surplus, sum)| HistogramDataPoint {
            time_unix_nano: 9,
            count: bucket_counts.iter().sum::<u64>() + surplus,
            sum,
            bucket_counts,
            explicit_bounds,
            ..HistogramDataPoint::default()
        },
    )
}

fn exponential() -> impl Strategy<Value = ExponentialHistogramDataPoint> {
    (vec(0..4_u64, 0..4), -12..24_i32, any::<i32>(), 0..3_u64, 0..2_u64).prop_map(
        |(bucket_counts, scale, offset, zero_count, surplus)| ExponentialHistogramDataPoint {
            time_unix_nano: 9,
            count: bucket_counts.iter().sum::<u64>() + zero_count + surplus,
            scale,
            zero_count,
            positive: Some(Buckets { offset, bucket_counts }),
            ..ExponentialHistogramDataPoint::default()
        },
    )
}

fn data() -> impl Strategy<Value = Data> {
    prop_oneof![
        vec(number(), 0..4).prop_map(|data_points| Data::Gauge(Gauge { data_points })),
        (vec(number(), 0..4), 0..4_i32, any::<bool>()).prop_map(
            |(data_points, aggregation_temporality, is_monotonic)| Data::Sum(Sum {
                data_points,
                aggregation_temporality,
                is_monotonic
            })
        ),
        (vec(explicit(), 0..4), 0..4_i32).prop_map(|(data_points, aggregation_temporality)| {
            Data::Histogram(Histogram { data_points, aggregation_temporality })
        }),
        (vec(exponential(), 0..4), 0..4_i32).prop_map(|(data_points, aggregation_temporality)| {
            Data::ExponentialHistogram(ExponentialHistogram { data_points, aggregation_temporality })
        }),
    ]
}

fn request() -> impl Strategy<Value = ExportMetricsServiceRequest> {
    let metric = ("[a-c]{0,1}", "(s|ms|1)", option::weighted(0.9, data()))
        .prop_map(|(name, unit, data)| Metric { name, unit, data, ..Metric::default() });
    vec(metric, 0..5).prop_map(|metrics| {
        let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
        let resource_metrics = vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }];
        ExportMetricsServiceRequest { resource_metrics }
    })
}

/// The result of a body: the status, and the observations.
fn outcome(runtime: &Runtime, server: &mut Server, kind: &str, body: Vec<u8>) -> (u16, Vec<Observation>) {
    let answer = runtime.block_on(server.post("/v1/metrics", kind, body));
    (answer.status, server.batches().into_iter().flat_map(|batch| batch.observations).collect())
}

#[test]
fn protobuf_and_json_give_the_same_observations() {
    let runtime = Runtime::new().unwrap();
    let server = std::cell::RefCell::new(runtime.block_on(Server::start(&config())));
    let law = |request: ExportMetricsServiceRequest| {
        let server = &mut *server.borrow_mut();
        let protobuf = outcome(&runtime, server, PROTOBUF, request.encode_to_vec());
        let json = outcome(&runtime, server, JSON, serde_json::to_vec(&request).unwrap());
        prop_assert_eq!(protobuf, json);
        Ok(())
    };
    proptest!(cases(256), |(request in request())| law(request)?);
}

/// Arbitrary bytes: noise, requests with one byte changed, JSON with one character changed.
fn bytes() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    let damaged = |kind: &'static str, body: Vec<u8>, place: prop::sample::Index, byte: u8| {
        let mut body = body;
        if !body.is_empty() {
            let place = place.index(body.len());
            body[place] = byte;
        }
        (kind, body)
    };
    let place = any::<prop::sample::Index>;
    prop_oneof![
        vec(any::<u8>(), 0..200).prop_map(|body| (PROTOBUF, body)),
        "\\PC{0,60}".prop_map(|body| (JSON, body.into_bytes())),
        (request(), place(), any::<u8>()).prop_map(move |(request, place, byte)| damaged(
            PROTOBUF,
            request.encode_to_vec(),
            place,
            byte
        )),
        (request(), place(), prop::sample::select(b"\"[]{}:,-0Ne".to_vec())).prop_map(
            move |(request, place, byte)| damaged(JSON, serde_json::to_vec(&request).unwrap(), place, byte)
        ),
    ]
}

#[test]
fn no_bytes_make_the_receiver_panic_or_answer_500() {
    let runtime = Runtime::new().unwrap();
    let server = std::cell::RefCell::new(runtime.block_on(Server::start(&config())));
    let law = |(kind, body): (&str, Vec<u8>), path: &str| {
        let server = &mut *server.borrow_mut();
        let answer = runtime.block_on(server.post(path, kind, body));
        server.batches();
        prop_assert!([200, 400].contains(&answer.status), "{:?}", answer);
        Ok(())
    };
    let path = prop::sample::select(vec!["/v1/metrics", "/v1/traces", "/v1/logs"]);
    proptest!(cases(512), |(body in bytes(), path in path)| law(body, path)?);
}

#[test]
fn a_damaged_json_point_is_always_counted() {
    let runtime = Runtime::new().unwrap();
    let server = std::cell::RefCell::new(runtime.block_on(Server::start(&config())));
    // One valid point and one damaged point: the answer must account for both.
    let law = |field: &str, wrong: serde_json::Value| {
        let server = &mut *server.borrow_mut();
        let sound = serde_json::json!({"timeUnixNano": "9", "asInt": "1"});
        let mut broken = sound.clone();
        broken[field] = wrong;
        let gauge = serde_json::json!({"name": "g", "gauge": {"dataPoints": [sound, broken]}});
        let body = serde_json::json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [gauge]}]}]});
        let answer = runtime.block_on(server.post("/v1/metrics", JSON, body.to_string()));
        let taken: usize = server.batches().iter().map(|batch| batch.observations.len()).sum();
        let rejected = match answer.status {
            200 if answer.body == b"{}" => 0,
            200 => answer.json()["partialSuccess"]["rejectedDataPoints"].as_str().unwrap().parse().unwrap(),
            _ => 2,
        };
        prop_assert_eq!(taken + rejected, 2, "{:?}", answer);
        Ok(())
    };
    let wrong = prop::sample::select(vec![
        serde_json::json!("NaN"),
        serde_json::json!("x"),
        serde_json::json!(1.5),
        serde_json::json!(-1),
        serde_json::json!([]),
        serde_json::json!({}),
        serde_json::json!(null),
        serde_json::json!(true),
        serde_json::json!("99999999999999999999"),
    ]);
    let field = prop::sample::select(vec!["asInt", "asDouble", "timeUnixNano", "startTimeUnixNano", "flags"]);
    proptest!(cases(200), |(field in field, wrong in wrong)| law(field, wrong)?);
}
