//! What a span says about an event that ended.

use mapwarden_contract::Nanos;
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;

/// The content of a span. Its start is its end less the duration.
#[derive(Debug)]
pub(crate) struct SpanDescription {
    pub(crate) name: String,
    pub(crate) kind: SpanKind,
    pub(crate) duration: Nanos,
    pub(crate) attributes: Vec<KeyValue>,
    /// The type of the error; sets the status of the span to error.
    pub(crate) error: Option<String>,
}
