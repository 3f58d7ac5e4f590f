//! The terms of an objective: its period, how events become a budget, which alerts are enabled. Comes in: an [`Slo`].
//! Goes out: what the budget stage evaluates by. Never holds an event.

use mapwarden_contract::Nanos;

use super::timeslices::TimesliceRule;
use mapwarden_objective::{Alerting, BurnTier, Indicator, Member, Method, Period, Slo};

/// The terms of an objective. By default, as for the objectives of the SDK: 30 rolling days, event by event.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    /// The time over which the target is to be kept.
    pub period: Period,
    /// How events become a budget.
    pub method: Method,
    /// The objectives that a composite is made of; empty where it counts events.
    pub members: Vec<Member>,
    /// Burn-rate tiers of its own; empty for those of the SRE workbook.
    pub tiers: Vec<BurnTier>,
    /// Which alerts are enabled.
    pub alerts: EnabledAlerts,
}

/// Which alerts of an objective are enabled. A closed set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EnabledAlerts {
    /// Pages and tickets.
    #[default]
    Both,
    /// Pages alone.
    Pages,
    /// Tickets alone.
    Tickets,
    /// No alert.
    Neither,
}

impl Terms {
    /// Returns the terms of a declaration.
    pub fn of(slo: &Slo) -> Self {
        let Alerting { page, ticket, tiers, .. } = &slo.alerting;
        let alerts = match (page.is_disabled, ticket.is_disabled) {
            (false, false) => EnabledAlerts::Both,
            (false, true) => EnabledAlerts::Pages,
            (true, false) => EnabledAlerts::Tickets,
            (true, true) => EnabledAlerts::Neither,
        };
        let members = match &slo.indicator {
            Indicator::Composite { members } => members.clone(),
            Indicator::Events { .. } | Indicator::Latency { .. } | Indicator::Queried(_) => Vec::new(),
        };
        Self { period: slo.period.clone(), method: slo.method, members, tiers: tiers.clone(), alerts }
    }

    /// How time slices are judged; none where every event counts.
    pub(super) fn timeslice_rule(&self) -> Option<TimesliceRule> {
        let of_members = || {
            let is_weighed = self.members.iter().any(|member| member.weight.is_some());
            if is_weighed { TimesliceRule::by_share() } else { TimesliceRule::whole() }
        };
        TimesliceRule::of(self.method).or_else(|| (!self.members.is_empty()).then(of_members))
    }

    /// How long the period is; for one of the calendar, what it is in round numbers: a month has 30 days, a quarter 90,
    /// a year 365. Burn rates are relative to this length.
    pub fn length(&self) -> Nanos {
        match &self.period {
            Period::Rolling(length) => *length,
            Period::Calendar(calendar) => Nanos::from_secs(86_400 * calendar.round_days()),
        }
    }
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            period: Period::DEFAULT,
            method: Method::Occurrences,
            members: Vec::new(),
            tiers: Vec::new(),
            alerts: EnabledAlerts::default(),
        }
    }
}
