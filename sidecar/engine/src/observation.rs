//! What senders report: the engine's input. Comes in: telemetry that the receiver has decoded and checked. Goes out:
//! [`Batch`]es of [`Observation`]s and [`Change`]s. Never knows what an objective is.

use std::sync::Arc;

use jiff::Timestamp;
use mapwarden_contract::{Count, Nanos, UnixNanos, UserHash, UserSketch};
use serde::{Deserialize, Serialize};

/// What one sender reports at one time.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The sender.
    pub resource: Arc<Resource>,
    /// When it arrived here.
    pub received: UnixNanos,
    /// What it reports, in the order of the request.
    pub observations: Vec<Observation>,
}

/// A sender: one process of one version of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// A hash of all its attributes: two resources are one exactly if this is equal.
    pub id: u64,
    /// `service.name`, `unknown_service` where it is absent (as the OpenTelemetry specification asks).
    pub service: Arc<str>,
    /// `service.version`.
    pub version: Option<Arc<str>>,
    /// `vcs.ref.head.revision`.
    pub revision: Option<Arc<str>>,
    /// `deployment.environment.name`.
    pub environment: Option<Arc<str>>,
    /// `mapwarden.team`.
    pub team: Option<Arc<str>>,
    /// `service.instance.id`.
    pub instance: Option<Arc<str>>,
    /// `cloud.region`.
    pub region: Option<Arc<str>>,
}

/// Attributes of a series, sorted by name; every value as text (`200`, `true`, `eu-west-1`).
pub type Attributes = Arc<[(Arc<str>, Arc<str>)]>;

/// One thing that a sender reports. A closed set.
#[derive(Clone, Debug, PartialEq)]
pub enum Observation {
    /// A data point of a metric.
    Point(Point),
    /// Users or tenants, from the SDK.
    Users(Users),
    /// A request that a server or consumer span describes.
    Request(Request),
    /// A call to a dependency that a client or producer span or a probe describes.
    Call(Call),
    /// A failure that a span of the SDK describes; the SDK's metrics count it.
    Failure(Failure),
}

/// A data point of any OTLP metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The metric's name.
    pub metric: Arc<str>,
    /// The point's attributes.
    pub attributes: Attributes,
    /// When the series began to count; zero where it is absent.
    pub start: UnixNanos,
    /// The end of the time that the value covers.
    pub time: UnixNanos,
    /// The value.
    pub value: PointValue,
}

impl Point {
    /// Returns the value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&Arc<str>> {
        self.attributes.iter().find(|attribute| *attribute.0 == *name).map(|attribute| &attribute.1)
    }
}

/// Whether a value counts from `start` on or since the point before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temporality {
    /// Everything since the start of the series.
    Cumulative,
    /// Only what came since the last point.
    Delta,
}

/// A point's value.
#[derive(Clone, Debug, PartialEq)]
pub enum PointValue {
    /// A sum. Non-monotonic sums arrive as gauges.
    Sum {
        /// What it is relative to.
        temporality: Temporality,
        /// The sum, not negative.
        value: f64,
    },
    /// A last value.
    Gauge(f64),
    /// A distribution.
    Histogram {
        /// What the counts are relative to.
        temporality: Temporality,
        /// The distribution, in the unit of the metric.
        histogram: Box<Histogram>,
    },
}

/// A distribution over buckets in ascending order of their upper bounds. Explicit and exponential histograms
/// both arrive like this; an exponential one carries its index arithmetic so that nothing is lost.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// How many values.
    pub count: Count,
    /// Their sum, where it is known.
    pub sum: Option<f64>,
    /// The factor from the metric's unit to nanoseconds (`s` 1e9, `ms` 1e6, `us` 1e3, `ns` 1); none where the
    /// unit is not a time.
    pub to_nanos: Option<f64>,
    /// The buckets.
    pub buckets: Buckets,
    /// Single events of it that have traces; none where the unit is not a time.
    pub exemplars: Vec<TracedEvent>,
}

/// One event that has a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TracedEvent {
    /// When it ended.
    pub at: UnixNanos,
    /// How long it took.
    pub duration: Nanos,
    /// Its trace.
    pub trace: Trace,
}

/// A span in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The trace's id.
    pub id: [u8; 16],
    /// The span's id.
    pub span: [u8; 8],
}

impl Trace {
    /// Reads the ids of OTLP; none where they are absent or not valid.
    pub fn of(id: &[u8], span: &[u8]) -> Option<Self> {
        let (id, span) = (id.try_into().ok()?, span.try_into().ok()?);
        (id != [0; 16] && span != [0; 8]).then_some(Self { id, span })
    }
}

