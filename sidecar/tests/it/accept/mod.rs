//! Real requests to the OTLP receiver on a free port.

mod agreement;
mod answers;
mod changes;
mod decoding;

mod probes;
mod sdk;

use std::net::SocketAddr;

use mapwarden_engine::observation::Batch;
use mapwarden_sidecar::accept::otlp::{Receiver, router};
use mapwarden_sidecar::config::{Config, Contract, ContractMode, PseudonymSecret};
use mapwarden_sidecar::input::Input;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use tokio::sync::mpsc;

pub(crate) const PROTOBUF: &str = "application/x-protobuf";
pub(crate) const JSON: &str = "application/json";

/// A receiver that listens, and the queue that it feeds.
pub(crate) struct Server {
    address: SocketAddr,
    client: reqwest::Client,
    pub(crate) queue: mpsc::Receiver<Input>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The response to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn content_type(&self) -> &str {
        self.headers[CONTENT_TYPE].to_str().unwrap()
    }
}

/// The configuration of most tests: no required attributes, bodies up to 64 KiB.
pub(crate) fn config() -> Config {
    let contract = Contract { required: Vec::new(), mode: ContractMode::Warn };
    Config {
        contract,
        max_body: 64 << 10,
        pseudonym_key: PseudonymSecret::of_secret("secret"),
        ..Config::default()
    }
}

impl Server {
    pub(crate) async fn start(config: &Config) -> Self {
        Self::with_queue(config, 64).await
    }

    pub(crate) async fn with_queue(config: &Config, capacity: usize) -> Self {
        // Another test of this process may have installed the provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (tx, queue) = mpsc::channel(capacity);
        let routes = router(Receiver::new(config, tx));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { address, client: reqwest::Client::new(), queue, task }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, body: response.bytes().await.unwrap().to_vec() }
    }

    pub(crate) async fn post(&self, path: &str, kind: &str, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.request(reqwest::Method::POST, path).header(CONTENT_TYPE, kind).body(body);
        self.send(request).await
    }

    pub(crate) async fn post_encoded(&self, encoding: &str, kind: &str, body: Vec<u8>) -> Answer {
        let request = self.request(reqwest::Method::POST, "/v1/metrics").header(CONTENT_TYPE, kind);
        self.send(request.header(CONTENT_ENCODING, encoding).body(body)).await
    }

    /// Returns the batches that are queued.
    pub(crate) fn batches(&mut self) -> Vec<Batch> {
        std::iter::from_fn(|| self.queue.try_recv().ok())
            .map(|input| match input {
                Input::Batch(batch) => batch,
                Input::Change(change, _) => panic!("{change:?} among telemetry"),
                Input::Steps(steps, _) => panic!("{steps:?} among telemetry"),
                Input::Correction(proposal, _) => panic!("{proposal:?} among telemetry"),
            })
            .collect()
    }
}
