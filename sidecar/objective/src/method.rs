//! How events become a budget.

use mapwarden_contract::{Nanos, Ratio};

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
