//! Who is told that a budget burns, and when.

use std::collections::BTreeMap;

use mapwarden::contract::{Count, Nanos};

/// How many bad events there must be before anybody is told. Lowered to 1, one failure at one request a minute pages for
/// a 99.9 % objective; raised, a total outage at that rate is found that many minutes later.
pub(crate) const MIN_BAD: Count = Count::new(5);

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

/// One kind of alert.
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
    /// Whether it pages; else it makes a ticket.
    pub is_page: bool,
    /// The window that says that the burn is significant.
    pub long: Nanos,
    /// The window that says that it still goes on.
    pub short: Nanos,
    /// The burn rate above which it fires.
    pub factor: f64,
}
