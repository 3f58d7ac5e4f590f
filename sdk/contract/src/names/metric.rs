//! The declaration of one metric.

/// How the values of a metric relate in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows, from 0; an OTLP cumulative monotonic sum or a Prometheus counter.
    Counter,
    /// Goes both ways.
    Gauge,
    /// A distribution; on the wire an exponential histogram.
    Histogram,
}

/// The declaration of one metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// The name as sent or served.
    pub name: &'static str,
    /// Counter, gauge or histogram.
    pub kind: MetricKind,
    /// The unit in UCUM, `1` for a ratio, `{thing}` for counts of things.
    pub unit: &'static str,
    /// What the value means, one sentence.
    pub help: &'static str,
    /// The attribute or label names that distinguish its series.
    pub labels: &'static [&'static str],
}

impl Metric {
    /// Declares a counter.
    pub const fn counter(
        name: &'static str,
        unit: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Self {
        Self { name, kind: MetricKind::Counter, unit, help, labels }
    }

    /// Declares a gauge.
    pub const fn gauge(
        name: &'static str,
        unit: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Self {
        Self { name, kind: MetricKind::Gauge, unit, help, labels }
    }

    /// Declares a histogram.
    pub const fn histogram(
        name: &'static str,
        unit: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Self {
        Self { name, kind: MetricKind::Histogram, unit, help, labels }
    }
}
