//! What comes in: a snapshot and the spans. What goes out: OTLP messages, in the words of
//! [`contract::names`](mapwarden_contract::names). Never reads a clock: every point of a batch carries the
//! snapshot's time, and counts from the process's start.

mod metrics;
mod users;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use opentelemetry_sdk::trace::SpanData;

use mapwarden_contract::names::wire;

pub(crate) use metrics::{Totals, metrics};
pub(crate) use users::users;

/// The resource message of these attributes.
pub(crate) fn resource(attributes: Vec<(String, String)>) -> Resource {
    Resource {
        attributes: attributes.into_iter().map(|(name, value)| text(&name, value)).collect(),
        dropped_attributes_count: 0,
        entity_refs: Vec::new(),
    }
}

/// Spans as one request.
pub(crate) fn spans(resource: &Resource, spans: Vec<SpanData>) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource.clone()),
            scope_spans: vec![ScopeSpans {
                scope: Some(instrumentation()),
                spans: spans.into_iter().map(Into::into).collect(),
                schema_url: String::new(),
            }],
            schema_url: String::new(),
        }],
    }
}

fn instrumentation() -> InstrumentationScope {
    InstrumentationScope {
        name: wire::SCOPE_NAME.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        attributes: Vec::new(),
        dropped_attributes_count: 0,
    }
}

fn text(name: &str, value: impl Into<String>) -> KeyValue {
    attribute(name, Value::StringValue(value.into()))
}

fn integer(name: &str, value: u64) -> KeyValue {
    attribute(name, Value::IntValue(signed(value)))
}

fn attribute(name: &str, value: Value) -> KeyValue {
    KeyValue { key: name.to_owned(), value: Some(AnyValue { value: Some(value) }), key_strindex: 0 }
}

/// OTLP's integers are signed; a count that does not fit would take centuries.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
