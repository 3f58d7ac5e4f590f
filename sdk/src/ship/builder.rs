//! What comes in: the service's description, from code and environment. What goes out: checked settings. Never stops at
//! the first missing attribute: one attempt names all of them.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use opentelemetry::global::BoxedTracer;
use opentelemetry::trace::{Span, Tracer, TracerProvider};
use ureq::http::Uri;

use super::install_error::InstallError;
use super::resource::ResourceAttributes;
use super::settings::Settings;
use super::telemetry::Telemetry;
#[cfg(feature = "tracing")]
use crate::scope::Subscriber;
use crate::scope::{Limits, PseudonymKey, SpanTarget, named};
use mapwarden_contract::names::{attribute, wire};
use mapwarden_contract::{Objective, Ratio};

/// The address at which the sidecar listens by default.
const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:4318";

/// Raised, the sidecar sees a fault later; lowered, it receives more batches than its budgets need.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);

/// The intervals that are accepted. Below, the thread would do little but ship; above, a service would look dead.
const INTERVALS: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(3600);

/// The share of requests that become spans whatever their outcome. Raised, there are more examples of requests
/// that went well, and the service spends more on them.
const DEFAULT_TRACE_RATIO: f64 = 0.01;

/// A builder of [`Telemetry`]; see [`Telemetry::builder`]. What code does not set is read from the environment, under the
/// names of the OpenTelemetry specification: `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`,
/// `OTEL_EXPORTER_OTLP_ENDPOINT`; and `MAPWARDEN_PSEUDONYM_KEY`.
#[must_use = "nothing is sent before `install`"]
pub struct TelemetryBuilder {
    attributes: ResourceAttributes,
    endpoint: Option<String>,
    interval: Duration,
    trace_ratio: f64,
    objectives: Vec<(String, Objective)>,
    pseudonym_key: Option<String>,
    target: Option<SpanTarget>,
}

impl Telemetry {
    /// Returns a builder, which describes the service.
    pub fn builder() -> TelemetryBuilder {
        TelemetryBuilder::new()
    }
}

impl TelemetryBuilder {
    pub(super) fn new() -> Self {
        Self {
            attributes: ResourceAttributes::default(),
            endpoint: None,
            interval: DEFAULT_INTERVAL,
            trace_ratio: DEFAULT_TRACE_RATIO,
            objectives: Vec::new(),
            pseudonym_key: None,
            target: None,
        }
    }

    /// Sets the name of the service (`service.name`). Required.
    pub fn service(self, name: &str) -> Self {
        self.attribute(attribute::SERVICE_NAME, name)
    }

    /// Sets the version that runs (`service.version`). Required: a new one is a deploy.
    pub fn version(self, version: &str) -> Self {
        self.attribute(attribute::SERVICE_VERSION, version)
    }

    /// Sets the environment, e.g. `production` (`deployment.environment.name`). Required.
    pub fn environment(self, environment: &str) -> Self {
        self.attribute(attribute::ENVIRONMENT, environment)
    }

    /// Sets the team that is paged (`mapwarden.team`). Required.
    pub fn team(self, team: &str) -> Self {
        self.attribute(attribute::TEAM, team)
    }

    /// Sets the commit that runs (`vcs.ref.head.revision`).
    pub fn revision(self, revision: &str) -> Self {
        self.attribute(attribute::REVISION, revision)
    }

    /// Sets any other resource attribute. An attribute that was set before keeps its value.
    pub fn attribute(mut self, name: &str, value: &str) -> Self {
        self.attributes.offer(name, value);
        self
    }

    /// Sets the address at which the sidecar receives OTLP over HTTP; by default `http://127.0.0.1:4318`.
    pub fn endpoint(mut self, endpoint: &str) -> Self {
        self.endpoint = Some(endpoint.to_owned());
        self
    }

    /// Sets the time between batches, one second by default; from 10 ms to 1 h.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Sets the share of requests that become spans whatever their outcome, in [0, 1]; 0.01 by default. Failed and slow
    /// requests always do, up to 50 a second each.
    pub fn trace_ratio(mut self, ratio: f64) -> Self {
        self.trace_ratio = ratio;
        self
    }

