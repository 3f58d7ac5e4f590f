//! The answers to senders: content types, compression, limits, partial success, the resource contract.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use mapwarden_sidecar::config::{Config, Contract, ContractMode};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use prost::Message as _;
use reqwest::Method;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::{Value, json};

use super::{Answer, JSON, PROTOBUF, Server, config};

/// `google.rpc.Status` as a client reads it.
#[derive(Clone, PartialEq, prost::Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

fn status(answer: &Answer) -> (i64, String) {
    if answer.content_type() == JSON {
        let body = answer.json();
        return (body["code"].as_i64().unwrap(), body["message"].as_str().unwrap().to_owned());
    }
    let Status { code, message } = Status::decode(answer.body.as_slice()).unwrap();
    (code.into(), message)
}

fn gauge(points: &[Value]) -> Value {
    let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]});
    let metrics = json!([{"name": "depth", "gauge": {"dataPoints": points}}]);
    json!({"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": metrics}]}]})
}

fn good() -> Value {
    json!({"timeUnixNano": "10", "asInt": "7"})
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_success_has_an_empty_answer_in_the_requests_encoding() {
    let mut server = Server::start(&config()).await;
    for path in ["/v1/metrics", "/v1/traces", "/v1/logs"] {
        let answer = server.post(path, PROTOBUF, Vec::new()).await;
        assert_eq!((answer.status, answer.content_type(), answer.body.len()), (200, PROTOBUF, 0), "{path}");
        let answer = server.post(path, "Application/JSON; charset=utf-8", "{}").await;
        assert_eq!((answer.status, answer.content_type(), &*answer.body), (200, JSON, &b"{}"[..]), "{path}");
    }
    assert!(server.batches().is_empty());
}

#[tokio::test]
async fn a_refusal_of_a_request_names_what_is_accepted() {
    let server = Server::start(&config()).await;
    let large = vec![0; (64 << 10) + 1];
    let request = |method, path| server.request(method, path);
    let post = || request(Method::POST, "/v1/metrics");
    let cases = [
        ("method", request(Method::GET, "/v1/metrics"), 405, JSON, 12, "OTLP is sent by POST"),
        ("path", request(Method::POST, "/v1/metric"), 404, JSON, 12, "/v1/traces"),
        ("no type", post().body("{}"), 415, JSON, 3, "application/x-protobuf"),
        ("type", post().header("content-type", "text/plain").body("x"), 415, JSON, 3, "`text/plain`"),
        (
            "encoding",
            post().header("content-type", PROTOBUF).header("content-encoding", "br").body("x"),
            415,
            PROTOBUF,
            3,
            "`br`",
        ),
        ("size", post().header("content-type", PROTOBUF).body(large), 413, PROTOBUF, 8, "65536"),
        ("bad json", post().header("content-type", JSON).body("{"), 400, JSON, 3, "EOF"),
        ("bad protobuf", post().header("content-type", PROTOBUF).body("\u{1}"), 400, PROTOBUF, 3, "tag"),
        (
            "bad gzip",
            post().header("content-type", JSON).header("content-encoding", "gzip").body("plain"),
            400,
            JSON,
            3,
            "gzip",
        ),
    ];
    for (name, request, code, kind, rpc_code, part) in cases {
        let answer = server.send(request).await;
        assert_eq!((answer.status, answer.content_type()), (code, kind), "{name}");
        let (got, message) = status(&answer);
        assert_eq!(got, rpc_code, "{name}");
        assert!(message.contains(part), "{name}: {message}");
    }
    let answer = server.send(request(Method::DELETE, "/v1/logs")).await;
    assert_eq!(answer.headers["allow"], "POST");
}

#[tokio::test]
async fn gzip_and_zstd_are_read() {
    let mut server = Server::start(&config()).await;
    let body = gauge(&[good()]).to_string().into_bytes();
    let zstd = compress_to_vec(body.as_slice(), CompressionLevel::Fastest);
    for (encoding, bytes) in [("gzip", gzip(&body)), ("zstd", zstd), ("identity", body)] {
        let answer = server.post_encoded(encoding, JSON, bytes).await;
        assert_eq!((answer.status, &*answer.body), (200, &b"{}"[..]), "{encoding}");
        assert_eq!(server.batches().len(), 1, "{encoding}");
    }
}

#[tokio::test]
async fn bombs_are_stopped_and_frames_are_not_lost() {
    let mut server = Server::start(&config()).await;
    let zeros = vec![0; 8 << 20];
    let bombs = [("gzip", gzip(&zeros)), ("zstd", compress_to_vec(&*zeros, CompressionLevel::Fastest))];
    for (encoding, bomb) in bombs {
        assert!(bomb.len() < 64 << 10, "{encoding}: {} bytes", bomb.len());
        let answer = server.post_encoded(encoding, PROTOBUF, bomb).await;
        assert_eq!(answer.status, 413, "{encoding}");
        assert!(status(&answer).1.contains("after decompression"), "{encoding}");
    }
    let (left, right) = (br#"{"resourceMetrics":["#, b"]}");
    let frames =
        [left.as_slice(), right].map(|part| compress_to_vec(part, CompressionLevel::Fastest)).concat();
    assert_eq!(server.post_encoded("zstd", JSON, frames).await.status, 200);
    let members = [gzip(left), gzip(b"oops")].concat();
    assert_eq!(server.post_encoded("gzip", JSON, members).await.status, 400);
    assert!(server.batches().is_empty());
}

#[tokio::test]
async fn refused_points_are_reported_and_the_others_accepted() {
    let mut server = Server::start(&config()).await;
    let bad = json!({"timeUnixNano": "10", "asDouble": "NaN"});
    let body = gauge(&[good(), bad.clone(), bad.clone()]);
    let answer = server.post("/v1/metrics", JSON, body.to_string()).await;
    assert_eq!(answer.status, 200);
    let partial = &answer.json()["partialSuccess"];
    assert_eq!(partial["rejectedDataPoints"], "2");
    assert!(partial["errorMessage"].as_str().unwrap().contains("metric `depth`"), "{partial}");
    assert_eq!(server.batches()[0].observations.len(), 1);

    let answer = server.post("/v1/metrics", JSON, gauge(&[bad]).to_string()).await;
    assert_eq!(answer.status, 400);
    assert!(status(&answer).1.starts_with("nothing was accepted: 1 data points refused"));
}

#[tokio::test]
async fn a_full_queue_accepts_nothing_and_requests_a_retry() {
    let mut server = Server::with_queue(&config(), 2).await;
    let mut body = gauge(&[good()]);
    let resources = body["resourceMetrics"].as_array_mut().unwrap();
    resources.push(resources[0].clone());
    let send = async |server: &Server| server.post("/v1/metrics", JSON, body.to_string()).await;
    assert_eq!(send(&server).await.status, 200);
    let refused = send(&server).await;
    assert_eq!((refused.status, refused.headers["retry-after"].to_str().unwrap()), (503, "1"));
    assert_eq!(status(&refused).0, 14);
    assert_eq!(server.batches().len(), 2);
    assert_eq!(send(&server).await.status, 200);
    server.queue.close();
    assert_eq!(send(&server).await.status, 503);
}

#[tokio::test]
async fn more_resources_than_the_queue_holds_are_refused() {
    let mut server = Server::with_queue(&config(), 1).await;
    let mut body = gauge(&[good()]);
    let resources = body["resourceMetrics"].as_array_mut().unwrap();
    resources.push(resources[0].clone());
    let answer = server.post("/v1/metrics", JSON, body.to_string()).await;
    assert_eq!(answer.status, 400);
    assert!(status(&answer).1.contains("2 resources"));
    assert!(server.batches().is_empty());
}

fn contract(mode: ContractMode) -> Config {
    let required = ["service.name", "mapwarden.team"].map(str::to_owned).to_vec();
    Config { contract: Contract { required, mode }, ..config() }
}

#[tokio::test]
async fn a_broken_contract_is_accepted_with_a_warning() {
    let mut server = Server::start(&contract(ContractMode::Warn)).await;
    let answer = server.post("/v1/metrics", JSON, gauge(&[good()]).to_string()).await;
    assert_eq!(answer.status, 200);
    let expected = json!({"rejectedDataPoints": "0",
        "errorMessage": "resource `shop` lacks mapwarden.team (resource contract)"});
    assert_eq!(answer.json()["partialSuccess"], expected);
    assert_eq!(server.batches().len(), 1);
}

#[tokio::test]
async fn an_enforced_contract_refuses_only_that_resource() {
    let mut server = Server::start(&contract(ContractMode::Enforce)).await;
    let mut body = gauge(&[good(), good()]);
    let answer = server.post("/v1/metrics", JSON, body.to_string()).await;
    assert_eq!(answer.status, 400);
    assert!(status(&answer).1.contains("2 data points refused as contract"), "{answer:?}");

    let resources = body["resourceMetrics"].as_array_mut().unwrap();
    resources.push(resources[0].clone());
    let team = json!({"key": "mapwarden.team", "value": {"stringValue": "checkout"}});
    resources[1]["resource"]["attributes"].as_array_mut().unwrap().push(team);
    let answer = server.post("/v1/metrics", JSON, body.to_string()).await;
    assert_eq!((answer.status, &answer.json()["partialSuccess"]["rejectedDataPoints"]), (200, &json!("2")));
    let batches = server.batches();
    assert_eq!(batches.len(), 1);
    assert_eq!(batches[0].resource.team.as_deref(), Some("checkout"));
}

#[tokio::test]
async fn a_warning_over_protobuf_is_a_partial_success() {
    let server = Server::start(&contract(ContractMode::Warn)).await;
    // resource_metrics { } : one resource without any attribute.
    let answer = server.post("/v1/metrics", PROTOBUF, vec![0x0a, 0x00]).await;
    assert_eq!((answer.status, answer.content_type()), (200, PROTOBUF));
    let response = ExportMetricsServiceResponse::decode(answer.body.as_slice()).unwrap();
    let partial = response.partial_success.unwrap();
    assert_eq!(partial.rejected_data_points, 0);
    let expected = "resource `unknown_service` lacks service.name, mapwarden.team (resource contract)";
    assert_eq!(partial.error_message, expected);
}
