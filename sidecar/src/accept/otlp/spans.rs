//! Comes in: OTLP spans of one resource. Goes out: a [`Request`] for every span of a server or consumer, a
//! [`Call`] for every span of a client or producer that names its callee, a [`Failure`] for every failed span of
//! our own SDK.

use std::sync::Arc;

use mapwarden_contract::names::attribute::{
    CLOUD_REGION, DB_SYSTEM, DEPENDENCY, ERROR_TYPE, MAP, OP, PEER_SERVICE, REGION, SCOPE, SERVER_ADDRESS,
    SERVER_PORT, USER, USER_PSEUDONYM,
};
use mapwarden_contract::names::wire::SCOPE_NAME;
use mapwarden_contract::{UnixNanos, UserHash};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span};

use super::attributes::{Words, find};
use super::tally::{ItemRejection, Reason, Tally};
use crate::config::PseudonymSecret;
use mapwarden_engine::observation::{
    Call, CallSource, Completion, Failure, FailureAbout, Observation, Request, Resource, Trace, TracedEvent,
};

/// Returns how many spans there are.
pub(super) fn count(scopes: &[ScopeSpans]) -> u64 {
    scopes.iter().fold(0, |sum, scope| sum.saturating_add(items(scope)))
}

fn items(scope: &ScopeSpans) -> u64 {
    u64::try_from(scope.spans.len()).unwrap_or(u64::MAX)
}

/// The context in which the spans of a resource are read.
pub(super) struct SpanReader<'a> {
    pub(super) resource: &'a Resource,
    pub(super) pseudonym_key: &'a PseudonymSecret,
    pub(super) words: &'a mut Words,
    pub(super) tally: &'a mut Tally,
}

impl SpanReader<'_> {
    /// Reads all spans of one resource. Spans of our own SDK are accepted and give no more than examples of
    /// failures: the metrics and sketches of the SDK count their requests and calls exactly, and nothing may count twice.
    pub(super) fn observe(&mut self, scopes: &[ScopeSpans]) -> Vec<Observation> {
        let mut observations = Vec::new();
        for scope in scopes {
            if scope.scope.as_ref().is_some_and(|scope| scope.name == SCOPE_NAME) {
                self.tally.accept(items(scope));
                let failures = scope.spans.iter().filter_map(|span| self.failure(span));
                observations.extend(failures.map(Observation::Failure));
                continue;
            }
            for span in &scope.spans {
                match self.span(span) {
                    Ok(observation) => {
                        observations.extend(observation);
                        self.tally.accept(1);
                    }
                    Err((reason, detail)) => {
                        self.tally.reject(reason, 1, || format!("span `{}`: {detail}", span.name));
                    }
                }
            }
        }
        observations
    }

    /// Returns the failure of a request or map operation that a span of our SDK records.
    fn failure(&mut self, span: &Span) -> Option<Failure> {
        if completion(span) == Completion::Ok {
            return None;
        }
        let get = |name| find(&span.attributes, name);
        let about = match (get(SCOPE), get(MAP), get(OP)) {
            (Some(scope), None, _) => FailureAbout::Scope(self.words.word(&scope)),
            (_, Some(map), Some(op)) => {
                FailureAbout::Map { map: self.words.word(&map), op: self.words.word(&op) }
            }
            (None, None, _) | (_, Some(_), None) => return None,
        };
        let at = UnixNanos::new(span.end_time_unix_nano);
        let duration = at.since(UnixNanos::new(span.start_time_unix_nano));
        let trace = Trace::of(&span.trace_id, &span.span_id)?;
        let error = get(ERROR_TYPE).map(|error| self.words.word(&error));
        Some(Failure { about, error, exemplar: TracedEvent { at, duration, trace } })
    }

    fn span(&mut self, span: &Span) -> Result<Option<Observation>, ItemRejection> {
        let end = UnixNanos::new(span.end_time_unix_nano);
        if span.end_time_unix_nano == 0 {
            return Err((Reason::NoTime, "end_time_unix_nano is 0".to_owned()));
        }
        if span.start_time_unix_nano > span.end_time_unix_nano {
            let (start, end) = (span.start_time_unix_nano, span.end_time_unix_nano);
            return Err((Reason::Inconsistent, format!("starts at {start} and ends before, at {end}")));
        }
        let duration = end.since(UnixNanos::new(span.start_time_unix_nano));
        let completion = completion(span);
        Ok(match SpanKind::try_from(span.kind) {
            Ok(SpanKind::Server | SpanKind::Consumer) => Some(Observation::Request(Request {
                name: self.words.word(&span.name),
                end,
                duration,
                completion,
                user: self.user(&span.attributes),
                region: self.region(&span.attributes),
                trace: Trace::of(&span.trace_id, &span.span_id),
            })),
            Ok(SpanKind::Client | SpanKind::Producer) => {
                let source = CallSource::Span;
                let call =
                    |dependency| Observation::Call(Call { dependency, end, duration, completion, source });
                self.dependency(&span.attributes).map(call)
            }
            // Includes kinds that a later OTLP may add.
            Ok(SpanKind::Unspecified | SpanKind::Internal) | Err(_) => None,
        })
    }

    /// Returns the hash of a user. A pseudonym of our SDK is a 64-bit hash in hex and stays unchanged; any other text
    /// is hashed here.
    fn user(&self, attributes: &[KeyValue]) -> Option<UserHash> {
        if let Some(pseudonym) = find(attributes, USER_PSEUDONYM) {
            let is_hash = pseudonym.len() == 16 && pseudonym.bytes().all(|byte| byte.is_ascii_hexdigit());
            let hash = is_hash.then(|| u64::from_str_radix(&pseudonym, 16).ok()).flatten();
            return Some(hash.map_or_else(|| self.pseudonym_key.pseudonym(&pseudonym), UserHash::new));
        }
        find(attributes, USER).map(|id| self.pseudonym_key.pseudonym(&id))
    }

    fn region(&mut self, attributes: &[KeyValue]) -> Option<Arc<str>> {
        let region = find(attributes, REGION).or_else(|| find(attributes, CLOUD_REGION));
        region.map(|region| self.words.word(&region)).or_else(|| self.resource.region.clone())
    }

    /// Returns the callee: our own name for it, the name of the peer, the kind of database, or the address.
    fn dependency(&mut self, attributes: &[KeyValue]) -> Option<Arc<str>> {
        let named = [DEPENDENCY, PEER_SERVICE, DB_SYSTEM].into_iter().find_map(|name| find(attributes, name));
        if let Some(name) = named {
            return Some(self.words.word(&name));
        }
        let address = find(attributes, SERVER_ADDRESS)?;
        Some(match find(attributes, SERVER_PORT) {
            Some(port) => self.words.word(&format!("{address}:{port}")),
            None => self.words.word(&address),
        })
    }
}

fn completion(span: &Span) -> Completion {
    let code = span.status.as_ref().map(|status| status.code());
    match code {
        Some(StatusCode::Error) => Completion::Failed,
        Some(StatusCode::Unset | StatusCode::Ok) | None => Completion::Ok,
    }
}
