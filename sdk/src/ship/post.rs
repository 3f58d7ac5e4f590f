//! What comes in: one OTLP request and a time limit. What goes out: the receiver's answer. Never waits beyond the limit,
//! starts no thread, and follows no redirect and no proxy: the receiver runs beside the service.

use std::io::ErrorKind;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use prost::Message;
use ureq::http::header::{CONTENT_TYPE, RETRY_AFTER};
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Error};

/// How many sixteenths of a request's time each of its phases may take: to connect, to send the head and the body, to
/// get the head and the body of the answer. Raised, a phase takes time from the others. One limit for the whole would
/// be simpler, but to keep it the client looks up the host on a thread of its own, which it starts for each request in
/// the service's process. So the look-up of a name has the system's limit and no other; an address needs none.
const PHASES: [u32; 5] = [2, 1, 3, 9, 1];

/// The longest answer that is read: one is a few bytes.
const MAX_ANSWER: u64 = 64 * 1024;

/// A receiver's answer to a request.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The receiver took everything.
    Confirmed,
    /// The receiver took all but this many items, and will never take those.
    Partial { rejected: u64, message: String },
    /// The receiver will never take this.
    Refused { why: String },
    /// The request is too large for the receiver.
    TooLarge,
    /// The connection broke during the request: no receiver is there, or it stopped reading a request that is too large.
    Broken { why: String },
    /// The receiver may take this later.
    Later { why: String, after: Option<Duration> },
}

