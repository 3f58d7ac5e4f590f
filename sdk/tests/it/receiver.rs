//! A real OTLP receiver over HTTP for tests: it answers as the test configures, and keeps every byte.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use mapwarden::{Telemetry, TelemetryBuilder};
use mapwarden_contract::names::wire;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogramDataPoint, Metric, metric, number_data_point,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

/// A process has one telemetry: tests that install it take turns.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the complete telemetry of a service that ships to this address on demand.
pub(crate) fn orders(endpoint: SocketAddr) -> TelemetryBuilder {
    Telemetry::builder()
        .service("orders")
        .version("v2.4.0")
        .environment("test")
        .team("checkout")
        .revision("a3f9c1d")
        .endpoint(&format!("http://{endpoint}"))
        .interval(Duration::from_secs(3600))
        .trace_ratio(0.0)
        .pseudonym_key("a secret of the tests")
}

/// A receiver that listens until it is dropped.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    received: Arc<Received>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Received {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    /// Requests that were read completely.
    bodies: Vec<(String, Bytes)>,
    /// The times at which they arrived.
    times: Vec<Instant>,
    /// The next answers, by path; the default is success.
    answers: VecDeque<(&'static str, u16, Option<&'static str>)>,
    /// The answer to every request without one above.
    always: Option<(u16, Option<&'static str>)>,
    /// The longest accepted body.
    limit: Option<usize>,
    /// The number of requests with longer bodies.
    too_large: usize,
}

impl Receiver {
    /// Listens on a free port.
    pub(crate) fn start() -> Self {
        Self::on(([127, 0, 0, 1], 0).into())
    }

