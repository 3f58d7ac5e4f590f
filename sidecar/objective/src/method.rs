//! How events become an error budget.

use mapwarden_contract::{Nanos, Ratio};

/// How events become an error budget. A closed set, by the names of OpenSLO v1's `budgetingMethod`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// Every event counts: the budget is a number of bad events.
    Occurrences,
    /// Every time slice counts once, as good where at least `target` of its events were: the budget is a number of bad
    /// time slices.
    Timeslices {
        /// The length of a time slice.
        slice: Nanos,
        /// The share of good events at or above which a time slice is good.
        target: Ratio,
    },
    /// Every time slice counts once, by its share of good events: the budget is a sum of shares.
    RatioTimeslices {
        /// The length of a time slice.
        slice: Nanos,
    },
}
