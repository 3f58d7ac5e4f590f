//! The severity of an alert.

use serde::{Deserialize, Serialize};

/// The severity of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Waits for working hours.
    Ticket,
    /// Wakes the person on call.
    Page,
}

impl Severity {
    /// Both severities.
    pub const ALL: [Self; 2] = [Self::Ticket, Self::Page];

    /// Returns the value of the label `severity`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ticket => "ticket",
            Self::Page => "page",
        }
    }
}
