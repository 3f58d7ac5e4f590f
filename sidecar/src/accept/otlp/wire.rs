//! The answers to the sender: `Export...ServiceResponse` on success, `google.rpc.Status` otherwise,
//! each in the encoding of the request (OTLP specification 1.11, "OTLP/HTTP Response").

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use serde_json::json;

use super::tally::{OtlpSignal, Tally};

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Protobuf,
    Json,
}

impl Encoding {
    const fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }

    /// Returns the encoding that a request names; parameters after `;` are ignored.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let value = headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let value = value.unwrap_or_default();
        let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        [Self::Protobuf, Self::Json]
            .into_iter()
            .find(|encoding| encoding.content_type() == essence)
            .ok_or(Refusal::ContentType { content_type: essence })
    }
}

/// Why a whole request was refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("path `{path}` is not served here: accepted are /v1/metrics, /v1/traces and /v1/logs")]
    Path { path: String },
    #[error("method {method} is not accepted: OTLP is sent by POST")]
    Method { method: Method },
    #[error(
        "content type `{content_type}` is not accepted: accepted are application/x-protobuf and application/json"
    )]
    ContentType { content_type: String },
    #[error("content encoding `{encoding}` is not accepted: accepted are gzip, zstd and identity")]
    ContentEncoding { encoding: String },
    #[error("body is larger than {limit} bytes {stage}: accepted is up to {limit} (`max_body`)")]
    TooLarge { limit: usize, stage: &'static str },
    #[error("body could not be read: {detail}")]
    Undecodable { detail: String },
    #[error("nothing was accepted: {detail}")]
    NothingAccepted { detail: String },
    #[error("request has {resources} resources: accepted are at most {limit} at once")]
    TooManyResources { resources: usize, limit: usize },
    #[error("{what}: send again later")]
    Busy { what: &'static str },
}

impl Refusal {
    /// Returns the status, and its `google.rpc.Code`.
    const fn code(&self) -> (StatusCode, i32) {
        const INVALID_ARGUMENT: i32 = 3;
        const RESOURCE_EXHAUSTED: i32 = 8;
        const UNIMPLEMENTED: i32 = 12;
        const UNAVAILABLE: i32 = 14;
        match self {
            Self::Path { .. } => (StatusCode::NOT_FOUND, UNIMPLEMENTED),
            Self::Method { .. } => (StatusCode::METHOD_NOT_ALLOWED, UNIMPLEMENTED),
            Self::ContentType { .. } | Self::ContentEncoding { .. } => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, INVALID_ARGUMENT)
            }
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, RESOURCE_EXHAUSTED),
            Self::Undecodable { .. } | Self::NothingAccepted { .. } | Self::TooManyResources { .. } => {
                (StatusCode::BAD_REQUEST, INVALID_ARGUMENT)
            }
            Self::Busy { .. } => (StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE),
        }
    }
}

/// `google.rpc.Status` without `details`, which OTLP uses only for the retry information of gRPC.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

/// Returns the answer to a request that was accepted, in whole or in part.
pub(super) fn success(signal: OtlpSignal, encoding: Encoding, tally: &Tally) -> Response {
    let rejected = i64::try_from(tally.rejected()).unwrap_or(i64::MAX);
    let message = tally.message(signal);
    let has_message = !message.is_empty();
    let body = match encoding {
        Encoding::Protobuf => success_protobuf(signal, has_message.then_some((rejected, message))),
        Encoding::Json if !has_message => b"{}".to_vec(),
        Encoding::Json => {
            let rejected_name = match signal {
                OtlpSignal::Metrics => "rejectedDataPoints",
                OtlpSignal::Traces => "rejectedSpans",
                OtlpSignal::Logs => "rejectedLogRecords",
            };
            // The JSON of proto3 writes 64-bit integers as strings.
            let partial = json!({ rejected_name: rejected.to_string(), "errorMessage": message });
            json!({ "partialSuccess": partial }).to_string().into_bytes()
        }
    };
    respond(StatusCode::OK, encoding, body)
}

fn success_protobuf(signal: OtlpSignal, partial: Option<(i64, String)>) -> Vec<u8> {
    match signal {
        OtlpSignal::Metrics => {
            let partial_success = partial.map(|(rejected_data_points, error_message)| {
                ExportMetricsPartialSuccess { rejected_data_points, error_message }
            });
            ExportMetricsServiceResponse { partial_success }.encode_to_vec()
        }
        OtlpSignal::Traces => {
            let partial_success = partial.map(|(rejected_spans, error_message)| ExportTracePartialSuccess {
                rejected_spans,
                error_message,
            });
            ExportTraceServiceResponse { partial_success }.encode_to_vec()
        }
        OtlpSignal::Logs => {
            let partial_success = partial.map(|(rejected_log_records, error_message)| {
                ExportLogsPartialSuccess { rejected_log_records, error_message }
            });
            ExportLogsServiceResponse { partial_success }.encode_to_vec()
        }
    }
}

/// Returns the answer to a request that was refused.
pub(super) fn refuse(encoding: Encoding, refusal: &Refusal) -> Response {
    let (status, code) = refusal.code();
    let message = refusal.to_string();
    let body = match encoding {
        Encoding::Protobuf => Status { code, message }.encode_to_vec(),
        Encoding::Json => json!({ "code": code, "message": message }).to_string().into_bytes(),
    };
    let mut response = respond(status, encoding, body);
    match refusal {
        Refusal::Busy { .. } => {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        Refusal::Method { .. } => {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        }
        Refusal::Path { .. }
        | Refusal::ContentType { .. }
        | Refusal::ContentEncoding { .. }
        | Refusal::TooLarge { .. }
        | Refusal::Undecodable { .. }
        | Refusal::NothingAccepted { .. }
        | Refusal::TooManyResources { .. } => {}
    }
    response
}

fn respond(status: StatusCode, encoding: Encoding, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(encoding.content_type()));
    response
}
