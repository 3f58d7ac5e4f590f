//! The client of one Prometheus-compatible server. Comes in: a query. Goes out: series, or why there are none. Bounded in time
//! and in size. Reads secrets for each request, so that they can be renewed, and never shows one.

use std::sync::Arc;
use std::time::Instant;

use mapwarden_contract::UnixNanos;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{RequestBuilder, Response, Url};

use super::answer::{self, AnswerSeries, short};
use super::error::{MAX_ANSWER, SourceQueryError};
use super::grid::Span;
use crate::config::{Authentication, HeaderText, Secret, Source};
use crate::metric_names as names;

/// The results of a request, as labelled; beside `ok`.
const FAILURES: [&str; 8] =
    ["secret", "unreachable", "timeout", "status", "too_large", "malformed", "refused", "partial"];

/// The label of a request that brought an answer.
const OK: &str = "ok";

/// A server, and how it is queried.
#[derive(Clone, Debug)]
pub(super) struct Server {
    client: reqwest::Client,
    source: Arc<Source>,
}

impl Server {
    pub(super) fn new(client: reqwest::Client, source: Arc<Source>) -> Self {
        for result in FAILURES.into_iter().chain([OK]) {
            requests(&source.name, result).absolute(0);
        }
        Self { client, source }
    }

    /// Evaluates a query at the end of every step.
    pub(super) async fn at_each_step(
        &self,
        query: &str,
        span: &Span,
    ) -> Result<Vec<AnswerSeries>, SourceQueryError> {
        let (start, end) = (seconds(span.end_of(0)), seconds(span.end()));
        let step = format!("{}", span.every.as_secs_f64());
        self.ask("query_range", &[("query", query), ("start", &start), ("end", &end), ("step", &step)]).await
    }

    /// Evaluates a query at one moment; the answer to a selector with a range is its samples.
    pub(super) async fn at(
        &self,
        query: &str,
        moment: UnixNanos,
    ) -> Result<Vec<AnswerSeries>, SourceQueryError> {
        self.ask("query", &[("query", query), ("time", &seconds(moment))]).await
    }

    async fn ask(
        &self,
        endpoint: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Vec<AnswerSeries>, SourceQueryError> {
        let began = Instant::now();
        let answer = self.answer(endpoint, parameters).await;
        let result = answer.as_ref().map_or_else(SourceQueryError::name, |_| OK);
        requests(&self.source.name, result).increment(1);
        metrics::histogram!(names::SOURCE_DURATION.name, "source" => self.source.name.clone())
            .record(began.elapsed());
        answer
    }

    async fn answer(
        &self,
        endpoint: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Vec<AnswerSeries>, SourceQueryError> {
        let response =
            self.request(endpoint, parameters)?.send().await.map_err(|error| self.failed(error))?;
        let status = response.status();
        let body = self.body(response).await?;
        // The API answers a wrong query with 400 and a query that fails with 422 or 503, and says why.
        match answer::read(&body) {
            Err(SourceQueryError::Malformed(_)) if !status.is_success() => Err(SourceQueryError::Status {
                code: status.as_u16(),
                detail: short(String::from_utf8_lossy(&body).trim()),
            }),
            read => read,
        }
    }

    fn request(
        &self,
        endpoint: &str,
        parameters: &[(&str, &str)],
    ) -> Result<RequestBuilder, SourceQueryError> {
        let Source { url, timeout, headers, authentication, .. } = &*self.source;
        let url = format!("{}/api/v1/{endpoint}", url.trim_end_matches('/'));
        let limit = format!("{}", timeout.as_secs_f64());
        // Thanos' own parameter: fail rather than leave out a store that is away. Other servers ignore it.
        let always = [("timeout", limit.as_str()), ("partial_response", "false")];
        let mut request = self
            .client
            .post(url)
            .timeout(timeout.to_duration())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(encoded(parameters.iter().chain(&always)));
        let mut map = HeaderMap::new();
        for (name, text) in headers {
            let text = match text {
                HeaderText::Plain(text) => text.clone(),
                HeaderText::Secret(secret) => read(secret)?,
            };
            let unsendable = || SourceQueryError::Secret(format!("the header {name} cannot be sent"));
            let mut value = HeaderValue::from_str(&text).map_err(|_| unsendable())?;
            value.set_sensitive(true);
            map.insert(HeaderName::from_bytes(name.as_bytes()).map_err(|_| unsendable())?, value);
        }
        request = request.headers(map);
        Ok(match authentication {
            Authentication::None => request,
            Authentication::Bearer(secret) => request.bearer_auth(read(secret)?),
            Authentication::Basic { user, password } => request.basic_auth(user, Some(read(password)?)),
        })
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, SourceQueryError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(error))? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(SourceQueryError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// Returns the error without the URL, and with its causes: a refused connection, a wrong certificate.
    fn failed(&self, error: reqwest::Error) -> SourceQueryError {
        if error.is_timeout() {
            return SourceQueryError::TooLate(format!("{} s", self.source.timeout.as_secs_f64()));
        }
        let error = anyhow::Error::new(error.without_url());
        SourceQueryError::Unreachable(format!("{error:#}"))
    }
}

fn requests(source: &str, result: &'static str) -> metrics::Counter {
    metrics::counter!(names::SOURCE_REQUESTS.name, "source" => source.to_owned(), "result" => result)
}

/// Reads a secret, without the line break that editors add.
fn read(secret: &Secret) -> Result<String, SourceQueryError> {
    match secret {
        Secret::File(path) => {
            std::fs::read_to_string(path).map(|text| text.trim().to_owned()).map_err(|error| {
                SourceQueryError::Secret(format!("the secret in `{}`: {error}", path.display()))
            })
        }
        Secret::Environment(name) => std::env::var(name).map_err(|_| {
            SourceQueryError::Secret(format!("the environment variable `{name}` is not set, or not text"))
        }),
    }
}

/// Returns parameters in the encoding of a form.
fn encoded<'a>(parameters: impl Iterator<Item = &'a (&'a str, &'a str)>) -> String {
    let pairs = parameters.map(|(name, value)| (*name, *value));
    let url = Url::parse_with_params("http://form", pairs);
    url.ok().and_then(|url| url.query().map(str::to_owned)).unwrap_or_default()
}

/// Returns a moment in the format of the API, to the millisecond.
fn seconds(moment: UnixNanos) -> String {
    let milliseconds = moment.get() / 1_000_000;
    format!("{}.{:03}", milliseconds / 1_000, milliseconds % 1_000)
}