/// How a histogram's buckets are bounded.
#[derive(Clone, Debug, PartialEq)]
pub enum Buckets {
    /// `counts[i]` lies in `(bounds[i-1], bounds[i]]`; there is one more count than bounds.
    Explicit {
        /// Upper bounds, strictly ascending.
        bounds: Arc<[f64]>,
        /// Counts, one more than bounds.
        counts: Vec<u64>,
    },
    /// `counts[i]` lies in `(base^(offset+i), base^(offset+i+1)]` with `base = 2^(2^-scale)`; negative values
    /// are refused.
    Exponential {
        /// OTLP's scale.
        scale: i32,
        /// The index of the first count.
        offset: i32,
        /// The counts of the positive range.
        counts: Vec<u64>,
        /// How many values were zero.
        zero: u64,
    },
}

/// The users or tenants who used something during one slot. Idempotent: reporting it again changes nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Users {
    /// What the sketch counts.
    pub who: IdentityKind,
    /// What they did there.
    pub role: UserRole,
    /// Where they came from; empty where it is unknown.
    pub region: Arc<str>,
    /// When the slot starts.
    pub slot: UnixNanos,
    /// How long the slot is.
    pub width: Nanos,
    /// The users or tenants.
    pub sketch: UserSketch,
}

/// What a sketch counts. A closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityKind {
    /// Users.
    User,
    /// Tenants: the customers, each of many users, of a service that serves organisations.
    Tenant,
}

/// What the users of a sketch did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserRole {
    /// They met an event that missed this objective (by name, within the service).
    Affected {
        /// The objective's name.
        slo: Arc<str>,
    },
    /// They used this request scope.
    Active {
        /// The scope's name.
        scope: Arc<str>,
    },
}

/// How a request or call ended. A closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completion {
    /// It succeeded.
    Ok,
    /// It failed.
    Failed,
    /// The caller went away before it ended: neither good nor bad. Only on requests of the SDK.
    Cancelled,
}

/// A request that a span describes.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The span's name.
    pub name: Arc<str>,
    /// When it ended.
    pub end: UnixNanos,
    /// How long it took.
    pub duration: Nanos,
    /// How it ended.
    pub completion: Completion,
    /// The user, pseudonymised at the edge.
    pub user: Option<UserHash>,
    /// The user's region.
    pub region: Option<Arc<str>>,
    /// Its span.
    pub trace: Option<Trace>,
}

/// A call to a dependency.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The dependency's name.
    pub dependency: Arc<str>,
    /// When it ended.
    pub end: UnixNanos,
    /// How long it took.
    pub duration: Nanos,
    /// How it ended.
    pub completion: Completion,
    /// How the call is known.
    pub source: CallSource,
}

/// A failed request or map operation, with its trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What failed.
    pub about: FailureAbout,
    /// The type of its error.
    pub error: Option<Arc<str>>,
    /// When it ended, how long it took, and its trace.
    pub exemplar: TracedEvent,
}

/// What failed. A closed set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureAbout {
    /// An operation on a map.
    Map {
        /// The map.
        map: Arc<str>,
        /// The operation.
        op: Arc<str>,
    },
    /// A request of this scope.
    Scope(Arc<str>),
}

/// How a call to a dependency is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallSource {
    /// A client span; senders may have sampled it.
    Span,
    /// A probe by this sidecar.
    Probe,
}

/// A change of a service, announced or seen in its telemetry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The service.
    pub service: String,
    /// The kind of change.
    pub kind: ChangeKind,
    /// The version.
    pub version: Option<String>,
    /// The commit.
    pub sha: Option<String>,
    /// When it happened.
    pub at: Timestamp,
    /// How it became known.
    pub source: ChangeSource,
    /// Who made it.
    pub author: Option<String>,
    /// Where to read about it.
    pub url: Option<String>,
}

/// What kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// A new version.
    Deploy,
    /// A new configuration.
    Config,
    /// A feature flag.
    Flag,
}

impl ChangeKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Deploy, Self::Config, Self::Flag];

    /// The label's value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Config => "config",
            Self::Flag => "flag",
        }
    }
}

/// How a change became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeSource {
    /// It was announced at `/api/v1/deploys`.
    Webhook,
    /// A new `service.version` came with the telemetry.
    Telemetry,
}

impl ChangeSource {
    /// Every source.
    pub const ALL: [Self; 2] = [Self::Webhook, Self::Telemetry];

    /// The label's value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Telemetry => "telemetry",
        }
    }
}
