//! Everything that the sidecar knows at one moment. Comes in: the stages' outputs. Goes out: an immutable [`View`],
//! which the admin API serialises as it is. Never writes state.

mod attribution;
mod forecast;
mod ledger;
mod maps;
mod objectives;
mod recent;
mod requests;
mod sidecar;
mod sources;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use mapwarden_engine::aggregate::{WindowView, timestamp};
use mapwarden_engine::ledger::AuditLine;
use mapwarden_engine::notice::{DependencyHealth, Notice, Notices, health};
use mapwarden_engine::observation::Change;
use serde::Serialize;

pub use self::attribution::{AttributionView, ShareView};
pub use self::forecast::{BurnView, ForecastView, ScenarioView};
pub use self::ledger::{
    BudgetView, CorrectedBudget, ExcludedView, IntervalView, LedgerView, MaintenanceView, RawBudget,
};
pub use self::maps::{KeyView, MapView, OperationView, WorkView};
pub use self::objectives::{Evaluation, SloView, SloWindow, Slos, TierView};
pub use self::requests::RequestView;
pub use self::sidecar::{Durability, NoticeEvents, PartCount, SidecarFacts};
pub use self::sources::{
    Agreement, ComparedNumber, ObjectiveAgreement, QueriedState, SourceBoard, SourceFacts, SourceTrouble,
    SourceView,
};

use self::maps::map_view;
use self::requests::request;
use self::sources::source;

/// How many changes are shown.
const CHANGES: usize = 100;

/// Everything that the sidecar knows at one moment.
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
    /// The audit log of corrections, newest first: all that are active, and the last thousand.
    pub corrections: Arc<[AuditLine]>,
    /// Maps, by service and name.
    pub maps: Vec<MapView>,
    /// Request scopes, by service, scope and region.
    pub requests: Vec<RequestView>,
    /// Dependencies, by name.
    pub dependencies: Vec<DependencyHealth>,
    /// Servers that are queried for the events of objectives, in the order of the configuration.
    pub sources: Vec<SourceView>,
    /// Where budgets live.
    pub durability: Durability,
    /// How many series are held.
    pub series: u64,
    /// Points left out while aggregating, by reason; every reason has an entry.
    pub points_ignored: BTreeMap<String, u64>,
    /// How many times a cumulative series started again from 0.
    pub counter_resets: u64,
    /// How many mandatory parts of resolved notices were filled, by part.
    pub notice_parts: BTreeMap<String, PartCount>,
    /// Notice events since the start.
    pub notice_events: NoticeEvents,
}

/// Builds the view of the moment at which the aggregate is `known`.
pub fn view(
    known: &WindowView<'_>,
    evaluation: Evaluation,
    notices: &Notices,
    facts: SidecarFacts<'_>,
) -> View {
    let counters = notices.counters();
    let parts = counters.parts.iter().map(|(part, (present, missing))| {
        ((*part).to_owned(), PartCount { present: *present, missing: *missing })
    });
    View {
        at: timestamp(known.now),
        started: facts.started,
        slos: Slos::new(known, evaluation, notices),
        notices: notices.all(),
        changes: known.changes().take(CHANGES).cloned().collect(),
        corrections: facts.corrections,
        maps: known.maps().map(|(key, map)| map_view(key, map, known)).collect(),
        requests: known.requests().map(|(key, traffic)| request(key, traffic, known)).collect(),
        dependencies: known
            .dependencies()
            .map(|(name, dependency)| health(name, dependency, known))
            .collect(),
        sources: facts.sources.iter().map(source).collect(),
        durability: facts.durability,
        series: u64::try_from(known.series()).unwrap_or(u64::MAX),
        points_ignored: known.ignored().map(|(reason, count)| (reason.name().to_owned(), count)).collect(),
        counter_resets: known.resets(),
        notice_parts: parts.collect(),
        notice_events: NoticeEvents {
            opened: counters.opened,
            updated: counters.updated,
            resolved: counters.resolved,
        },
    }
}