/// An HTTP client for one receiver, which keeps its connection.
pub(crate) fn client() -> Agent {
    Agent::config_builder()
        .proxy(None)
        .max_redirects(0)
        .http_status_as_error(false)
        .max_idle_connections_per_host(1)
        .user_agent(concat!("mapwarden/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent()
}

/// Sends one request, for at most `patience`, the reading of the answer included.
pub(crate) fn post(client: &Agent, url: &str, request: &impl Message, patience: Duration) -> Answer {
    let [connect, head, body, answer_head, answer_body] = PHASES.map(|part| Some(patience * part / 16));
    let sent = client
        .post(url)
        .config()
        .timeout_connect(connect)
        .timeout_send_request(head)
        .timeout_send_body(body)
        .timeout_recv_response(answer_head)
        .timeout_recv_body(answer_body)
        .build()
        .header(CONTENT_TYPE, "application/x-protobuf")
        .send(request.encode_to_vec());
    match sent {
        Ok(mut response) => {
            let body = response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec();
            classify(&response, body.map_err(|error| error.to_string()))
        }
        Err(error) if is_broken(&error) => Answer::Broken { why: error.to_string() },
        Err(error) => Answer::Later { why: error.to_string(), after: None },
    }
}

/// Whether the receiver closed a connection while we still wrote to it. One that finds a request too large and reads
/// no further answers 413, which is lost if what we wrote since makes the system reset the connection.
fn is_broken(error: &Error) -> bool {
    let kinds = [
        ErrorKind::BrokenPipe,
        ErrorKind::ConnectionReset,
        ErrorKind::ConnectionAborted,
        ErrorKind::UnexpectedEof,
    ];
    matches!(error, Error::Io(error) if kinds.contains(&error.kind()))
}

/// Reads an answer as the OTLP specification says: of the failures, 429, 502, 503 and 504 alone are worth another
/// try.
fn classify<B>(response: &Response<B>, body: Result<Vec<u8>, String>) -> Answer {
    let status = response.status();
    match status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Answer::Later {
            why: format!("the receiver answered {}", status.as_u16()),
            after: retry_after(response),
        },
        StatusCode::PAYLOAD_TOO_LARGE => Answer::TooLarge,
        _ if status.is_success() => match body {
            Ok(body) => success(response, &body),
            Err(error) => Answer::Later {
                why: format!("the answer {} broke off: {error}", status.as_u16()),
                after: None,
            },
        },
        _ => Answer::Refused { why: format!("status {}", status.as_u16()) },
    }
}

/// Reads a success. Its layout is the same for all three signals: a partial success of a number and a message. A JSON or
/// empty answer counts by its status; any other server at this address has stored nothing of ours.
fn success<B>(response: &Response<B>, body: &[u8]) -> Answer {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if body.is_empty() || kind.starts_with("application/json") {
        return Answer::Confirmed;
    }
    match ExportMetricsServiceResponse::decode(body) {
        Ok(ExportMetricsServiceResponse { partial_success: Some(partial) })
            if partial.rejected_data_points > 0 =>
        {
            Answer::Partial {
                rejected: partial.rejected_data_points.unsigned_abs(),
                message: partial.error_message,
            }
        }
        Ok(_) => Answer::Confirmed,
        Err(_) => Answer::Later {
            why: format!("the answer {} is not OTLP but `{kind}`", response.status().as_u16()),
            after: None,
        },
    }
}

/// Seconds; the form with a date is not what OTLP asks for and counts as not said.
fn retry_after<B>(response: &Response<B>) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceResponse,
    };

    use super::*;

    fn answer(status: u16, retry_after: Option<&str>, body: &[u8]) -> String {
        let mut response = Response::builder().status(status);
        if let Some(seconds) = retry_after {
            response = response.header(RETRY_AFTER, seconds);
        }
        format!("{:?}", classify(&response.body(()).unwrap(), Ok(body.to_vec())))
    }

    #[test]
    fn success_that_is_not_otlp_confirms_nothing() {
        let answer = |kind: &str, body: Result<&[u8], &str>| {
            let response = Response::builder().status(200).header(CONTENT_TYPE, kind).body(()).unwrap();
            format!("{:?}", classify(&response, body.map(<[u8]>::to_vec).map_err(str::to_owned)))
        };
        assert_eq!(answer("application/json", Ok(b"{}")), "Confirmed");
        assert_eq!(answer("text/html", Ok(b"")), "Confirmed");
        let page = answer("text/html", Ok(b"<!doctype html><p>welcome"));
        let expected = "Later { why: \"the answer 200 is not OTLP but `text/html`\", after: None }";
        assert_eq!(page, expected);
        let broken = answer("application/x-protobuf", Err("timeout: global"));
        let expected = "Later { why: \"the answer 200 broke off: timeout: global\", after: None }";
        assert_eq!(broken, expected);
    }

    #[test]
    fn answers_follow_the_otlp_specification() {
        let partial = ExportTraceServiceResponse {
            partial_success: Some(ExportTracePartialSuccess {
                rejected_spans: 3,
                error_message: "no team".to_owned(),
            }),
        };
        let warning = ExportTraceServiceResponse {
            partial_success: Some(ExportTracePartialSuccess {
                rejected_spans: 0,
                error_message: "no team".to_owned(),
            }),
        };
        let busy = |after: &str| format!("Later {{ why: \"the receiver answered 503\", after: {after} }}");
        let cases = [
            ("all", answer(200, None, &[]), "Confirmed".to_owned()),
            ("a warning", answer(200, None, &warning.encode_to_vec()), "Confirmed".to_owned()),
            (
                "a part",
                answer(200, None, &partial.encode_to_vec()),
                "Partial { rejected: 3, message: \"no team\" }".to_owned(),
            ),
            ("bad data", answer(400, Some("3"), &[]), "Refused { why: \"status 400\" }".to_owned()),
            ("a bug there", answer(500, None, &[]), "Refused { why: \"status 500\" }".to_owned()),
            ("busy", answer(503, Some("7"), &[]), busy("Some(7s)")),
            ("busy with a date", answer(503, Some("Sat, 21 Nov 2026 03:00:00 GMT"), &[]), busy("None")),
        ];
        for (name, got, expected) in cases {
            assert_eq!(got, expected, "{name}");
        }
        for status in [429, 502, 503, 504] {
            assert!(answer(status, None, &[]).starts_with("Later"), "{status}");
        }
        assert_eq!(answer(413, None, &[]), "TooLarge");
        for status in [302, 400, 401, 404, 415, 500, 501] {
            assert!(answer(status, None, &[]).starts_with("Refused"), "{status}");
        }
    }
}