    /// Adds an objective for the requests of a scope.
    pub fn scope_objective(mut self, scope: &str, objective: Objective) -> Self {
        self.objectives.push((scope.to_owned(), objective));
        self
    }

    /// Sets the secret under which ids of users and tenants are pseudonymised before they leave the process, in any
    /// spelling: the key is its SipHash-2-4-128. Processes that share it give one user one pseudonym. Without it, and
    /// without `MAPWARDEN_PSEUDONYM_KEY`, it is random: users of several processes cannot be matched.
    pub fn pseudonym_key(mut self, secret: &str) -> Self {
        self.pseudonym_key = Some(secret.to_owned());
        self
    }

    /// Makes spans with the service's own tracer provider instead of ours, e.g. `&global::tracer_provider()`. Its
    /// sampler then decides when a request begins, and its exporter sends them: slow and failed requests that it
    /// did not choose make no span.
    pub fn tracer_provider<P, T, S>(mut self, provider: &P) -> Self
    where
        P: TracerProvider<Tracer = T>,
        T: Tracer<Span = S> + Send + Sync + 'static,
        S: Span + Send + Sync + 'static,
    {
        self.target = Some(SpanTarget::Host(BoxedTracer::new(Box::new(provider.tracer(wire::SCOPE_NAME)))));
        self
    }

    /// Sends requests, calls and bad map operations to the service's `tracing` subscriber instead of making spans; see
    /// [`bridge::tracing`](crate::bridge::tracing).
    #[cfg(feature = "tracing")]
    pub fn tracing(mut self) -> Self {
        self.target = Some(SpanTarget::Subscriber(Subscriber));
        self
    }

    /// Starts the thread that ships, in this process: after a fork, not before. Dropping the handle sends what is left, for
    /// at most two seconds, and stops the thread; afterwards telemetry may be installed again.
    ///
    /// # Errors
    /// The reasons of [`InstallError`]. A missing receiver is none: it shows with the batches.
    pub fn install(self) -> Result<Telemetry, InstallError> {
        Telemetry::start(self.check(|variable| std::env::var(variable).ok())?)
    }

    /// Checks the description against the environment.
    pub(crate) fn check(self, read: impl Fn(&str) -> Option<String>) -> Result<Settings, InstallError> {
        let Self { mut attributes, endpoint, interval, trace_ratio, objectives, pseudonym_key, target } =
            self;
        attributes.offer_environment(&read)?;
        let missing = attributes.missing();
        if !missing.is_empty() {
            return Err(InstallError::Missing(missing));
        }
        if !INTERVALS.contains(&interval) {
            return Err(InstallError::Interval { interval });
        }
        let secret = pseudonym_key.or_else(|| read("MAPWARDEN_PSEUDONYM_KEY")).filter(|key| !key.is_empty());
        let endpoint =
            endpoint.or_else(|| read("OTEL_EXPORTER_OTLP_ENDPOINT")).filter(|text| !text.is_empty());
        Ok(Settings {
            attributes,
            endpoint: endpoint_of(endpoint.as_deref().unwrap_or(DEFAULT_ENDPOINT))?,
            interval,
            trace_ratio: Ratio::new(trace_ratio)
                .map_err(|_| InstallError::TraceRatio { ratio: trace_ratio })?,
            limits: Limits::new(Instant::now()),
            objectives: named(objectives)?,
            pseudonym_key: PseudonymKey::new(secret.as_deref()),
            target,
        })
    }
}

impl fmt::Debug for TelemetryBuilder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The pseudonym key is a secret.
        out.debug_struct("TelemetryBuilder")
            .field("attributes", &self.attributes)
            .field("endpoint", &self.endpoint)
            .field("objectives", &self.objectives)
            .finish_non_exhaustive()
    }
}

fn endpoint_of(text: &str) -> Result<String, InstallError> {
    let refused = || InstallError::Endpoint { endpoint: text.to_owned() };
    let uri: Uri = text.parse().map_err(|_| refused())?;
    let is_http = uri.scheme_str() == Some("http") && uri.host().is_some_and(|host| !host.is_empty());
    if is_http && uri.query().is_none() { Ok(text.trim_end_matches('/').to_owned()) } else { Err(refused()) }
}

#[cfg(test)]
#[path = "builder_tests.rs"]
mod tests;
