//! Servers that are asked, and how it goes. Comes in: what the sources publish. Goes out: the same, for whoever shows it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use mapwarden_contract::Nanos;
use serde::Serialize;
use tokio::sync::watch;

/// How one objective's queries go.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueriedState {
    /// The objective's id.
    pub slo: String,
    /// The service.
    pub service: String,
    /// Whether the server's samples are counted here, so that every event counts; else the server's own increases, shares
    /// or values are taken.
    pub is_exact: bool,
    /// The end of the last step that the server was asked for and answered, with or without data.
    pub answered_until: Option<Timestamp>,
    /// The end of the last step for which there was data.
    pub measured_until: Option<Timestamp>,
    /// What keeps the next step from being taken.
    pub trouble: Option<Trouble>,
}

/// Something that does not work.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trouble {
    /// Since when.
    pub since: Timestamp,
    /// What it is.
    pub message: String,
}

/// One comparison of our numbers with those of the rules that a server evaluates.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Agreement {
    /// The moment for which both are.
    pub at: Option<Timestamp>,
    /// By how much the budgets may differ.
    pub resolution: f64,
    /// Why the server could not be asked, if it could not.
    pub trouble: Option<Trouble>,
    /// By objective's id.
    pub objectives: BTreeMap<String, Agreed>,
}

/// The numbers of one objective, ours and theirs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Agreed {
    /// The service.
    pub service: String,
    /// The budget that is left.
    pub budget: Pair,
    /// Error ratios by window.
    pub error_ratios: BTreeMap<String, Pair>,
}

/// One number, as two measured it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Pair {
    /// As the sidecar says; none where it did not measure it.
    pub sidecar: Option<f64>,
    /// As the rules say; none where the server has no such series.
    pub rules: Option<f64>,
}

impl Pair {
    /// Ours less theirs; none where one of them is not known.
    pub fn difference(self) -> Option<f64> {
        Some(self.sidecar? - self.rules?)
    }
}

/// What a source is, beside how it goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceFacts {
    /// Its name.
    pub name: String,
    /// Where it is asked.
    pub url: String,
    /// How long a step is.
    pub every: Nanos,
    /// How old a step must be to be asked for.
    pub staleness: Nanos,
    /// How far back missed steps are made up for.
    pub reach: Nanos,
}

/// A source as its tasks publish it: each objective, and the comparison, renews its own part.
#[derive(Clone, Debug)]
pub struct SourceBoard {
    /// What it is.
    pub facts: Arc<SourceFacts>,
    /// Its objectives.
    pub objectives: Vec<watch::Receiver<Arc<QueriedState>>>,
    /// The comparison, where there is to be one.
    pub agreement: Option<watch::Receiver<Arc<Agreement>>>,
}
