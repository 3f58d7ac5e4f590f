//! The outcomes that each operation can have: the pairs that exist at 0 from a map's creation. Other pairs are never
//! sent.

use mapwarden_contract::{Count, Op, Outcome};

/// The (operation, outcome) slots of a cell, valid or not. An index without a table look-up is worth the unused ones.
pub(super) const SLOTS: usize = Op::ALL.len() * Outcome::ALL.len();

/// Returns the slot of a pair, a constant if both are known at compile time.
#[inline(always)]
#[expect(clippy::as_conversions, reason = "the discriminant of a field-less enum, below 10")]
pub(super) const fn slot(op: Op, outcome: Outcome) -> usize {
    position(op) * Outcome::ALL.len() + outcome as usize
}

/// Returns the position of an operation in [`Op::ALL`].
#[inline(always)]
#[expect(clippy::as_conversions, reason = "the discriminant of a field-less enum, below the length of ALL")]
pub(super) const fn position(op: Op) -> usize {
    op as usize
}

/// Returns the outcomes that this operation can have. `Failed` is a panic: of a closure, of the key's `Hash` or `Eq`,
/// or because of another map's guard.
pub(crate) const fn outcomes(op: Op) -> &'static [Outcome] {
    use Outcome::{Conflict, Failed, Hit, Inserted, Miss, Rejected, Removed, Replaced, Unchanged, Updated};
    match op {
        Op::Get | Op::GetKeyValue | Op::ContainsKey => &[Hit, Miss, Failed],
        Op::Insert => &[Inserted, Replaced, Rejected, Failed],
        Op::TryInsert => &[Inserted, Conflict, Rejected, Failed],
        Op::GetOrInsert | Op::Load => &[Hit, Inserted, Rejected, Failed],
        Op::Update => &[Updated, Miss, Failed],
        Op::UpdateOrInsert => &[Updated, Inserted, Rejected, Failed],
        Op::Compute => &[Inserted, Updated, Removed, Unchanged, Rejected, Failed],
        Op::Remove => &[Removed, Miss, Failed],
        Op::RemoveIf => &[Removed, Miss, Conflict, Failed],
        Op::Retain => &[Removed, Unchanged, Failed],
        Op::Clear => &[Removed, Unchanged, Failed],
        Op::Iter | Op::Reserve => &[Unchanged, Failed],
        Op::Len => &[Unchanged],
    }
}

/// Returns the most frequent outcome in a steady state, which is counted a little faster than the others.
#[inline(always)]
pub(super) const fn usual_outcome(op: Op) -> Outcome {
    match op {
        Op::Get | Op::GetKeyValue | Op::ContainsKey | Op::GetOrInsert | Op::Load => Outcome::Hit,
        Op::Insert => Outcome::Replaced,
        Op::TryInsert => Outcome::Inserted,
        Op::Update | Op::UpdateOrInsert | Op::Compute => Outcome::Updated,
        Op::Remove | Op::RemoveIf | Op::Retain | Op::Clear => Outcome::Removed,
        Op::Iter | Op::Len | Op::Reserve => Outcome::Unchanged,
    }
}

/// Returns every valid pair.
pub(super) fn pairs() -> impl Iterator<Item = (Op, Outcome)> {
    Op::ALL.into_iter().flat_map(|op| outcomes(op).iter().map(move |outcome| (op, *outcome)))
}

/// Returns the number of operations of the wanted pairs.
pub(super) fn sum(operations: &[(Op, Outcome, Count)], is_wanted: impl Fn(Op, Outcome) -> bool) -> Count {
    operations.iter().filter(|(op, outcome, _)| is_wanted(*op, *outcome)).map(|(_, _, count)| *count).sum()
}

/// Returns whether the operation looks up a key, so that it counts for the hit ratio.
pub(super) const fn is_lookup(op: Op) -> bool {
    match op {
        Op::Get | Op::GetKeyValue | Op::ContainsKey | Op::GetOrInsert | Op::Load => true,
        Op::Insert
        | Op::TryInsert
        | Op::Update
        | Op::UpdateOrInsert
        | Op::Compute
        | Op::Remove
        | Op::RemoveIf
        | Op::Retain
        | Op::Clear
        | Op::Iter
        | Op::Len
        | Op::Reserve => false,
    }
}

/// Returns whether an entry got a value, which makes a map fresh. A removal does not: a map of which entries only
/// expire is stale.
pub(super) const fn is_write(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Inserted | Outcome::Replaced | Outcome::Updated => true,
        Outcome::Hit
        | Outcome::Miss
        | Outcome::Removed
        | Outcome::Unchanged
        | Outcome::Conflict
        | Outcome::Rejected
        | Outcome::Failed => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_pair_has_its_own_slot() {
        let mut slots = HashSet::new();
        for op in Op::ALL {
            for outcome in Outcome::ALL {
                assert!(slot(op, outcome) < SLOTS);
                assert!(slots.insert(slot(op, outcome)), "{op:?} {outcome:?}");
            }
        }
        assert_eq!(pairs().collect::<HashSet<_>>().len(), pairs().count(), "no pair twice");
    }
}
