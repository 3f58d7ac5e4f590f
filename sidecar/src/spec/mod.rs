//! What an objective promises, whatever file or process it was declared in. Comes in: documents and declarations. Goes
//! out: [`Slo`]s, which the sidecar evaluates and of which rules for Prometheus are written. Never reads telemetry.

mod alerting;
mod indicator;
mod period;
mod plan;
mod source;

pub(crate) mod budgeting;
mod document;
mod duration;
mod field;
mod files;
mod load;
mod openslo;
mod query;
mod scan;
mod sloth;
mod spelling;
mod verify;
pub(crate) mod window;

pub use self::alerting::{Alert, Alerting, BurnTier};
pub(crate) use self::alerting::{MIN_BAD, workbook};
pub(crate) use self::field::is_label;
pub use self::indicator::{
    Comparison, Expression, Indicator, Judged, Matcher, Member, Queried, Queries, Selector,
};
pub use self::load::{Loaded, is_slo_file, load, load_text};
pub(crate) use self::period::parse_period;
pub use self::period::{Calendar, CalendarUnit, Period};
pub(crate) use self::plan::{Amount, Plan};
pub use self::source::DataSource;
pub(crate) use self::spelling::Spelling;

use std::collections::BTreeMap;

use mapwarden::contract::{Nanos, Ratio};

use crate::yaml::Origin;

/// One objective.
#[derive(Clone, Debug, PartialEq)]
pub struct Slo {
    /// The service; for series that the sidecar holds, their `service.name`.
    pub service: String,
    /// The name, unique within the service.
    pub name: String,
    /// What it is for, in its owner's words.
    pub description: Option<String>,
    /// Labels that its series and alerts carry, by name.
    pub labels: BTreeMap<String, String>,
    /// The promised share of good events (or of good slices, see [`Method`]), in (0, 1).
    pub target: Ratio,
    /// What counts as an event and which are bad.
    pub indicator: Indicator,
    /// How events become a budget.
    pub method: Method,
    /// The time over which the promise is kept.
    pub period: Period,
    /// Labels by which it is told apart, each group with a budget of its own; empty for one budget.
    pub group_by: Vec<String>,
    /// Who is told, and when.
    pub alerting: Alerting,
    /// Where it was written; none where no file has it.
    pub origin: Option<Origin>,
}

/// How events become a budget. A closed set, by the names of OpenSLO v1's `budgetingMethod`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// Every event counts: the budget is a number of bad events.
    Occurrences,
    /// Every slice of time counts once, good where at least this share of its events was: the budget is a number of bad
    /// slices.
    Timeslices {
        /// How long a slice is.
        slice: Nanos,
        /// The share of good events at or above which a slice is good.
        target: Ratio,
    },
    /// Every slice of time counts once, by its share of good events: the budget is a sum of shares.
    RatioTimeslices {
        /// How long a slice is.
        slice: Nanos,
    },
}

impl Slo {
    /// An objective that says nothing but what it must: every event counts, over 30 rolling days, with the tiers of the
    /// SRE workbook.
    pub fn new(
        service: impl Into<String>,
        name: impl Into<String>,
        target: Ratio,
        indicator: Indicator,
    ) -> Self {
        Self {
            service: service.into(),
            name: name.into(),
            description: None,
            labels: BTreeMap::new(),
            target,
            indicator,
            method: Method::Occurrences,
            period: Period::default(),
            group_by: Vec::new(),
            alerting: Alerting::default(),
            origin: None,
        }
    }

    /// The id: `service/name`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.service, self.name)
    }
}
