//! How loud an alert is.

use serde::{Deserialize, Serialize};

/// How loud an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Somebody looks at it during the day.
    Ticket,
    /// Somebody is woken.
    Page,
}

impl Severity {
    /// Both severities.
    pub const ALL: [Self; 2] = [Self::Ticket, Self::Page];

    /// The label's value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ticket => "ticket",
            Self::Page => "page",
        }
    }
}