    /// Listens on this address.
    pub(crate) fn on(address: SocketAddr) -> Self {
        let received = Arc::new(Received::default());
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (ready, started) = std::sync::mpsc::channel();
        let state = Arc::clone(&received);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::bind(address).await.unwrap();
                ready.send(listener.local_addr().unwrap()).unwrap();
                let app =
                    Router::new().fallback(async move |uri: Uri, body: Body| state.read(&uri, body).await);
                let serve = axum::serve(listener, app);
                tokio::select! {
                    result = serve.into_future() => result.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Self { address: started.recv().unwrap(), received, stop: Some(stop), thread: Some(thread) }
    }

    /// Queues this answer for one of the next requests to `path`.
    pub(crate) fn will_answer(&self, path: &'static str, status: u16, retry_after: Option<&'static str>) {
        self.received.state.lock().unwrap().answers.push_back((path, status, retry_after));
    }

    /// Gives every request this answer, until a call with `None`.
    pub(crate) fn always_answers(&self, answer: Option<(u16, Option<&'static str>)>) {
        self.received.state.lock().unwrap().always = answer;
    }

    /// Answers 413 to longer bodies without reading them, until a call with `None`.
    pub(crate) fn takes_at_most(&self, limit: Option<usize>) {
        self.received.state.lock().unwrap().limit = limit;
    }

    /// Returns how many requests were too long since the last call.
    pub(crate) fn too_large(&self) -> usize {
        std::mem::take(&mut self.received.state.lock().unwrap().too_large)
    }

    /// Returns the times between requests to `path`.
    pub(crate) fn gaps(&self, path: &str) -> Vec<Duration> {
        let state = self.received.state.lock().unwrap();
        let times = state.bodies.iter().zip(&state.times).filter(|((to, _), _)| to == path);
        let times: Vec<_> = times.map(|(_, time)| *time).collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    /// Returns every body sent to `path`, oldest first.
    pub(crate) fn bodies(&self, path: &str) -> Vec<Bytes> {
        let state = self.received.state.lock().unwrap();
        state.bodies.iter().filter(|(to, _)| to == path).map(|(_, body)| body.clone()).collect()
    }

    /// Waits until the received requests satisfy a condition on the number of requests to a path. A minute allows for a
    /// very slow machine.
    pub(crate) fn wait_until(&self, enough: impl Fn(&dyn Fn(&str) -> usize) -> bool) {
        let state = self.received.state.lock().unwrap();
        let minute = Duration::from_secs(60);
        let waited = self.received.arrived.wait_timeout_while(state, minute, |state| {
            !enough(&|path| state.bodies.iter().filter(|(to, _)| to == path).count())
        });
        assert!(!waited.unwrap().1.timed_out(), "the requests did not arrive within a minute");
    }

    /// Whether more than `requests` requests arrive at `path` within 300 ms. Where none is due, the length of this wait
    /// does not change the result.
    pub(crate) fn is_asked_again(&self, path: &str, requests: usize) -> bool {
        let state = self.received.state.lock().unwrap();
        let few = |state: &mut State| state.bodies.iter().filter(|(to, _)| to == path).count() <= requests;
        let while_watched = Duration::from_millis(300);
        let watched = self.received.arrived.wait_timeout_while(state, while_watched, few).unwrap();
        !watched.1.timed_out()
    }

    /// Returns the metrics of the last request.
    pub(crate) fn metrics(&self) -> Batch {
        let bodies = self.bodies("/v1/metrics");
        Batch(ExportMetricsServiceRequest::decode(bodies.last().unwrap().clone()).unwrap())
    }

    /// Returns the metrics of all requests as one batch, in the order of arrival.
    pub(crate) fn all_metrics(&self) -> Batch {
        let bodies = self.bodies("/v1/metrics").into_iter();
        let requests = bodies.map(|body| ExportMetricsServiceRequest::decode(body).unwrap());
        let resource_metrics = requests.flat_map(|request| request.resource_metrics).collect();
        Batch(ExportMetricsServiceRequest { resource_metrics })
    }

    /// Returns every received span.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let requests = self.bodies("/v1/traces");
        let requests = requests.into_iter().map(|body| ExportTraceServiceRequest::decode(body).unwrap());
        let resources = requests.flat_map(|request| request.resource_spans);
        resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }

    /// Returns the log records of each batch with any.
    pub(crate) fn logs(&self) -> Vec<Vec<LogRecord>> {
        let requests = self.bodies("/v1/logs").into_iter();
        let requests = requests.map(|body| ExportLogsServiceRequest::decode(body).unwrap());
        let records = requests.map(|request| {
            let scopes = request.resource_logs.into_iter().flat_map(|resource| resource.scope_logs);
            scopes.flat_map(|scope| scope.log_records).collect()
        });
        records.collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking(), "the receiver failed");
    }
}

impl Received {
    /// Reads a request. Like the sidecar, it stops reading where a body is too long, and answers at once.
    async fn read(&self, uri: &Uri, body: Body) -> Response {
        let limit = self.state.lock().unwrap().limit;
        match to_bytes(body, limit.unwrap_or(usize::MAX)).await {
            Ok(body) => self.answer(uri, body),
            Err(_) => {
                self.state.lock().unwrap().too_large += 1;
                StatusCode::PAYLOAD_TOO_LARGE.into_response()
            }
        }
    }

    fn answer(&self, uri: &Uri, body: Bytes) -> Response {
        let mut state = self.state.lock().unwrap();
        state.bodies.push((uri.path().to_owned(), body));
        state.times.push(Instant::now());
        self.arrived.notify_all();
        let answer = state.answers.iter().position(|(path, _, _)| *path == uri.path());
        let answer = answer.and_then(|next| state.answers.remove(next));
        let answer = answer.map(|(_, status, retry_after)| (status, retry_after)).or(state.always);
        match answer {
            Some((status, retry_after)) => {
                let headers = retry_after.map(|seconds| [(header::RETRY_AFTER, seconds)]);
                let status = StatusCode::from_u16(status).unwrap();
                headers.map_or_else(|| status.into_response(), |headers| (status, headers).into_response())
            }
            None => StatusCode::OK.into_response(),
        }
    }
}

/// A decoded batch of metrics.
pub(crate) struct Batch(pub(crate) ExportMetricsServiceRequest);

impl Batch {
    /// Its metrics.
    pub(crate) fn metrics(&self) -> impl Iterator<Item = &Metric> {
        let scopes = self.0.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
        scopes.flat_map(|scope| &scope.metrics)
    }

    /// The attributes of its resource.
    pub(crate) fn resource(&self) -> &[KeyValue] {
        &self.0.resource_metrics[0].resource.as_ref().unwrap().attributes
    }

