//! The sources of a view: servers that are queried. Comes in: what the tasks of each source publish. Goes out: a
//! [`SourceView`] per source.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use mapwarden_contract::Nanos;
use serde::Serialize;
use tokio::sync::watch;

/// The state of the queries for one objective.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueriedState {
    /// The objective's id.
    pub slo: String,
    /// The service.
    pub service: String,
    /// Whether the sidecar counts the server's samples, so that every event counts; otherwise it takes increases,
    /// shares or values that the server computes.
    pub is_exact: bool,
    /// The end of the last step that the server answered, with or without data.
    pub answered_until: Option<Timestamp>,
    /// The end of the last step for which there was data.
    pub measured_until: Option<Timestamp>,
    /// Why the next step cannot be taken.
    pub trouble: Option<SourceTrouble>,
}

/// A problem that lasts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SourceTrouble {
    /// Since when.
    pub since: Timestamp,
    /// What the problem is.
    pub message: String,
}

/// A comparison of the sidecar's numbers with those of the recording rules that a server evaluates.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Agreement {
    /// The point in time of both.
    pub at: Option<Timestamp>,
    /// By how much the budgets may differ.
    pub resolution: f64,
    /// Why the server did not answer, if it did not.
    pub trouble: Option<SourceTrouble>,
    /// By objective's id.
    pub objectives: BTreeMap<String, ObjectiveAgreement>,
}

/// The compared numbers of one objective.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ObjectiveAgreement {
    /// The service.
    pub service: String,
    /// The budget that is left.
    pub budget: ComparedNumber,
    /// Error ratios by window.
    pub error_ratios: BTreeMap<String, ComparedNumber>,
}

/// One number, as the sidecar and the rules measured it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ComparedNumber {
    /// The sidecar's; none where it measured none.
    pub sidecar: Option<f64>,
    /// The rules'; none where the server has no such series.
    pub rules: Option<f64>,
}

impl ComparedNumber {
    /// Returns the sidecar's number minus the rules'; none where one is not known.
    pub fn difference(self) -> Option<f64> {
        Some(self.sidecar? - self.rules?)
    }
}

/// What a source is; it does not change while the sidecar runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceFacts {
    /// Its name.
    pub name: String,
    /// Its base URL.
    pub url: String,
    /// How long a step is.
    pub every: Nanos,
    /// How old a step must be to be queried.
    pub staleness: Nanos,
    /// How far back missed steps are queried later.
    pub reach: Nanos,
}

/// What the tasks of a source publish: each objective and the comparison has a channel of its own.
#[derive(Clone, Debug)]
pub struct SourceBoard {
    /// What it is.
    pub facts: Arc<SourceFacts>,
    /// Its objectives.
    pub objectives: Vec<watch::Receiver<Arc<QueriedState>>>,
    /// The comparison, where one is configured.
    pub agreement: Option<watch::Receiver<Arc<Agreement>>>,
}

/// One server that is queried, and the state of its queries.
#[derive(Clone, Debug, Serialize)]
pub struct SourceView {
    /// What it is.
    #[serde(flatten)]
    pub facts: Arc<SourceFacts>,
    /// Its objectives.
    pub objectives: Vec<Arc<QueriedState>>,
    /// How the sidecar's budgets compare with those of recording rules there; null where they are not compared.
    pub agreement: Option<Arc<Agreement>>,
}

pub(super) fn source(board: &SourceBoard) -> SourceView {
    SourceView {
        facts: board.facts.clone(),
        objectives: board.objectives.iter().map(|state| state.borrow().clone()).collect(),
        agreement: board.agreement.as_ref().map(|agreement| agreement.borrow().clone()),
    }
}
