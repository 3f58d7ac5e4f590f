//! Operations with a closure that may fail, which papaya does not have. Comes in: a loader or a validator. Goes out:
//! its value, or its error, with which the operation counts as failed. Never changes an entry if the closure fails.

use std::any::type_name;
use std::hash::{BuildHasher, Hash};

use papaya::{Compute, Operation};

use super::guarded_map::GuardedMap;
use super::observed::{Calls, Observed};
use super::operation_key::{LookupKey, OwnedKey};
use crate::record::RunningOperation;
use mapwarden_contract::{Op, Outcome};

impl<'g, K, V, S, U> Observed<'_, K, V, S, U>
where
    K: Hash + Eq + 'g,
    V: 'g,
    S: BuildHasher,
    U: GuardedMap<'g, K, V>,
{
    pub(super) fn try_get_or_insert_with<F, E>(self, key: K, f: F) -> Result<&'g V, E>
    where
        F: FnOnce() -> Result<V, E>,
    {
        match self.look_up(&key) {
            Some(value) => Ok(value),
            None => self.load(key, f),
        }
    }

    /// Returns the value of a key and counts a load that found it. Counts nothing if the key is not there.
    pub(super) fn look_up(self, key: &K) -> Option<&'g V> {
        let Self { map, cell, guarded } = self;
        let found = match map.meter.begin_untimed(cell, Op::Load) {
            Ok(untimed) => {
                let found = guarded.get_key_value(key);
                if found.is_some() {
                    untimed.end(Outcome::Hit);
                } else {
                    untimed.abandon();
                }
                found
            }
            Err(due) => {
                let running = map.begin_due(cell, (Op::Load, due), &LookupKey(key), guarded);
                let found = guarded.get_key_value(key);
                if found.is_some() {
                    map.ended(running.end(Outcome::Hit));
                } else {
                    running.abandon();
                }
                found
            }
        };
        found.map(|(_, value)| value)
    }

    #[cold]
    fn load<F, E>(self, key: K, f: F) -> Result<&'g V, E>
    where
        F: FnOnce() -> Result<V, E>,
    {
        let running = self.map.meter.begin_always(self.cell, Op::Load);
        self.end_load(running, key, f)
    }

    /// Runs the loader, unless another thread was faster, and keeps its value if there is room.
    pub(super) fn end_load<F, E>(self, mut running: RunningOperation<'_>, key: K, f: F) -> Result<&'g V, E>
    where
        F: FnOnce() -> Result<V, E>,
    {
        running.sample(self.map.sample(&LookupKey(&key), self.guarded));
        let is_full = self.is_full();
        let mut f = Some(f);
        let loaded = self.guarded.compute(key, |entry| match (entry, f.take()) {
            (Some((_, current)), _) => Operation::Abort(Ok(current)),
            (None, Some(f)) => match f() {
                Ok(value) => Operation::Insert(value),
                Err(error) => Operation::Abort(Err(error)),
            },
            (None, None) => unreachable!("papaya calls once for an absent key"),
        });
        let (ended, result) = match loaded {
            Compute::Inserted(key, value) => {
                let is_rejected = is_full && self.take_out(key);
                (running.end(if is_rejected { Outcome::Rejected } else { Outcome::Inserted }), Ok(value))
            }
            Compute::Aborted(Ok(value)) => (running.end(Outcome::Hit), Ok(value)),
            Compute::Aborted(Err(error)) => (running.fail(type_name::<E>()), Err(error)),
            Compute::Updated { .. } | Compute::Removed(..) => unreachable!("the closure inserts or aborts"),
        };
        self.map.ended(ended);
        result
    }

    pub(super) fn try_update<F, E>(self, key: K, update: F) -> Result<Option<&'g V>, E>
    where
        F: Fn(&V) -> Result<V, E>,
    {
        let change = |calls: &Calls, entry: Option<(&'g K, &'g V)>| match entry {
            Some((_, value)) => match calls.count(|| update(value)) {
                Ok(new) => Operation::Insert(new),
                Err(error) => Operation::Abort(Some(error)),
            },
            None => Operation::Abort(None),
        };
        let changed = self.observe_calls(
            Op::Update,
            OwnedKey(key),
            |map, key, calls| map.compute(key, |entry| change(calls, entry)),
            |changed| match changed {
                Compute::Aborted(None) => Outcome::Miss,
                Compute::Aborted(Some(_)) => Outcome::Failed,
                Compute::Inserted(..) | Compute::Updated { .. } | Compute::Removed(..) => Outcome::Updated,
            },
        );
        match changed {
            Compute::Inserted(_, value) | Compute::Updated { new: (_, value), .. } => Ok(Some(value)),
            Compute::Aborted(None) => Ok(None),
            Compute::Aborted(Some(error)) => {
                self.map.meter.note_failure(Op::Update, type_name::<E>());
                Err(error)
            }
            Compute::Removed(..) => unreachable!("the closure inserts or aborts"),
        }
    }
}
