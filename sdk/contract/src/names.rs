//! Every metric, span, event, attribute and label name, once, with its kind, unit, help and labels.
//!
//! [`wire`] is what travels from the SDK to the sidecar as OTLP; [`facade`] and [`meter`] are what a service
//! publishes by itself through the `metrics` facade and an OpenTelemetry meter; [`exposition`] is what the sidecar serves
//! at `/metrics`. A test refuses a dashboard, an alert rule or a document that uses a name which is not here.

pub mod attribute;
pub mod exposition;
pub mod facade;
pub mod meter;
pub mod wire;

/// How a metric's values relate in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, from 0; an OTLP cumulative monotonic sum or a Prometheus counter.
    Counter,
    /// Goes both ways.
    Gauge,
    /// A distribution; on the wire an exponential histogram.
    Histogram,
}

/// One metric's declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// The name as sent or served.
    pub name: &'static str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// The unit in UCUM, `1` for a ratio, `{thing}` for counts of things.
    pub unit: &'static str,
    /// What the value means, one sentence.
    pub help: &'static str,
    /// The attribute or label names that tell its series apart.
    pub labels: &'static [&'static str],
}

const fn counter(
    name: &'static str,
    unit: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
) -> Metric {
    Metric { name, kind: Kind::Counter, unit, help, labels }
}

const fn gauge(
    name: &'static str,
    unit: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
) -> Metric {
    Metric { name, kind: Kind::Gauge, unit, help, labels }
}

const fn histogram(
    name: &'static str,
    unit: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
) -> Metric {
    Metric { name, kind: Kind::Histogram, unit, help, labels }
}
