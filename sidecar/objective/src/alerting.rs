//! Who is told that a budget burns, and when.

use std::collections::BTreeMap;

use mapwarden_contract::{Count, Nanos};

use crate::severity::Severity;

/// How many bad events there must be before anybody is told. Lowered to 1, one failure at one request a minute pages for
/// a 99.9 % objective; raised, a total outage at that rate is found that many minutes later.
pub const MIN_BAD: Count = Count::new(5);

/// The alerts of an objective, as Sloth's and OpenSLO's files describe them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alerting {
    /// The alerts' name; none for one that is made of the objective's.
    pub name: Option<String>,
    /// Labels of every alert.
    pub labels: BTreeMap<String, String>,
    /// Annotations of every alert.
    pub annotations: BTreeMap<String, String>,
    /// What wakes somebody.
    pub page: Alert,
    /// What somebody looks at during the day.
    pub ticket: Alert,
    /// The burn-rate tiers; empty for those of the SRE workbook, scaled to the period.
    pub tiers: Vec<BurnTier>,
}

impl Alerting {
    /// The alert of a severity.
    pub const fn alert(&self, severity: Severity) -> &Alert {
        match severity {
            Severity::Page => &self.page,
            Severity::Ticket => &self.ticket,
        }
    }

    /// The alert of a severity, to change it.
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
    /// Whether it is never raised.
    pub is_disabled: bool,
    /// Labels beside those of every alert.
    pub labels: BTreeMap<String, String>,
    /// Annotations beside those of every alert.
    pub annotations: BTreeMap<String, String>,
    /// For how long the condition must hold before it is raised, beside what the windows ask; zero for at once.
    pub after: Nanos,
}

/// One burn-rate tier of one's own.
#[derive(Clone, Debug, PartialEq)]
pub struct BurnTier {
    /// What it raises: a page or a ticket.
    pub severity: Severity,
    /// The window that says that the burn is significant.
    pub long: Nanos,
    /// The window that says that it still goes on.
    pub short: Nanos,
    /// The burn rate above which it fires.
    pub factor: f64,
}

/// The tiers of the SRE workbook, chapter 5: the severity, the share of the period's budget, the long and the short window in
/// seconds.
const WORKBOOK: [(Severity, f64, u64, u64); 4] = [
    (Severity::Page, 0.02, 3_600, 300),
    (Severity::Page, 0.05, 21_600, 1_800),
    (Severity::Ticket, 0.1, 86_400, 7_200),
    (Severity::Ticket, 0.1, 259_200, 21_600),
];

/// The tiers of an objective that has none of its own, loudest first: those of the SRE workbook, which spend the same share of
/// the budget in the same windows whatever the period is.
pub fn workbook(period: Nanos) -> [BurnTier; 4] {
    WORKBOOK.map(|(severity, share, long, short)| {
        let [long, short] = [long, short].map(Nanos::from_secs);
        BurnTier { severity, long, short, factor: share * period.as_secs_f64() / long.as_secs_f64() }
    })
}
