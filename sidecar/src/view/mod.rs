//! Everything that can be asked, at one moment. Comes in: the stages' outputs. Goes out: an immutable [`View`]. Never
//! writes state.

mod build;
mod build_ledger;
mod build_maps;
pub mod ledger;
mod slos;
pub mod sources;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use mapwarden_contract::{BudgetFraction, BurnRate, Count, Nanos, Ratio};
use mapwarden_engine::ledger::AuditLine;
use mapwarden_engine::notice::{DependencyHealth, Known, MapFailure, Notice, Percentiles, ScopeShare};
use mapwarden_engine::observation::Change;
use mapwarden_objective::Severity;
use serde::{Deserialize, Serialize};

pub use self::build::{Facts, Judged, view};
use self::ledger::LedgerView;
pub use self::slos::Slos;
use self::sources::{Agreement, QueriedState, SourceFacts};

/// Everything that can be asked, at one moment. Serialised as it is by the admin API.
#[derive(Clone, Debug, Serialize)]
pub struct View {
    /// The moment.
    pub at: Timestamp,
    /// When the sidecar started.
    pub started: Timestamp,
    /// Every objective, by id.
    pub slos: Slos,
    /// Notices, newest first: all that are open, and the last 100 resolved.
    pub notices: Vec<Notice>,
    /// Changes, newest first, the last 100.
    pub changes: Vec<Change>,
    /// The audit log of corrections, newest first: all that act, and the last thousand.
    pub corrections: Arc<[AuditLine]>,
    /// Maps, by service and name.
    pub maps: Vec<MapView>,
    /// Request scopes, by service, scope and region.
    pub requests: Vec<RequestView>,
    /// Dependencies, by name.
    pub dependencies: Vec<DependencyHealth>,
    /// Servers that are asked for the events of objectives, in the order of the configuration.
    pub sources: Vec<SourceView>,
    /// Where budgets live.
    pub durability: Durability,
    /// How many series are held.
    pub series: u64,
    /// Points left out while aggregating, by reason; every reason is there.
    pub points_ignored: BTreeMap<String, u64>,
    /// Cumulative series that began again.
    pub counter_resets: u64,
    /// How many mandatory parts of resolved notices were filled, by part.
    pub notice_parts: BTreeMap<String, PartCount>,
    /// Notice events since the start.
    pub notice_events: NoticeEvents,
}

/// How often a mandatory part of a notice was filled with evidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartCount {
    /// It was there.
    pub present: u64,
    /// It said why it was not.
    pub missing: u64,
}

/// How many notices did what, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NoticeEvents {
    /// Opened.
    pub opened: u64,
    /// Updated.
    pub updated: u64,
    /// Resolved.
    pub resolved: u64,
}

/// Where budgets live.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Durability {
    /// In memory only: they do not outlive the sidecar.
    Memory,
    /// In a store.
    Store {
        /// The folder.
        path: String,
        /// When it was last written.
        last_commit: Option<Timestamp>,
        /// Why the last write failed, if it did.
        error: Option<String>,
    },
}

/// One server that is asked, and how it goes.
#[derive(Clone, Debug, Serialize)]
pub struct SourceView {
    /// What it is.
    #[serde(flatten)]
    pub facts: Arc<SourceFacts>,
    /// Its objectives.
    pub objectives: Vec<Arc<QueriedState>>,
    /// How our budgets compare with those of recording rules there; null where they are not compared.
    pub agreement: Option<Arc<Agreement>>,
}

/// One objective.
#[derive(Clone, Debug, Serialize)]
pub struct SloView {
    /// `service/name`.
    pub id: String,
    /// The service.
    pub service: Arc<str>,
    /// The objective's name.
    pub name: Arc<str>,
    /// The team.
    pub team: Known<Arc<str>>,
    /// `availability`, `latency`, `hit_ratio` or `freshness`.
    pub sli: &'static str,
    /// What it is about, in words: `map sessions`, `scope checkout`, `metric http.server.request.duration`.
    pub about: String,
    /// `sdk` or `config`.
    pub source: &'static str,
    /// The slowest good event of a latency objective, the oldest good last write of a freshness objective.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Nanos>,
    /// The promised share of good events.
    pub target: Ratio,
    /// The budget's period; of the calendar in round numbers.
    pub period: Nanos,
    /// When the next period begins with a budget of its own; only for a period of the calendar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period_until: Option<Timestamp>,
    /// When it was first measured.
    pub since: Timestamp,
    /// Good events since then.
    pub good: Count,
    /// All events since then.
    pub total: Count,
    /// What is left of the budget.
    pub remaining: Known<BudgetFraction>,
    /// When it is spent.
    pub exhausted_in: Known<Nanos>,
    /// The windows, shortest first.
    pub windows: Vec<WindowView>,
    /// The tiers, loudest first.
    pub tiers: Vec<TierView>,
    /// The notice that is open for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// The budget raw and corrected, the forecast, maintenance.
    #[serde(flatten)]
    pub ledger: LedgerView,
}

