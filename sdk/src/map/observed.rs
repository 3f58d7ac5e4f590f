//! Every operation of a map. Comes in: an operation. Goes out: papaya's result, and its outcome to the thread's cell.
//! Never runs a closure more often than papaya does.

use std::cell::Cell;
use std::hash::{BuildHasher, Hash};

use papaya::{Compute, Equivalent, Iter, Keys, OccupiedError, Operation, Values};

use super::HashMap;
use super::guarded_map::GuardedMap;
use super::operation_key::{LookupKey, OperationKey, OwnedKey};
use crate::record::{Due, ThreadCell};
use mapwarden_contract::{Op, Outcome};

/// A map, the cell of the current thread, and papaya's map with a guard.
pub(super) struct Observed<'m, K, V, S, U> {
    pub(super) map: &'m HashMap<K, V, S>,
    pub(super) cell: &'m ThreadCell,
    pub(super) guarded: U,
}

// By hand, because a derive would require `K: Copy` and so on.
impl<K, V, S, U: Copy> Clone for Observed<'_, K, V, S, U> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K, V, S, U: Copy> Copy for Observed<'_, K, V, S, U> {}

impl<'g, K, V, S, U> Observed<'_, K, V, S, U>
where
    K: Hash + Eq,
    S: BuildHasher,
    U: GuardedMap<'g, K, V>,
{
    /// Runs an operation on one key. A panic in it passes through and counts as failed.
    ///
    /// The two paths part at once: the hot one is inlined and carries nothing across the operation, the cold one is a
    /// second copy out of line.
    #[inline(always)]
    pub(super) fn observe<Key: OperationKey<'g, K, V, U>, T>(
        self,
        op: Op,
        key: Key,
        run: impl FnOnce(U, Key::Argument) -> T,
        outcome: impl FnOnce(&T) -> Outcome,
    ) -> T {
        let Self { map, cell, guarded } = self;
        match map.meter.begin_untimed(cell, op) {
            Ok(untimed) => {
                let result = run(guarded, key.into_argument());
                untimed.end(outcome(&result));
                result
            }
            Err(due) => Self::observe_due(map, cell, guarded, (op, due, key), (run, outcome)),
        }
    }

    /// Takes the fields one by one: an `Observed` would be spilled to memory before the path is known.
    #[cold]
    #[inline(never)]
    fn observe_due<Key: OperationKey<'g, K, V, U>, T>(
        map: &HashMap<K, V, S>,
        cell: &ThreadCell,
        guarded: U,
        (op, due, key): (Op, Due, Key),
        (run, outcome): (impl FnOnce(U, Key::Argument) -> T, impl FnOnce(&T) -> Outcome),
    ) -> T {
        let running = map.begin_due(cell, (op, due), &key, guarded);
        let result = run(guarded, key.into_argument());
        map.ended(running.end(outcome(&result)));
        result
    }

    /// Runs an operation on the whole map.
    fn observe_whole<T>(self, op: Op, run: impl FnOnce(U) -> T, outcome: impl FnOnce(&T) -> Outcome) -> T {
        let running = self.map.meter.begin_always(self.cell, op);
        let result = run(self.guarded);
        running.end(outcome(&result));
        self.map.report_entries();
        result
    }

    /// Runs an operation with a closure that runs once, and again whenever another thread was faster.
    #[inline(always)]
    pub(super) fn observe_calls<Key: OperationKey<'g, K, V, U>, T>(
        self,
        op: Op,
        key: Key,
        run: impl FnOnce(U, Key::Argument, &Calls) -> T,
        outcome: impl FnOnce(&T) -> Outcome,
    ) -> T {
        let calls = Calls::default();
        let result = self.observe(op, key, |map, key| run(map, key, &calls), outcome);
        self.note_retries(&calls);
        result
    }

    #[inline(always)]
    pub(super) fn note_retries(self, calls: &Calls) {
        if calls.0.get() > 1 {
            self.map.meter.add_retries(calls.0.get() - 1);
        }
    }

    #[inline]
    pub(super) fn get<Q>(self, key: &Q) -> Option<&'g V>
    where
        K: 'g,
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.observe(
            Op::Get,
            LookupKey(key),
            |map, key| map.get_key_value(key).map(|(_, value)| value),
            found,
        )
    }

    #[inline]
    pub(super) fn get_key_value<Q>(self, key: &Q) -> Option<(&'g K, &'g V)>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.observe(Op::GetKeyValue, LookupKey(key), |map, key| map.get_key_value(key), found)
    }

    #[inline]
    pub(super) fn contains_key<Q>(self, key: &Q) -> bool
    where
        K: 'g,
        V: 'g,
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.observe(
            Op::ContainsKey,
            LookupKey(key),
            |map, key| map.get_key_value(key).is_some(),
            |found| if *found { Outcome::Hit } else { Outcome::Miss },
        )
    }

    #[inline]
    pub(super) fn insert(self, key: K, value: V) -> Option<&'g V> {
        if self.is_full() {
            return self.insert_when_full(key, value).unwrap_or_default();
        }
        self.insert_in_room(key, value)
    }

    /// Inserts into a map that had room for a new key at the check.
    #[inline(always)]
    pub(super) fn insert_in_room(self, key: K, value: V) -> Option<&'g V> {
        self.observe(Op::Insert, OwnedKey(key), |map, key| map.insert(key, value), replaced)
    }

    #[inline]
    pub(super) fn try_insert(self, key: K, value: V) -> Result<&'g V, OccupiedError<'g, V>>
    where
        K: 'g,
    {
        if self.is_full() {
            return self.try_insert_when_full(key, value);
        }
        self.observe(
            Op::TryInsert,
            OwnedKey(key),
            |map, key| map.try_insert(key, value),
            |result| match result {
                Ok(_) => Outcome::Inserted,
                Err(_) => Outcome::Conflict,
            },
        )
    }

    #[inline]
    pub(super) fn try_insert_with<F>(self, key: K, f: F) -> Result<&'g V, &'g V>
    where
        F: FnOnce() -> V,
        K: 'g,
    {
        self.insert_with(Op::TryInsert, (key, f), Outcome::Conflict)
    }

    #[inline]
    pub(super) fn get_or_insert(self, key: K, value: V) -> &'g V
    where
        K: 'g,
    {
        if self.is_full() {
            return self.get_or_insert_with(key, || value);
        }
        // As papaya does it, without a closure.
        let result = self.observe(
            Op::GetOrInsert,
            OwnedKey(key),
            |map, key| map.try_insert(key, value),
            |result| if result.is_ok() { Outcome::Inserted } else { Outcome::Hit },
        );
        match result {
            Ok(value) | Err(OccupiedError { current: value, .. }) => value,
        }
    }

    #[inline]
    pub(super) fn get_or_insert_with<F>(self, key: K, f: F) -> &'g V
    where
        F: FnOnce() -> V,
        K: 'g,
    {
        let (Ok(value) | Err(value)) = self.insert_with(Op::GetOrInsert, (key, f), Outcome::Hit);
        value
    }

    /// Inserts unless the key is there, which has the outcome `present`.
    #[inline]
    fn insert_with<F>(self, op: Op, entry: (K, F), present: Outcome) -> Result<&'g V, &'g V>
    where
        F: FnOnce() -> V,
        K: 'g,
    {
        let (key, f) = entry;
        if self.is_full() {
            return self.insert_with_when_full(op, (key, f), present);
        }
        self.observe(
            op,
            OwnedKey(key),
            |map, key| map.try_insert_with(key, f),
            |result| match result {
                Ok(_) => Outcome::Inserted,
                Err(_) => present,
            },
        )
    }

    #[inline]
    pub(super) fn update<F>(self, key: K, update: F) -> Option<&'g V>
    where
        F: Fn(&V) -> V,
        K: 'g,
    {
        self.observe_calls(
            Op::Update,
            OwnedKey(key),
            |map, key, calls| map.update(key, |value| calls.count(|| update(value))),
            |updated| if updated.is_some() { Outcome::Updated } else { Outcome::Miss },
        )
    }

    #[inline]
    pub(super) fn update_or_insert_with<Update, F>(self, key: K, update: Update, f: F) -> &'g V
    where
        F: FnOnce() -> V,
        Update: Fn(&V) -> V,
        K: 'g,
    {
        // As papaya does it, which also distinguishes an update from an insertion: papaya calls once for an absent key.
        let mut f = Some(f);
        let compute = |entry: Option<(&'g K, &'g V)>| match (entry, f.take()) {
            (Some((_, value)), unused) => {
                f = unused;
                Operation::Insert(update(value))
            }
            (None, Some(f)) => Operation::Insert(f()),
            (None, None) => unreachable!("papaya calls once for an absent key"),
        };
        match self.compute_as::<_, std::convert::Infallible>(Op::UpdateOrInsert, key, compute) {
            Compute::Inserted(_, value) | Compute::Updated { new: (_, value), .. } => value,
            Compute::Removed(..) => unreachable!("the closure never removes"),
            Compute::Aborted(never) => match never {},
        }
    }

    #[inline]
    pub(super) fn compute<F, T>(self, key: K, compute: F) -> Compute<'g, K, V, T>
    where
        F: FnMut(Option<(&'g K, &'g V)>) -> Operation<V, T>,
    {
        self.compute_as(Op::Compute, key, compute)
    }

    #[inline]
    pub(super) fn compute_as<F, T>(self, op: Op, key: K, mut compute: F) -> Compute<'g, K, V, T>
    where
        F: FnMut(Option<(&'g K, &'g V)>) -> Operation<V, T>,
    {
        if self.is_full() {
            return self.compute_when_full(op, key, compute);
        }
        self.observe_calls(
            op,
            OwnedKey(key),
            |map, key, calls| map.compute(key, |entry| calls.count(|| compute(entry))),
            computed,
        )
    }

    #[inline]
    pub(super) fn remove_entry<Q>(self, key: &Q) -> Option<(&'g K, &'g V)>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.observe(
            Op::Remove,
            LookupKey(key),
            |map, key| map.remove_entry(key),
            |removed| if removed.is_some() { Outcome::Removed } else { Outcome::Miss },
        )
    }

    #[inline]
    pub(super) fn remove_if<Q, F>(
        self,
        key: &Q,
        mut should_remove: F,
    ) -> Result<Option<(&'g K, &'g V)>, (&'g K, &'g V)>
    where
        Q: Equivalent<K> + Hash + ?Sized,
        F: FnMut(&K, &V) -> bool,
    {
        self.observe_calls(
            Op::RemoveIf,
            LookupKey(key),
            |map, key, calls| map.remove_if(key, |key, value| calls.count(|| should_remove(key, value))),
            |result| match result {
                Ok(Some(_)) => Outcome::Removed,
                Ok(None) => Outcome::Miss,
                Err(_) => Outcome::Conflict,
            },
        )
    }

    pub(super) fn retain<F>(self, mut f: F)
    where
        F: FnMut(&K, &V) -> bool,
    {
        let removed = Cell::new(false);
        let f = |key: &K, value: &V| {
            let keeps = f(key, value);
            removed.set(removed.get() | !keeps);
            keeps
        };
        self.observe_whole(Op::Retain, |map| map.retain(f), |()| emptied(removed.get()));
    }

    pub(super) fn clear(self) {
        let had_entries = !self.map.inner.is_empty();
        self.observe_whole(Op::Clear, |map| map.clear(), |()| emptied(had_entries));
    }

    pub(super) fn reserve(self, additional: usize) {
        self.observe_whole(Op::Reserve, |map| map.reserve(additional), |()| Outcome::Unchanged);
    }

    pub(super) fn iter(self) -> Iter<'g, K, V, U::Guard> {
        self.observe_whole(Op::Iter, |map| map.iter(), |_| Outcome::Unchanged)
    }

    pub(super) fn keys(self) -> Keys<'g, K, V, U::Guard> {
        self.observe_whole(Op::Iter, |map| map.keys(), |_| Outcome::Unchanged)
    }

    pub(super) fn values(self) -> Values<'g, K, V, U::Guard> {
        self.observe_whole(Op::Iter, |map| map.values(), |_| Outcome::Unchanged)
    }
}

/// How often a closure ran.
#[derive(Default)]
pub(super) struct Calls(Cell<u64>);

impl Calls {
    #[inline(always)]
    pub(super) fn count<T>(&self, call: impl FnOnce() -> T) -> T {
        self.0.set(self.0.get() + 1);
        call()
    }
}

#[inline(always)]
fn found<T>(result: &Option<T>) -> Outcome {
    if result.is_some() { Outcome::Hit } else { Outcome::Miss }
}

#[inline(always)]
pub(super) fn replaced<T>(result: &Option<T>) -> Outcome {
    if result.is_some() { Outcome::Replaced } else { Outcome::Inserted }
}

#[inline(always)]
pub(super) fn computed<K, V, T>(result: &Compute<'_, K, V, T>) -> Outcome {
    match result {
        Compute::Inserted(..) => Outcome::Inserted,
        Compute::Updated { .. } => Outcome::Updated,
        Compute::Removed(..) => Outcome::Removed,
        Compute::Aborted(_) => Outcome::Unchanged,
    }
}

fn emptied(removed: bool) -> Outcome {
    if removed { Outcome::Removed } else { Outcome::Unchanged }
}
