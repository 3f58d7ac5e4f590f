//! The operations of a full map. Comes in: an operation that may add a key. Goes out: papaya's answer, or a rejection.
//! Never keeps a new key, and goes on replacing and removing old ones. An operation that has to return a reference to
//! the new entry inserts it and takes it out again at once; the guard keeps it readable.

use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use papaya::{Compute, OccupiedError, Operation};

use super::guarded_map::GuardedMap;
use super::observed::{Calls, Observed, computed, replaced};
use mapwarden_contract::{Op, Outcome};

/// A new key that a full map rejected, and its value.
#[derive(thiserror::Error)]
#[error("map `{map}` is full: it holds its max_entries of {max_entries} and takes no new key")]
pub struct Rejected<K, V> {
    map: Arc<str>,
    max_entries: usize,
    /// The key that was not inserted.
    pub key: K,
    /// The value that was not inserted.
    pub value: V,
}

// By hand, because a derive would require `K: Debug` and `V: Debug` of every caller that handles the error.
impl<K, V> fmt::Debug for Rejected<K, V> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Rejected")
            .field("map", &self.map)
            .field("max_entries", &self.max_entries)
            .finish_non_exhaustive()
    }
}

impl<'g, K, V, S, U> Observed<'_, K, V, S, U>
where
    K: Hash + Eq,
    S: BuildHasher,
    U: GuardedMap<'g, K, V>,
{
    /// Returns whether a new key would pass the bound. A single comparison if there is no bound.
    #[inline(always)]
    pub(super) fn is_full(self) -> bool {
        self.map.max_entries != usize::MAX && self.map.inner.len() >= self.map.max_entries
    }

    pub(super) fn checked_insert(self, key: K, value: V) -> Result<Option<&'g V>, Rejected<K, V>> {
        // Checked once: between two checks another thread could fill the map, and the rejection would be lost.
        if self.is_full() { self.insert_when_full(key, value) } else { Ok(self.insert_in_room(key, value)) }
    }

    #[cold]
    pub(super) fn insert_when_full(self, key: K, value: V) -> Result<Option<&'g V>, Rejected<K, V>> {
        let running = self.map.meter.begin(self.cell, Op::Insert);
        if let Some(stored) = self.guarded.stored_key(&key) {
            let old = self.guarded.insert(key, value);
            // Without an old value another thread has removed the key, and it is new after all.
            let is_rejected = old.is_none() && self.take_out(stored);
            running.end(if is_rejected { Outcome::Rejected } else { replaced(&old) });
            Ok(old)
        } else {
            running.end(Outcome::Rejected);
            let map = Arc::clone(self.map.meter.name());
            Err(Rejected { map, max_entries: self.map.max_entries, key, value })
        }
    }

    #[cold]
    pub(super) fn try_insert_when_full(self, key: K, value: V) -> Result<&'g V, OccupiedError<'g, V>>
    where
        K: 'g,
    {
        let mut value = Some(value);
        let compute = |entry: Option<(&'g K, &'g V)>| match entry {
            Some((_, current)) => Operation::Abort((current, value.take())),
            None => insert_once(value.take()),
        };
        let aborted = |(_, kept): &(&V, Option<V>)| match kept {
            Some(_) => Outcome::Conflict,
            None => Outcome::Rejected,
        };
        match self.reject_new(Op::TryInsert, key, compute, aborted) {
            Compute::Aborted((current, Some(not_inserted))) => Err(OccupiedError { current, not_inserted }),
            // Another thread filled the empty place into which this value was being inserted; papaya drops the value
            // then.
            Compute::Aborted((current, None)) => Ok(current),
            Compute::Inserted(_, value) => Ok(value),
            Compute::Updated { .. } | Compute::Removed(..) => unreachable!("the closure inserts or aborts"),
        }
    }

    #[cold]
    pub(super) fn insert_with_when_full<F>(
        self,
        op: Op,
        entry: (K, F),
        present: Outcome,
    ) -> Result<&'g V, &'g V>
    where
        F: FnOnce() -> V,
        K: 'g,
    {
        let (key, f) = entry;
        let mut f = Some(f);
        let compute = |entry: Option<(&'g K, &'g V)>| match entry {
            Some((_, current)) => Operation::Abort(current),
            None => insert_once(f.take().map(|f| f())),
        };
        match self.reject_new(op, key, compute, |_| present) {
            Compute::Aborted(current) => Err(current),
            Compute::Inserted(_, value) => Ok(value),
            Compute::Updated { .. } | Compute::Removed(..) => unreachable!("the closure inserts or aborts"),
        }
    }

    #[cold]
    pub(super) fn compute_when_full<F, T>(self, op: Op, key: K, compute: F) -> Compute<'g, K, V, T>
    where
        F: FnMut(Option<(&'g K, &'g V)>) -> Operation<V, T>,
    {
        self.reject_new(op, key, compute, |_| Outcome::Unchanged)
    }

    /// Runs the operation and takes a new entry out again, unless there is room for it by then. `aborted` returns the
    /// outcome if the closure aborts.
    fn reject_new<F, T>(
        self,
        op: Op,
        key: K,
        mut compute: F,
        aborted: impl FnOnce(&T) -> Outcome,
    ) -> Compute<'g, K, V, T>
    where
        F: FnMut(Option<(&'g K, &'g V)>) -> Operation<V, T>,
    {
        let calls = Calls::default();
        let running = self.map.meter.begin(self.cell, op);
        let result = self.guarded.compute(key, |entry| calls.count(|| compute(entry)));
        match &result {
            Compute::Inserted(key, _) => {
                let is_rejected = self.take_out(key);
                running.end(if is_rejected { Outcome::Rejected } else { Outcome::Inserted });
            }
            Compute::Aborted(answer) => {
                running.end(aborted(answer));
            }
            Compute::Updated { .. } | Compute::Removed(..) => {
                running.end(computed(&result));
            }
        }
        self.note_retries(&calls);
        result
    }

    /// Takes the entry that was just added out of a map that is above its bound, even if another thread has updated its
    /// value: an entry that stayed because of an update would be above the bound for ever. Returns whether it did.
    pub(super) fn take_out(self, key: &K) -> bool {
        let is_over = |_: &K, _: &V| self.map.inner.len() > self.map.max_entries;
        self.guarded.take_out(key, is_over)
    }
}

fn insert_once<V, T>(value: Option<V>) -> Operation<V, T> {
    match value {
        Some(value) => Operation::Insert(value),
        None => unreachable!("papaya calls once for an absent key"),
    }
}
