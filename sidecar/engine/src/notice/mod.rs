//! What comes in: windows, budgets, changes. What goes out: [`Notice`]s, opened, updated and resolved. Never
//! gives a number without its evidence: a part that could not be measured says why.

mod alone;
mod engine;
mod evidence;
mod onset;
mod open;
mod patterns;
pub mod sample;
mod silence;
mod trigger;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use mapwarden_contract::{BudgetFraction, Count, Nanos, Ratio};
use serde::{Deserialize, Serialize};

pub use self::engine::{Counters, Kept, KeptCrowd, Notices};
pub use self::evidence::health;
pub use self::evidence::{SpentBy, SpentShare};
use crate::observation::{ChangeKind, ChangeSource};
use mapwarden_objective::Severity;

/// A value, or the reason why there is none. As JSON the value itself, or `{"missing": "reason"}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Known<T> {
    /// The reason, lower case, no full stop.
    Missing {
        /// Why it is not known.
        missing: String,
    },
    /// It was measured.
    Value(T),
}

impl<T> Known<T> {
    /// Says why a value is not known.
    pub fn missing(reason: impl Into<String>) -> Self {
        Self::Missing { missing: reason.into() }
    }

    /// The value, where it is known.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Missing { .. } => None,
            Self::Value(value) => Some(value),
        }
    }
}

/// A fault that an SRE can act on. Times of day are RFC 3339, spans are seconds, ratios are in [0, 1].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// A ULID: sorts by the time of opening.
    pub id: String,
    /// The objective: `service/name`.
    pub slo: String,
    /// The service.
    pub service: String,
    /// Who is responsible, where the service told it.
    pub team: Known<String>,
    /// Whether it still goes on.
    pub state: State,
    /// How loud it is: the loudest tier that fired since it opened.
    pub severity: Severity,
    /// One line for a pager.
    pub summary: String,
    /// When the fault began.
    pub onset: Timestamp,
    /// Half the width of the interval in which it began.
    pub onset_uncertainty: Nanos,
    /// When the notice was opened.
    pub opened: Timestamp,
    /// When its numbers were last taken.
    pub updated: Timestamp,
    /// When it was resolved.
    pub resolved: Option<Timestamp>,
    /// What opened it; none for one of a store that was written before this was told.
    #[serde(default)]
    pub trigger: Option<Trigger>,
    /// What it costs.
    pub budget: Budget,
    /// What got worse: the objective's own SLI first.
    pub slis: Vec<SliDelta>,
    /// The last changes of the service, newest first, at most three.
    pub recent_changes: Known<Vec<SuspectChange>>,
    /// Who met it.
    pub impact: Impact,
    /// Whose its bad events are.
    #[serde(default = "SpentBy::untold")]
    pub spent_by: Known<SpentBy>,
    /// How the service's dependencies are.
    pub dependencies: Known<Vec<DependencyHealth>>,
    /// The map that changed most.
    pub map: Known<MapEvidence>,
    /// Traces of single events of it, at most three: failures first, then the slowest.
    #[serde(default)]
    pub examples: Vec<ExampleTrace>,
    /// What may be behind it, the likeliest first.
    pub hypotheses: Vec<Hypothesis>,
    /// Share of the time since the onset for which telemetry arrived.
    pub coverage: Known<Ratio>,
}

/// Whether a notice still goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The objective is being missed.
    Open,
    /// It is kept again.
    Resolved,
}

/// What opened a notice, or made it as loud as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trigger {
    /// Which test.
    pub kind: TriggerKind,
    /// What it saw, in words.
    pub why: String,
    /// The first burn-rate tier of the notice's severity that fired; none where none has.
    pub tier: Option<String>,
    /// What the sequential test saw; only where it opened the notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rise: Option<RiseEvidence>,
}

/// Which test opened a notice. A closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TriggerKind {
    /// A burn-rate tier.
    Tier,
    /// The sequential test, which needs no window to fill.
    Sequential,
    /// Telemetry ended: nothing is known to be wrong, nor to be right.
    NoData,
}

