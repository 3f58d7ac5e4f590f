//! What counts as an event, and which events are bad.

use mapwarden_contract::Nanos;

/// Which series or queries make an SLI. A closed set.
#[derive(Clone, Debug, PartialEq)]
pub enum Indicator {
    /// All events of one selector, the bad ones of another: series that the sidecar holds.
    Events {
        /// All events.
        total: Selector,
        /// The bad events among them.
        bad: Selector,
    },
    /// The values of a histogram that the sidecar holds; good at or below the threshold, which must be a bucket's bound.
    Latency {
        /// The histogram.
        series: Selector,
        /// The slowest good value.
        threshold: Nanos,
    },
    /// What a Prometheus-compatible server answers.
    Queried(Queried),
    /// Other objectives of the same service or of others, by id. Good as the weighted mean of their shares of good events
    /// is, or, without weights, only while all of them keep their targets.
    Composite {
        /// The other objectives.
        members: Vec<Member>,
    },
}

/// One part of a composite objective.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// The id of the other objective: `service/name`.
    pub slo: String,
    /// Its weight, above 0; none where all members must hold.
    pub weight: Option<f64>,
}

/// Queries, and who answers them.
#[derive(Clone, Debug, PartialEq)]
pub struct Queried {
    /// The name of a source that the configuration or an OpenSLO `DataSource` declares; none for the default one.
    pub source: Option<String>,
    /// What is asked.
    pub queries: Queries,
}

/// What is asked of a Prometheus-compatible server. A closed set.
#[derive(Clone, Debug, PartialEq)]
pub enum Queries {
    /// All events, and the good or the bad ones among them: rates or increases over the window.
    Events {
        /// All events.
        total: Expression,
        /// Those of which [`Judged`] tells what they are.
        part: Expression,
        /// What the part's events are.
        is: Judged,
    },
    /// A share of events in [0, 1] that the server has divided itself: how many events it is of is not known, so that
    /// every evaluation counts alike.
    Ratio {
        /// The share.
        share: Expression,
        /// What its events are.
        is: Judged,
    },
    /// A value at each evaluation, which is one event: good where the comparison holds.
    Threshold {
        /// The value.
        value: Expression,
        /// How a good value compares.
        good: Comparison,
        /// With what.
        threshold: f64,
    },
}

/// What counted events are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// They kept the promise.
    Good,
    /// They broke it.
    Bad,
}

/// How a value compares with a threshold, by the names of OpenSLO's `op`.
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
    /// Takes PromQL that is known to be valid once a window stands in it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// With a window in Prometheus' notation: `5m`.
    pub fn over(&self, window: &str) -> String {
        self.0.replace("{{.window}}", window).replace("{{ .window }}", window)
    }
}

/// Series of one metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// The metric's name.
    pub metric: String,
    /// What the attributes must be; all of them.
    pub matching: Vec<Matcher>,
}

/// What one attribute must be. The pattern may end in `*`: `5*` matches `503`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matcher {
    /// The attribute's name.
    pub attribute: String,
    /// The exact value, or a prefix followed by `*`.
    pub pattern: String,
}
