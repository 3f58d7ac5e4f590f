//! The key of an operation, owned or borrowed, as a sample may need it. Comes in: the key. Goes out: its pseudonym, and
//! its name if the service makes one. Never keeps a key.

use std::hash::{BuildHasher, Hash};

use papaya::Equivalent;

use super::HashMap;
use super::display_key::DisplayKey;
use super::guarded_map::GuardedMap;
use crate::record::{Due, Ended, KeyHash, RunningOperation, ThreadCell, key_hash};
use mapwarden_contract::Op;

/// The longest name of a key, in characters. Raised, longer names are sent every second.
const MAX_NAME: usize = 64;

/// The key that a caller passes to an operation.
pub(super) trait OperationKey<'g, K, V, U> {
    /// What papaya's operation takes.
    type Argument;

    /// Returns the key for papaya's operation.
    fn into_argument(self) -> Self::Argument;

    /// Returns its pseudonym, if keys are hashed.
    fn hash(&self) -> Option<KeyHash>;

    /// Returns the name of the key as the map holds it, if it is there.
    fn show(&self, guarded: U, display: &DisplayKey<K>) -> Option<String>;
}

/// A key that the operation takes over.
pub(super) struct OwnedKey<K>(pub(super) K);

/// A key that the operation looks up.
pub(super) struct LookupKey<'q, Q: ?Sized>(pub(super) &'q Q);

impl<K: Hash, V, U> OperationKey<'_, K, V, U> for OwnedKey<K> {
    type Argument = K;

    #[inline(always)]
    fn into_argument(self) -> K {
        self.0
    }

    fn hash(&self) -> Option<KeyHash> {
        key_hash(&self.0)
    }

    fn show(&self, _: U, display: &DisplayKey<K>) -> Option<String> {
        Some(display.name(&self.0))
    }
}

impl<'g, 'q, K, V, U, Q> OperationKey<'g, K, V, U> for LookupKey<'q, Q>
where
    K: 'g,
    V: 'g,
    U: GuardedMap<'g, K, V>,
    Q: Equivalent<K> + Hash + ?Sized,
{
    type Argument = &'q Q;

    #[inline(always)]
    fn into_argument(self) -> &'q Q {
        self.0
    }

    fn hash(&self) -> Option<KeyHash> {
        key_hash(self.0)
    }

    fn show(&self, guarded: U, display: &DisplayKey<K>) -> Option<String> {
        guarded.get_key_value(self.0).map(|(key, _)| display.name(key))
    }
}

impl<K, V, S> HashMap<K, V, S>
where
    K: Hash + Eq,
    S: BuildHasher,
{
    /// Begins an operation on one key that takes the cold path, and starts its clock.
    pub(super) fn begin_due<'m, 'g, U>(
        &'m self,
        cell: &'m ThreadCell,
        (op, due): (Op, Due),
        key: &impl OperationKey<'g, K, V, U>,
        guarded: U,
    ) -> RunningOperation<'m> {
        let mut running = self.meter.begin_due(cell, op, due);
        if running.is_timed() {
            running.sample(self.sample(key, guarded));
        }
        running.start();
        running
    }

    /// Does the work that follows timed operations only, because it costs more than a count.
    pub(super) fn ended(&self, ended: Ended) {
        match ended {
            Ended::Timed => {
                self.report_entries();
                self.send_probe();
            }
            Ended::Untimed => {}
        }
    }

    /// Returns the pseudonym of a timed operation's key. A hot key gets its name here, at most once.
    pub(super) fn sample<'g, U>(&self, key: &impl OperationKey<'g, K, V, U>, guarded: U) -> Option<KeyHash> {
        let hash = key.hash()?;
        if let Some(display) = &self.display_key
            && self.meter.wants_name(hash)
            && let Some(name) = key.show(guarded, display)
        {
            self.meter.name_key(hash, name.chars().take(MAX_NAME).collect::<String>().into());
        }
        Some(hash)
    }
}
