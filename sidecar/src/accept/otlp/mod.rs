//! The OTLP/HTTP receiver. Comes in: requests of any OpenTelemetry exporter. Goes out: [`Batch`]es for the queue of the
//! state's owner, either all batches of a request or none, and the answer that OTLP specifies. Never answers 500, and
//! never drops an item without a count and a message to the sender.

mod attributes;
mod body;
mod json;
mod logs;
mod metrics;
mod points;
mod senders;
mod spans;
mod tally;
mod wire;

use std::sync::Arc;
use std::time::Instant;

use ::metrics::{counter, histogram};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::Response;
use axum::routing::any;
use mapwarden_contract::UnixNanos;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::resource::v1::Resource as OtlpResource;
use prost::Message;
use serde::de::DeserializeOwned;
use tokio::sync::{Semaphore, mpsc};

use self::attributes::Words;
use self::senders::{Sender, Senders};
use self::spans::SpanReader;
use self::tally::{OtlpSignal, Reason, Tally};
use self::wire::{Encoding, Refusal};
use crate::config::{Config, ContractMode, PseudonymSecret};
use crate::input::Input;
use crate::metric_names::{OTLP_DURATION, OTLP_REQUESTS};
use mapwarden_engine::observation::{Batch, Observation};

/// How many requests are read and decoded at once; further ones are answered with 503. Raised, many senders at once take more
/// memory: each may hold `max_body` bytes and what they decode to; lowered, senders must retry sooner.
const MAX_UPLOADS: usize = 32;

/// Receives OTLP requests; cheap to clone.
#[derive(Clone, Debug)]
pub struct Receiver(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    queue: mpsc::Sender<Input>,
    max_body: usize,
    pseudonym_key: PseudonymSecret,
    senders: Senders,
    uploads: Semaphore,
}

impl Receiver {
    /// Returns a receiver that feeds the queue of the state's owner. Registers its counters at 0, so the metrics
    /// recorder must be installed before.
    pub fn new(config: &Config, queue: mpsc::Sender<Input>) -> Self {
        tally::register();
        Self(Arc::new(Inner {
            queue,
            max_body: config.max_body,
            pseudonym_key: config.pseudonym_key.clone(),
            senders: Senders::new(config.contract.clone()),
            uploads: Semaphore::new(MAX_UPLOADS),
        }))
    }
}

/// Serves `/v1/metrics`, `/v1/traces` and `/v1/logs`.
pub fn router(receiver: Receiver) -> Router {
    let mut router = Router::new();
    for signal in OtlpSignal::ALL {
        let export = move |State(receiver): State<Receiver>, request| export(signal, receiver, request);
        // Every method, so that a wrong one is counted and gets an answer as OTLP specifies it.
        router = router.route(&format!("/v1/{}", signal.name()), any(export));
    }
    router.fallback(wrong_path).with_state(receiver)
}

async fn wrong_path(request: Request) -> Response {
    let refusal = Refusal::Path { path: request.uri().path().to_owned() };
    wire::refuse(Encoding::of(request.headers()).unwrap_or(FALLBACK), &refusal)
}

/// The encoding of the answer to a request that names none of ours: the readable one.
const FALLBACK: Encoding = Encoding::Json;

async fn export(signal: OtlpSignal, receiver: Receiver, request: Request) -> Response {
    let began = Instant::now();
    let encoding = Encoding::of(request.headers());
    let answer_in = *encoding.as_ref().unwrap_or(&FALLBACK);
    let response = match receiver.0.take(signal, encoding, request).await {
        Ok(tally) => wire::success(signal, answer_in, &tally),
        Err(refusal) => wire::refuse(answer_in, &refusal),
    };
    let code = response.status().as_u16().to_string();
    counter!(OTLP_REQUESTS.name, "signal" => signal.name(), "code" => code).increment(1);
    histogram!(OTLP_DURATION.name, "signal" => signal.name()).record(began.elapsed().as_secs_f64());
    response
}

type Batches = Vec<Batch>;

impl Inner {
    async fn take(
        &self,
        signal: OtlpSignal,
        encoding: Result<Encoding, Refusal>,
        request: Request,
    ) -> Result<Tally, Refusal> {
        if request.method() != Method::POST {
            return Err(Refusal::Method { method: request.method().clone() });
        }
        let encoding = encoding?;
        let busy = |_| Refusal::Busy { what: "too many requests at once" };
        let _place = self.uploads.try_acquire().map_err(busy)?;
        let (parts, body) = request.into_parts();
        let bytes = body::read(&parts.headers, body, self.max_body).await?;
        let mut tally = Tally::default();
        let batches = match signal {
            OtlpSignal::Metrics => self.read_metrics(encoding, &bytes, &mut tally),
            OtlpSignal::Traces => self.read_traces(encoding, &bytes, &mut tally),
            OtlpSignal::Logs => self.read_logs(encoding, &bytes, &mut tally),
        }?;
        if tally.accepted() == 0 && tally.rejected() > 0 {
            tally.count_rejected(signal);
            return Err(Refusal::NothingAccepted { detail: tally.message(signal) });
        }
        self.enqueue(batches)?;
        tally.count_rejected(signal);
        tally.count_accepted(signal);
        Ok(tally)
    }

