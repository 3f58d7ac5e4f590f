//! What a notice contains. Every field is here; the types of its parts are beside the evidence that fills them. A new field
//! is declared here, and the compiler names the places that fill it: `blank` and `OpenNotice::refresh` in `open_notice.rs`.

use std::sync::Arc;

use jiff::Timestamp;
use mapwarden_contract::{Nanos, Ratio};
use mapwarden_objective::Severity;
use serde::{Deserialize, Serialize};

use super::evidence::{
    DependencyHealth, ExampleTrace, FaultCost, Impact, MapEvidence, SliDelta, SpentBy, SuspectChange,
};
use super::hypothesis::Hypothesis;
use super::known::Known;
use super::trigger::{Trigger, TriggerKind};

/// A fault that an SRE can act on. Times of day are RFC 3339, durations are seconds, ratios are in [0, 1].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// A ULID: sorts by the time of opening.
    pub id: String,
    /// The objective: `service/name`.
    pub slo: String,
    /// The service.
    pub service: String,
    /// The team that is responsible, where the service sends it.
    pub team: Known<String>,
    /// Whether the fault continues.
    pub state: NoticeState,
    /// The severity of the loudest tier that fired since the notice opened.
    pub severity: Severity,
    /// One line for a pager.
    pub summary: String,
    /// When the fault began.
    pub onset: Timestamp,
    /// Half the width of the interval in which it began.
    pub onset_uncertainty: Nanos,
    /// When the notice was opened.
    pub opened: Timestamp,
    /// When its numbers were last measured.
    pub updated: Timestamp,
    /// When it was resolved.
    pub resolved: Option<Timestamp>,
    /// What opened it; none for a notice that an older version stored without it.
    #[serde(default)]
    pub trigger: Option<Trigger>,
    /// What the fault costs.
    pub budget: FaultCost,
    /// What got worse: the objective's own SLI first.
    pub slis: Vec<SliDelta>,
    /// The last changes of the service, newest first, at most three.
    pub recent_changes: Known<Vec<SuspectChange>>,
    /// Which users and tenants it affects.
    pub impact: Impact,
    /// Its bad events by version, region, map and operation.
    #[serde(default = "SpentBy::not_recorded")]
    pub spent_by: Known<SpentBy>,
    /// The health of the service's dependencies.
    pub dependencies: Known<Vec<DependencyHealth>>,
    /// The map that changed most.
    pub map: Known<MapEvidence>,
    /// Traces of single events of the fault, at most three: failures first, then the slowest.
    #[serde(default)]
    pub examples: Vec<ExampleTrace>,
    /// Possible causes, the likeliest first.
    pub hypotheses: Vec<Hypothesis>,
    /// Share of the time since the onset for which telemetry arrived.
    pub coverage: Known<Ratio>,
}

impl Notice {
    /// Whether the notice reports missing telemetry, and not a fault.
    pub(super) fn is_no_data(&self) -> bool {
        self.trigger.as_ref().is_some_and(|trigger| trigger.kind == TriggerKind::NoData)
    }

    /// Marks the notice as resolved at `now`, with the reason at the end of its summary.
    pub(super) fn resolve(&mut self, now: Timestamp, reason: &str) {
        self.state = NoticeState::Resolved;
        self.resolved = Some(now);
        self.summary.push_str(reason);
    }
}

/// Whether a fault continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoticeState {
    /// The objective is being missed.
    Open,
    /// The objective is met again.
    Resolved,
}

/// What happened to a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transition {
    /// It was opened.
    Opened,
    /// Its numbers or its severity changed.
    Updated,
    /// It was resolved.
    Resolved,
}

/// A notice to deliver to the sinks.
#[derive(Clone, Debug)]
pub struct NoticeEvent {
    /// What happened.
    pub event: Transition,
    /// The notice at that time.
    pub notice: Arc<Notice>,
}
