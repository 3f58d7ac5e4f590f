//! One objective as it was declared, in whatever file.

use std::collections::BTreeMap;

use mapwarden_contract::Ratio;

use crate::alerting::Alerting;
use crate::indicator::Indicator;
use crate::method::Method;
use crate::origin::Origin;
use crate::period::Period;

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
