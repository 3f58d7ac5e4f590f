//! What an objective counts as an event, and which events are bad.

use mapwarden_contract::{Nanos, Verdict};

/// The series or queries that measure an SLI. A closed set.
#[derive(Clone, Debug, PartialEq)]
pub enum Indicator {
    /// Counters that the sidecar holds: one selector for all events and one for the bad events.
    Events {
        /// All events.
        total: Selector,
        /// The bad events among them.
        bad: Selector,
    },
    /// A histogram that the sidecar holds. Values at or below the threshold, which must be the bound of a bucket, are
    /// good.
    Latency {
        /// The histogram.
        series: Selector,
        /// The slowest good value.
        threshold: Nanos,
    },
    /// Queries that a Prometheus-compatible server answers.
    Queried(Queried),
    /// Other objectives, of any service. With weights, the share of good events is the weighted mean of their shares;
    /// without weights, the composite is good only while all of them keep their targets.
    Composite {
        /// The other objectives.
        members: Vec<Member>,
    },
}

/// One member of a composite objective.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// The id of the member: `service/name`.
    pub slo: String,
    /// The weight of the member, above 0; none where all members must keep their targets.
    pub weight: Option<f64>,
}

/// Queries and the source that answers them.
#[derive(Clone, Debug, PartialEq)]
pub struct Queried {
    /// The name of a source that the configuration or an OpenSLO `DataSource` declares; none for the default source.
    pub source: Option<String>,
    /// The queries.
    pub queries: Queries,
}

/// Queries to a Prometheus-compatible server. A closed set.
#[derive(Clone, Debug, PartialEq)]
pub enum Queries {
    /// All events, and the good or the bad events among them: rates or increases over the window.
    Events {
        /// All events.
        total: Expression,
        /// The good or the bad events among them.
        part: Expression,
        /// The verdict on the events of `part`.
        is: Verdict,
    },
    /// A share of events in [0, 1] that the server has divided itself. The number of events is not known, so that every
    /// evaluation counts alike.
    Ratio {
        /// The share.
        share: Expression,
        /// The verdict on the events of which `share` is the share.
        is: Verdict,
    },
    /// A value at each evaluation. Each evaluation is one event, which is good where the comparison holds.
    Threshold {
        /// The value.
        value: Expression,
        /// The comparison that a good value satisfies.
        good: Comparison,
        /// The number with which the value is compared.
        threshold: f64,
    },
}

/// A comparison of a value with a threshold, by the names of OpenSLO's `op`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Less than or equal.
    Lte,
    /// Greater than or equal.
    Gte,
    /// Less than.
    Lt,
    /// Greater than.
    Gt,
}

/// PromQL in which `{{.window}}` stands for the window, as in Sloth's files: `sum(rate(x[{{.window}}]))`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression(String);

impl Expression {
    /// The template of the window, as every expression that this crate's readers produce spells it.
    pub const WINDOW: &str = "{{.window}}";

    /// Wraps PromQL that is known to be valid once a window is inserted.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text as it was written.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Returns the PromQL with a window, in the notation of Prometheus (`5m`), inserted.
    pub fn over(&self, window: &str) -> String {
        self.0.replace(Self::WINDOW, window).replace("{{ .window }}", window)
    }
}

/// Series of one metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// The metric's name.
    pub metric: String,
    /// The conditions on attributes, all of which a series must satisfy.
    pub matching: Vec<Matcher>,
}

/// A condition on one attribute. The pattern may end in `*`: `5*` matches `503`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matcher {
    /// The attribute's name.
    pub attribute: String,
    /// The exact value, or a prefix followed by `*`.
    pub pattern: String,
}
