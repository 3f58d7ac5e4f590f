//! How an operation ended, and what that means for an SLI. Both are closed sets.

/// How an operation on a map or a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// The key was there.
    Hit,
    /// The key was not there.
    Miss,
    /// A new entry was made.
    Inserted,
    /// An entry was overwritten.
    Replaced,
    /// A closure changed an entry.
    Updated,
    /// An entry was taken out.
    Removed,
    /// The operation looked and left everything as it was; whole-map reads end so too.
    Unchanged,
    /// The entry was there already, or did not match what the caller expected.
    Conflict,
    /// The map's `max_entries` was reached.
    Rejected,
    /// A loader or validator returned an error, or a closure panicked.
    Failed,
}

impl Outcome {
    /// Every outcome, in the order of their declaration.
    pub const ALL: [Self; 10] = [
        Self::Hit,
        Self::Miss,
        Self::Inserted,
        Self::Replaced,
        Self::Updated,
        Self::Removed,
        Self::Unchanged,
        Self::Conflict,
        Self::Rejected,
        Self::Failed,
    ];

    /// The value of the attribute `mapwarden.outcome`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Inserted => "inserted",
            Self::Replaced => "replaced",
            Self::Updated => "updated",
            Self::Removed => "removed",
            Self::Unchanged => "unchanged",
            Self::Conflict => "conflict",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
        }
    }
}

/// Whether an event kept an objective.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// The event kept the objective.
    Good,
    /// The event missed it and spends error budget.
    Bad,
}

impl Verdict {
    /// Both verdicts.
    pub const ALL: [Self; 2] = [Self::Good, Self::Bad];

    /// The value of the attribute `mapwarden.verdict`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
        }
    }
}
