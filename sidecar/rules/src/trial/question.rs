//! The values that tests read from the rules.

use mapwarden_objective::Severity;

use crate::window::RuleWindow;

/// A value that a test reads from the rules at the end of a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// Whether an alert fires.
    Alert(Severity),
    /// Whether the alert for missing data fires.
    NoData,
    /// The sum of all events over a window.
    Total(RuleWindow),
    /// The sum of bad events over a window.
    Bad(RuleWindow),
    /// The error ratio of a window.
    Ratio(RuleWindow),
    /// The remaining budget of the period.
    Remaining,
    /// The measured share of a window.
    Coverage(RuleWindow),
    /// The measured share of the calendar period until now.
    PeriodCoverage,
    /// The sum of all events of the calendar period until now.
    PeriodTotal,
}