/// What the sequential test saw when it opened a notice.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RiseEvidence {
    /// The e-value: were nothing wrong, it would be this large once in so many seconds at most.
    pub e_value: f64,
    /// The error ratio up to which nothing would have been wrong.
    pub limit: Ratio,
    /// When the evidence began to grow.
    pub since: Timestamp,
    /// Bad events since then.
    pub bad: Count,
    /// All events since then.
    pub total: Count,
    /// How many failures in a row, on average, would have been nothing new; notices of older versions took each to come
    /// by itself.
    #[serde(default = "one")]
    pub run: f64,
}

const fn one() -> f64 {
    1.0
}

/// What a fault costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// The objective's target.
    pub target: Ratio,
    /// The share of the period's budget that is left.
    pub remaining: Known<BudgetFraction>,
    /// The share of the period's budget that bad events since the onset took; above 1 when it took more.
    pub spent_by_this: Known<f64>,
    /// When the budget is spent if it goes on like this.
    pub exhausted_in: Known<Nanos>,
    /// How long the objective has been measured: a budget of 30 days is only that once this is 30 days.
    pub known_for: Nanos,
}

/// How an SLI changed. For a ratio, values are ratios; for a latency, seconds. The events of a freshness are seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SliDelta {
    /// `availability`, `latency`, `hit_ratio`, `freshness`, or `latency_p95`.
    pub name: String,
    /// What the values are.
    pub unit: SliUnit,
    /// The value before the onset.
    pub baseline: Known<f64>,
    /// The value since the onset.
    pub current: Known<f64>,
    /// `current - baseline`.
    pub delta: Known<f64>,
    /// Good events since the onset; only on ratios.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub good: Option<Count>,
    /// All events since the onset.
    pub total: Count,
    /// 95 % Wilson score interval of `current`; only on ratios.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<(Ratio, Ratio)>,
}

/// What the values of an SLI are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SliUnit {
    /// A share of events.
    Ratio,
    /// A time.
    Seconds,
}

/// A change of the service, and how suspicious it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SuspectChange {
    /// The commit.
    pub sha: Known<String>,
    /// The version.
    pub version: Known<String>,
    /// What kind of change.
    pub kind: ChangeKind,
    /// When.
    pub at: Timestamp,
    /// How long before the onset, in seconds; negative when it came after.
    pub before_onset: f64,
    /// How it became known.
    pub source: ChangeSource,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Where to read about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// A score, never an assertion.
    pub suspicion: Suspicion,
    /// The score in [0, 1].
    pub score: f64,
    /// What the score rests on.
    pub why: String,
}

/// A score in words: low below 0.4, high from 0.7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Suspicion {
    /// Below 0.4.
    Low,
    /// Between.
    Medium,
    /// 0.7 and above.
    High,
}

/// Who met a fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Impact {
    /// How many different users met a bad event since `since`.
    pub affected_users: Known<u64>,
    /// 95 % interval of that number, a point while exact.
    pub interval: Known<(u64, u64)>,
    /// Affected users of all users seen in the same time.
    pub share_of_active: Known<Ratio>,
    /// How many different tenants met a bad event in the same time.
    #[serde(default = "Impact::tenants_untold")]
    pub affected_tenants: Known<u64>,
    /// 95 % interval of that number, a point while exact; only where tenants are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenants_interval: Option<(u64, u64)>,
    /// Affected tenants of all tenants seen in the same time; only where tenants are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_of_active_tenants: Option<Ratio>,
    /// Share of the bad events by region, largest first in the rendered forms.
    pub regions: Known<BTreeMap<String, Ratio>>,
    /// How slow it was since the onset, for all requests of the affected scope.
    pub latency: Known<Percentiles>,
    /// From when users were counted: the start of the slot that holds the onset.
    pub since: Timestamp,
    /// Until when: the end of the slot that holds the last moment at which the fault went on.
    pub until: Timestamp,
    /// Whose events were counted.
    pub basis: String,
}

impl Impact {
    fn tenants_untold() -> Known<u64> {
        Known::missing("the service tells no tenants")
    }
}

/// Percentiles in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// The 95th.
    pub p95: Nanos,
    /// The 99th.
    pub p99: Nanos,
}

