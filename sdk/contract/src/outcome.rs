//! The outcomes of operations, and the verdicts of an SLI on them. Both are closed sets.

/// How an operation on a map ended.
///
/// Exhaustive, so that the SDK handles every outcome; see [Compatibility](crate#compatibility).
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
    /// The operation read and changed nothing; reads of the whole map end so too.
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

    /// Returns the value of the attribute `mapwarden.outcome`.
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

/// A set of outcomes, such as the bad ones of an objective.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct OutcomeSet(u16);

impl OutcomeSet {
    /// Creates the set of these outcomes.
    pub const fn new(outcomes: &[Outcome]) -> Self {
        let mut set = 0;
        let mut rest = outcomes;
        while let [outcome, others @ ..] = rest {
            set |= Self::bit(*outcome);
            rest = others;
        }
        Self(set)
    }

    /// Returns whether the set contains this outcome.
    pub const fn contains(self, outcome: Outcome) -> bool {
        self.0 & Self::bit(outcome) != 0
    }

    /// Returns whether the set contains no outcome.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Iterates over the outcomes of the set in the order of [`Outcome::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Outcome> {
        Outcome::ALL.into_iter().filter(move |outcome| self.contains(*outcome))
    }

    #[expect(clippy::as_conversions, reason = "the discriminant of a field-less enum, below 16")]
    const fn bit(outcome: Outcome) -> u16 {
        1 << (outcome as u16)
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

    /// Returns the value of the attribute `mapwarden.verdict`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
        }
    }
}
