//! When a burning budget raises an alert, and what the alert carries.

use std::collections::BTreeMap;

use mapwarden_contract::{Count, Nanos};

use crate::severity::Severity;

/// The fewest bad events in a window for which an alert is raised. Lowered to 1, one failure at one request a minute
/// pages for a 99.9 % objective; raised, a total outage at that rate is found that many minutes later.
pub const MIN_BAD: Count = Count::new(5);

/// The alerts of an objective, as files of Sloth and OpenSLO describe them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alerting {
    /// The name of the alerts; none where it is derived from the name of the objective.
    pub name: Option<String>,
    /// Labels of every alert.
    pub labels: BTreeMap<String, String>,
    /// Annotations of every alert.
    pub annotations: BTreeMap<String, String>,
    /// The alert that wakes the person on call.
    pub page: Alert,
    /// The alert that waits for working hours.
    pub ticket: Alert,
    /// The burn-rate tiers; empty for those of the SRE workbook, scaled to the period.
    pub tiers: Vec<BurnTier>,
}

impl Alerting {
    /// Returns the alert of a severity.
    pub const fn alert(&self, severity: Severity) -> &Alert {
        match severity {
            Severity::Page => &self.page,
            Severity::Ticket => &self.ticket,
        }
    }

    /// Returns the alert of a severity, to change it.
    pub const fn alert_mut(&mut self, severity: Severity) -> &mut Alert {
        match severity {
            Severity::Page => &mut self.page,
            Severity::Ticket => &mut self.ticket,
        }
    }
}

/// The alerts of one severity.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alert {
    /// Whether the alert is never raised.
    pub is_disabled: bool,
    /// Labels in addition to those of every alert.
    pub labels: BTreeMap<String, String>,
    /// Annotations in addition to those of every alert.
    pub annotations: BTreeMap<String, String>,
    /// How long the condition must hold before the alert is raised; zero for at once. The windows of the tiers add to
    /// it.
    pub after: Nanos,
}

/// One burn-rate tier.
#[derive(Clone, Debug, PartialEq)]
pub struct BurnTier {
    /// Whether the tier raises a page or a ticket.
    pub severity: Severity,
    /// The long window, which shows that the burn is significant.
    pub long: Nanos,
    /// The short window, which shows that the burn still goes on.
    pub short: Nanos,
    /// The burn rate above which the tier fires.
    pub factor: f64,
}

impl BurnTier {
    /// Whether the tier can fire where this share of events may be bad: while everything fails, the burn rate is 1 over
    /// that share, and the tier fires above its factor.
    pub fn can_fire(&self, allowed: f64) -> bool {
        self.factor * allowed < 1.0
    }
}

/// The tiers of the SRE workbook, chapter 5: severity, share of the budget of the period, long and short window in
/// seconds.
const WORKBOOK: [(Severity, f64, u64, u64); 4] = [
    (Severity::Page, 0.02, 3_600, 300),
    (Severity::Page, 0.05, 21_600, 1_800),
    (Severity::Ticket, 0.1, 86_400, 7_200),
    (Severity::Ticket, 0.1, 259_200, 21_600),
];

/// Returns the tiers of the SRE workbook, loudest first, for an objective that declares none. Each spends the same
/// share of the budget in the same windows for every period, so that only the factor depends on the period.
pub fn workbook(period: Nanos) -> [BurnTier; 4] {
    WORKBOOK.map(|(severity, share, long, short)| {
        let [long, short] = [long, short].map(Nanos::from_secs);
        BurnTier { severity, long, short, factor: share * period.as_secs_f64() / long.as_secs_f64() }
    })
}