/// One window of one objective.
#[derive(Clone, Debug, Serialize)]
pub struct WindowView {
    /// Its length: `5m`, `30d`.
    pub window: Cow<'static, str>,
    /// Good events.
    pub good: Count,
    /// Bad events.
    pub bad: Count,
    /// Bad of all; null where nothing was measured.
    pub error_ratio: Option<Ratio>,
    /// Error ratio over what is allowed; null where nothing was measured.
    pub burn_rate: Option<BurnRate>,
    /// Share of the window, since the objective is known, for which telemetry arrived.
    pub coverage: Option<Ratio>,
    /// How much of the window telemetry accounts for.
    #[serde(skip)]
    pub covered: Nanos,
    /// How long the window is.
    #[serde(skip)]
    pub length: Nanos,
}

/// One tier of one objective.
#[derive(Clone, Debug, Serialize)]
pub struct TierView {
    /// `quick_page` to `slow_ticket`; one's own are called by what they are, `page_1h_5m`.
    pub tier: Cow<'static, str>,
    /// Page or ticket.
    pub severity: Severity,
    /// The burn rate above which it fires.
    pub factor: f64,
    /// The long window.
    pub long: Cow<'static, str>,
    /// The short window.
    pub short: Cow<'static, str>,
    /// Whether the target leaves room for it to fire at all.
    pub can_fire: bool,
    /// Whether it fires.
    pub is_firing: bool,
    /// Whether it fires and a louder or faster tier does, too, which alone is told outside.
    pub is_inhibited: bool,
}

/// One map.
#[derive(Clone, Debug, Serialize)]
pub struct MapView {
    /// The service.
    pub service: String,
    /// The map's name.
    pub name: String,
    /// Entries, as last told.
    pub entries: Known<u64>,
    /// Entries beyond which it takes no new key.
    pub max_entries: Known<u64>,
    /// Entries of those that it takes at most.
    pub full: Known<Ratio>,
    /// When it was last written; of several processes, by the one that is furthest behind.
    pub last_write: Known<Timestamp>,
    /// The longest time for which guards kept it from freeing what was removed, as told in the last minute.
    pub guard_held: Known<Nanos>,
    /// Closure retries since it is known.
    pub retries: Count,
    /// Operations a second over the last minute.
    pub rate: f64,
    /// How the work of the last minute divides, estimated from the operations that are timed.
    pub work: Known<WorkView>,
    /// Failed operations since it is known, by operation and type of error.
    pub failures: Vec<MapFailure>,
    /// Every operation that happened.
    pub operations: Vec<OperationView>,
}

/// How the work on a map divides over the last minute.
#[derive(Clone, Debug, Serialize)]
pub struct WorkView {
    /// Operations on single keys, estimated: what the shares are of.
    pub sampled: Count,
    /// The hottest keys, at most ten.
    pub hot_keys: Vec<KeyView>,
    /// By request scope, the busiest first; the empty scope is outside of every one.
    pub scopes: Vec<ScopeShare>,
}

/// One hot key.
#[derive(Clone, Debug, Serialize)]
pub struct KeyView {
    /// Its pseudonym, or what the map's `display_key` makes of it.
    pub key: String,
    /// Its share of the operations on single keys.
    pub share: Ratio,
    /// Its operations, estimated.
    pub operations: Count,
}

/// One operation of one map.
#[derive(Clone, Debug, Serialize)]
pub struct OperationView {
    /// The operation.
    pub op: String,
    /// Count by outcome since it is known, zeros included.
    pub outcomes: BTreeMap<String, Count>,
    /// The median over the last 5 minutes.
    pub p50: Known<Nanos>,
    /// The 95th and 99th percentile over the last 5 minutes.
    pub tail: Known<Percentiles>,
}

/// Requests of one scope from one region.
#[derive(Clone, Debug, Serialize)]
pub struct RequestView {
    /// The service.
    pub service: String,
    /// The scope.
    pub scope: String,
    /// The region, empty where it was not told.
    pub region: String,
    /// Requests that succeeded, since it is known.
    pub ok: Count,
    /// Requests that failed, since it is known.
    pub failed: Count,
    /// Requests that whoever asked gave up, since it is known.
    pub cancelled: Count,
    /// Requests that succeeded or failed, a second over the last minute.
    pub rate: f64,
    /// The median over the last 5 minutes.
    pub p50: Known<Nanos>,
    /// The 95th and 99th percentile over the last 5 minutes.
    pub tail: Known<Percentiles>,
}
