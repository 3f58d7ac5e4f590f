//! One objective as it was declared.

use std::collections::BTreeMap;

use mapwarden_contract::Ratio;

use crate::alerting::Alerting;
use crate::indicator::Indicator;
use crate::method::Method;
use crate::origin::Origin;
use crate::period::Period;

/// One service level objective.
#[derive(Clone, Debug, PartialEq)]
pub struct Slo {
    /// The service; for series that the sidecar holds, the value of `service.name`.
    pub service: String,
    /// The name, unique within the service.
    pub name: String,
    /// A description for readers.
    pub description: Option<String>,
    /// Labels of its series and alerts, by name.
    pub labels: BTreeMap<String, String>,
    /// The target share of good events (or of good time slices, see [`Method`]), in (0, 1).
    pub target: Ratio,
    /// What counts as an event and which events are bad.
    pub indicator: Indicator,
    /// How events become an error budget.
    pub method: Method,
    /// The time over which the target is kept.
    pub period: Period,
    /// Labels by which events are grouped, each group with a budget of its own; empty for one budget.
    pub group_by: Vec<String>,
    /// The alerts and the burn-rate tiers that raise them.
    pub alerting: Alerting,
    /// Where it was declared; none where no file declares it.
    pub origin: Option<Origin>,
}

impl Slo {
    /// Returns an objective with defaults for the rest: every event counts, over 30 rolling days, with the tiers of the
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

    /// Returns the id: `service/name`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.service, self.name)
    }
}