/// How a dependency is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DependencyHealth {
    /// Its name.
    pub name: String,
    /// In a word.
    pub health: Health,
    /// Failed calls and probes of all in the last minute.
    pub error_ratio: Known<Ratio>,
    /// The 99th percentile of their time.
    pub p99: Known<Nanos>,
    /// How long ago the last one ended.
    pub checked: Known<Nanos>,
    /// What is counted: `probe`, `calls` or `spans`, joined by ` + `.
    pub source: String,
}

/// A dependency's health in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Fewer than 1 % fail.
    Healthy,
    /// 1 % or more fail.
    Degraded,
    /// Half or more fail.
    Down,
    /// Nothing was seen in the last minute.
    Unknown,
}

/// What a map did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MapEvidence {
    /// The map's name.
    pub name: String,
    /// The share of the operations on single keys that the hottest key takes since the onset.
    pub hot_key_share: Known<Ratio>,
    /// That key, and what its share rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hot_key: Option<HotKey>,
    /// The request scopes that use the map most since the onset, at most three.
    #[serde(default)]
    pub scopes: Vec<ScopeShare>,
    /// Operations on single keys since the onset, estimated: what the hot key and the scopes are shares of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampled: Option<Count>,
    /// What failed since the onset, by operation and type of error, the most frequent first, at most three.
    #[serde(default)]
    pub failures: Vec<MapFailure>,
    /// Entries of those that it takes at most; only where it is bounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full: Option<Ratio>,
    /// How the number of entries changes, per hour, relative to before: 3.4 is +340 %/h.
    pub entries: Known<f64>,
    /// Retries and conflicts a second, as a multiple of before.
    pub conflicts: Known<f64>,
    /// How long its last write lay back at most since the onset; only where the service tells of writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_write: Option<Nanos>,
    /// What changed most: an outcome's share of its operation before and since the onset.
    pub shifts: Vec<OutcomeShift>,
}

/// The key that most operations ask for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HotKey {
    /// Its pseudonym, or what the map's `display_key` makes of it.
    pub key: String,
    /// Operations on it since the onset, estimated.
    pub operations: Count,
    /// Its share in the hour before the onset.
    pub baseline: Known<Ratio>,
    /// The share of whichever key was the hottest then: a key has another pseudonym in processes that share no key
    /// for pseudonyms, and another name where the map does not hold it.
    pub hottest_before: Known<Ratio>,
    /// How the operations were counted.
    pub basis: String,
}

/// A request scope's share of the operations on a map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScopeShare {
    /// The scope; empty is outside of every one.
    pub scope: String,
    /// Its share of the operations on single keys.
    pub share: Ratio,
    /// Its operations, estimated.
    pub operations: Count,
}

/// Operations of a map that failed alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapFailure {
    /// The operation.
    pub op: String,
    /// The type of the error, or `panic`.
    pub error_type: String,
    /// How many, every one counted.
    pub count: Count,
}

/// How the share of one outcome changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutcomeShift {
    /// The operation.
    pub op: String,
    /// The outcome.
    pub outcome: String,
    /// Its share before the onset.
    pub baseline: Ratio,
    /// Its share since the onset.
    pub current: Ratio,
}

/// One event of a fault that a trace tells about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExampleTrace {
    /// The trace, 32 hexadecimal digits.
    pub trace_id: String,
    /// The span in it, 16 hexadecimal digits.
    pub span_id: String,
    /// When it ended.
    pub at: Timestamp,
    /// How long it took.
    pub duration: Nanos,
    /// What it was: `request checkout`, `get of sessions`, a span's or a metric's name.
    pub what: String,
    /// Why it is an example: `failed: timeout`, `slow or failed`, `slow`.
    pub why: String,
}

/// What may be behind a fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hypothesis {
    /// The pattern's name, e.g. `bad-deploy`.
    pub pattern: String,
    /// How well the evidence fits, in [0, 1].
    pub score: f64,
    /// The evidence for it.
    pub supports: Vec<String>,
    /// What would speak against it.
    pub would_refute: Vec<String>,
}

/// What happened to a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// It was opened.
    Opened,
    /// Its numbers or its severity moved.
    Updated,
    /// It was resolved.
    Resolved,
}

/// A notice that sinks are to be told of.
#[derive(Clone, Debug)]
pub struct NoticeEvent {
    /// What happened.
    pub event: Event,
    /// The notice as it was then.
    pub notice: Arc<Notice>,
}