    /// Returns (start, end) of the time of every point; that of a hot key starts when the key became hot.
    pub(crate) fn times(&self) -> Vec<(u64, u64)> {
        self.metrics()
            .filter(|metric| metric.name != wire::MAP_HOT_KEY_OPERATIONS.name)
            .flat_map(|metric| match metric.data.as_ref().unwrap() {
                metric::Data::Sum(sum) => numbers(&sum.data_points),
                metric::Data::Gauge(gauge) => numbers(&gauge.data_points),
                metric::Data::ExponentialHistogram(histogram) => {
                    let points = histogram.data_points.iter();
                    points.map(|point| (point.start_time_unix_nano, point.time_unix_nano)).collect()
                }
                other => panic!("{other:?}"),
            })
            .collect()
    }

    /// Returns the attributes and the value of every point of a counter.
    pub(crate) fn counters(&self, metric: &str) -> Vec<(Vec<KeyValue>, u64)> {
        let points =
            self.metrics().filter(|found| found.name == metric).flat_map(|found| match &found.data {
                Some(metric::Data::Sum(sum)) => sum.data_points.clone(),
                other => panic!("{other:?}"),
            });
        let counted = points.map(|point| match point.value {
            Some(number_data_point::Value::AsInt(count)) => (point.attributes, u64::try_from(count).unwrap()),
            other => panic!("{other:?}"),
        });
        counted.collect()
    }

    /// Returns the value of the point of a counter or gauge with exactly these attributes; of several points, the last.
    pub(crate) fn value(&self, metric: &str, attributes: &[(&str, &str)]) -> Option<f64> {
        let points = self.metrics().filter(|found| found.name == metric).flat_map(|metric| {
            match metric.data.as_ref().unwrap() {
                metric::Data::Sum(sum) => &sum.data_points,
                metric::Data::Gauge(gauge) => &gauge.data_points,
                other => panic!("{other:?}"),
            }
        });
        let sorted = sorted(attributes);
        let point = points.filter(|point| sorted_pairs(&point.attributes) == sorted).last()?;
        match point.value? {
            number_data_point::Value::AsDouble(value) => Some(value),
            number_data_point::Value::AsInt(value) => Some(f64::from(i32::try_from(value).unwrap())),
        }
    }

    /// Returns (count, sum of the buckets) of the point of a histogram with exactly these attributes.
    pub(crate) fn histogram(&self, metric: &str, attributes: &[(&str, &str)]) -> Option<(u64, u64)> {
        let point = self.distribution(metric, attributes)?;
        Some((point.count, point.positive.as_ref()?.bucket_counts.iter().sum()))
    }

    /// Returns the point of a histogram with exactly these attributes.
    pub(crate) fn distribution(
        &self,
        metric: &str,
        attributes: &[(&str, &str)],
    ) -> Option<&ExponentialHistogramDataPoint> {
        let points = match self.metrics().find(|found| found.name == metric)?.data.as_ref()? {
            metric::Data::ExponentialHistogram(histogram) => &histogram.data_points,
            other => panic!("{other:?}"),
        };
        points.iter().find(|point| sorted_pairs(&point.attributes) == sorted(attributes))
    }
}

fn numbers(points: &[opentelemetry_proto::tonic::metrics::v1::NumberDataPoint]) -> Vec<(u64, u64)> {
    points.iter().map(|point| (point.start_time_unix_nano, point.time_unix_nano)).collect()
}

/// Returns attributes as sorted pairs of text.
pub(crate) fn sorted_pairs(attributes: &[KeyValue]) -> Vec<(String, String)> {
    let mut pairs: Vec<_> =
        attributes.iter().map(|pair| (pair.key.clone(), as_text(pair.value.as_ref()))).collect();
    pairs.sort();
    pairs
}

/// Returns the text of one attribute; empty where it is absent.
pub(crate) fn attribute(attributes: &[KeyValue], name: &str) -> String {
    sorted_pairs(attributes)
        .into_iter()
        .find(|(key, _)| key == name)
        .map_or_else(String::new, |(_, value)| value)
}

fn as_text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn sorted(attributes: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut sorted: Vec<_> =
        attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    sorted.sort();
    sorted
}
