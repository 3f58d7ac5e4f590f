//! The key of an operation, given away or only asked for, as a sample may need it. Comes in: the key. Goes out: its
//! pseudonym, and the name that the service makes of it if it wants to. Never keeps a key.

use std::hash::{BuildHasher, Hash};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use papaya::Equivalent;

use super::HashMap;
use super::under::Under;
use crate::record::{Due, Ended, KeyHash, Running, ThreadCell, key_hash};
use mapwarden_contract::Op;

/// The longest name of a key, in characters. Raised, longer names travel every second.
const MAX_NAME: usize = 64;

/// Makes a name of a key, see [`display_key`](super::HashMapBuilder::display_key). A panic in it is one in the operation
/// that it was called for, and leaves nothing half done.
pub(super) struct DisplayKey<K>(AssertUnwindSafe<Arc<Display<K>>>);

type Display<K> = dyn Fn(&K) -> String + Send + Sync;

impl<K> DisplayKey<K> {
    pub(super) fn new(display: impl Fn(&K) -> String + Send + Sync + 'static) -> Self {
        Self(AssertUnwindSafe(Arc::new(display)))
    }
}

// By hand, because derive asks `K: Clone`.
impl<K> Clone for DisplayKey<K> {
    fn clone(&self) -> Self {
        Self(AssertUnwindSafe(Arc::clone(&self.0)))
    }
}

/// A key on its way into an operation.
pub(super) trait KeyOf<'g, K, V, U> {
    /// What the operation takes.
    type Of;

    /// Gives it to the operation.
    fn of(self) -> Self::Of;

    /// Its pseudonym, where somebody asks for samples.
    fn hash(&self) -> Option<KeyHash>;

    /// Shows the key as the map holds it, if it can be had.
    fn show(&self, under: U, display: &DisplayKey<K>) -> Option<String>;
}

/// A key that the operation takes over.
pub(super) struct Given<K>(pub(super) K);

/// A key that the operation looks for.
pub(super) struct Asked<'q, Q: ?Sized>(pub(super) &'q Q);

impl<K: Hash, V, U> KeyOf<'_, K, V, U> for Given<K> {
    type Of = K;

    #[inline(always)]
    fn of(self) -> K {
        self.0
    }

    fn hash(&self) -> Option<KeyHash> {
        key_hash(&self.0)
    }

    fn show(&self, _: U, display: &DisplayKey<K>) -> Option<String> {
        Some(display.0(&self.0))
    }
}

impl<'g, 'q, K, V, U, Q> KeyOf<'g, K, V, U> for Asked<'q, Q>
where
    K: 'g,
    V: 'g,
    U: Under<'g, K, V>,
    Q: Equivalent<K> + Hash + ?Sized,
{
    type Of = &'q Q;

    #[inline(always)]
    fn of(self) -> &'q Q {
        self.0
    }

    fn hash(&self) -> Option<KeyHash> {
        key_hash(self.0)
    }

    fn show(&self, under: U, display: &DisplayKey<K>) -> Option<String> {
        under.get_key_value(self.0).map(|(key, _)| display.0(key))
    }
}

impl<K, V, S> HashMap<K, V, S>
where
    K: Hash + Eq,
    S: BuildHasher,
{
    /// Begins an operation on one key that takes the cold way, and its clock.
    pub(super) fn begin_due<'m, 'g, U>(
        &'m self,
        cell: &'m ThreadCell,
        (op, due): (Op, Due),
        key: &impl KeyOf<'g, K, V, U>,
        under: U,
    ) -> Running<'m> {
        let mut running = self.meter.begin_due(cell, op, due);
        if running.is_timed() {
            running.sample(self.sample(key, under));
        }
        running.start();
        running
    }

    /// Does what is due after a timed operation only, because it costs more than a count.
    pub(super) fn ended(&self, ended: Ended) {
        match ended {
            Ended::Timed => {
                self.tell_entries();
                self.send_probe();
            }
            Ended::Untimed => {}
        }
    }

    /// The pseudonym of a key under a timed operation. A hot key gets its name here, at most once.
    pub(super) fn sample<'g, U>(&self, key: &impl KeyOf<'g, K, V, U>, under: U) -> Option<KeyHash> {
        let hash = key.hash()?;
        if let Some(display) = &self.display_key
            && self.meter.wants_name(hash)
            && let Some(name) = key.show(under, display)
        {
            self.meter.name_key(hash, name.chars().take(MAX_NAME).collect::<String>().into());
        }
        Some(hash)
    }
}