    fn read_metrics(&self, encoding: Encoding, bytes: &[u8], tally: &mut Tally) -> Result<Batches, Refusal> {
        let request: ExportMetricsServiceRequest = match encoding {
            Encoding::Protobuf => message(encoding, bytes)?,
            Encoding::Json => json::decode_metrics(bytes, tally).map_err(undecodable)?,
        };
        let (mut words, mut batches) = (Words::default(), Batches::new());
        for group in request.resource_metrics {
            let items = metrics::count(&group.scope_metrics);
            if let Some(sender) = self.admit(group.resource.as_ref(), items, tally) {
                batches
                    .extend(batch(&sender, metrics::observe(group.scope_metrics, items, &mut words, tally)));
            }
        }
        Ok(batches)
    }

    fn read_traces(&self, encoding: Encoding, bytes: &[u8], tally: &mut Tally) -> Result<Batches, Refusal> {
        let request: ExportTraceServiceRequest = message(encoding, bytes)?;
        let (mut words, mut batches) = (Words::default(), Batches::new());
        for group in request.resource_spans {
            let items = spans::count(&group.scope_spans);
            if let Some(sender) = self.admit(group.resource.as_ref(), items, tally) {
                let (resource, pseudonym_key) = (&*sender.resource, &self.pseudonym_key);
                let mut reader = SpanReader { resource, pseudonym_key, words: &mut words, tally };
                batches.extend(batch(&sender, reader.observe(&group.scope_spans)));
            }
        }
        Ok(batches)
    }

    fn read_logs(&self, encoding: Encoding, bytes: &[u8], tally: &mut Tally) -> Result<Batches, Refusal> {
        let request: ExportLogsServiceRequest = message(encoding, bytes)?;
        let (mut words, mut batches) = (Words::default(), Batches::new());
        for group in request.resource_logs {
            let items = logs::count(&group.scope_logs);
            if let Some(sender) = self.admit(group.resource.as_ref(), items, tally) {
                batches.extend(batch(&sender, logs::observe(&group.scope_logs, &mut words, tally)));
            }
        }
        Ok(batches)
    }

    /// Checks a resource against the contract; none if it is refused with all its items.
    fn admit(&self, resource: Option<&OtlpResource>, items: u64, tally: &mut Tally) -> Option<Sender> {
        let sender = self.senders.sender(resource.map_or(&[], |resource| &resource.attributes));
        if sender.missing.is_empty() {
            return Some(sender);
        }
        let missing = || {
            let service = &sender.resource.service;
            format!("resource `{service}` lacks {} (resource contract)", sender.missing.join(", "))
        };
        match self.senders.contract().mode {
            ContractMode::Warn => {
                tally.warn(missing());
                Some(sender)
            }
            ContractMode::Enforce => {
                tally.reject(Reason::Contract, items, missing);
                None
            }
        }
    }

    /// Queues all batches or none, so that the retry of a refused request counts nothing twice.
    fn enqueue(&self, batches: Batches) -> Result<(), Refusal> {
        let (resources, limit) = (batches.len(), self.queue.max_capacity());
        if resources > limit {
            return Err(Refusal::TooManyResources { resources, limit });
        }
        let places = self.queue.try_reserve_many(resources);
        let places = places.map_err(|_| Refusal::Busy { what: "the queue is full" })?;
        for (place, batch) in places.zip(batches) {
            place.send(Input::Batch(batch));
        }
        Ok(())
    }
}

/// Decodes a message that is refused as a whole if any part of it cannot be decoded.
fn message<M: Message + Default + DeserializeOwned>(encoding: Encoding, bytes: &[u8]) -> Result<M, Refusal> {
    match encoding {
        Encoding::Protobuf => M::decode(bytes).map_err(undecodable),
        Encoding::Json => json::decode(bytes).map_err(undecodable),
    }
}

fn undecodable(error: impl std::error::Error) -> Refusal {
    Refusal::Undecodable { detail: error.to_string() }
}

/// Returns the batch of a resource; none if nothing was observed.
fn batch(sender: &Sender, observations: Vec<Observation>) -> Option<Batch> {
    (!observations.is_empty()).then(|| Batch {
        resource: Arc::clone(&sender.resource),
        received: UnixNanos::now(),
        observations,
    })
}
