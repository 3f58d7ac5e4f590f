//! The map itself. Comes in: papaya's map and a meter. Goes out: the type that the files of this room build on.
//! Never runs an operation.

use std::collections::hash_map::RandomState;
use std::sync::Arc;

use papaya::{LocalGuard, OwnedGuard};

use super::display_key::DisplayKey;
use super::reported_entries::ReportedEntries;
use crate::record::Meter;

/// A concurrent hash map that counts its operations.
///
/// The lock-free table, the guards, the signatures and the answers are [papaya](papaya::HashMap)'s. In addition every
/// operation is counted exactly by its outcome, and one in N is timed, where N follows the rate of each thread: 1 up to
/// some 4,000 operations a second, so that every operation is timed, and at most 1,024. A thread that slows down after
/// a burst is timed again from the next batch on. Through a [`pin`](HashMap::pin) an untimed operation costs two loads,
/// two stores and two predicted branches more than papaya's.
///
/// ```
/// use mapwarden::{HashMap, Objective};
///
/// let sessions: HashMap<String, u64> = HashMap::builder()
///     .name("sessions")
///     .max_entries(100_000)
///     .objective(Objective::availability(0.999)?)
///     .build();
///
/// let sessions = sessions.pin();
/// sessions.insert("ada".to_owned(), 1815);
/// assert_eq!(sessions.get("ada"), Some(&1815));
/// assert_eq!(sessions.get("bob"), None);
/// # Ok::<(), mapwarden::ObjectiveError>(())
/// ```
///
/// # Names
/// Maps of one name are one map in the telemetry: their counts add up, and stay when a map is dropped. A map without a
/// name is named by the location that makes it, `src/sessions.rs:12`. If that location is unknown, it is named by its
/// type, `unnamed HashMap<String, u64>`, and is one with the other such maps of that type. This applies to maps that
/// the standard library makes for a caller (`collect`, `std::mem::take`, `LazyLock::new(HashMap::new)`) and to maps
/// that serde makes.
///
/// # Entries
/// The number of entries is looked up when an operation is timed, after every operation on the whole map and at every
/// [`len`](HashMap::len). While every operation is timed it is exact; otherwise it is at most some thousand operations
/// old.
///
/// # A bounded map
/// With [`max_entries`](crate::HashMapBuilder::max_entries) a full map rejects new keys and goes on replacing, updating
/// and removing old ones. A rejection is counted as `rejected` and spends the budget of an availability objective.
/// [`checked_insert`](crate::HashMapRef::checked_insert) returns it as an error with the key and the value. papaya's
/// own methods cannot report it; they answer **as if another thread had removed the new entry at once**, for which
/// every caller of a concurrent map must be ready: `insert` returns `None`, `get_or_insert` returns a reference that is
/// valid as long as the guard, and the map does not hold the key. If two threads insert the same new key into a full
/// map at once, both may get this answer, and one of them a reference to the other's value: **`try_insert` on a bounded
/// map is no lock and no idempotency token.** A key that is added while its map is full is taken out again even if
/// another thread has updated it. While threads insert at the same moment, the map may pass the bound by at most their
/// number.
pub struct HashMap<K, V, S = RandomState> {
    pub(super) inner: papaya::HashMap<K, V, S>,
    pub(super) meter: Arc<Meter>,
    pub(super) entries: ReportedEntries,
    /// `usize::MAX` if there is no bound.
    pub(super) max_entries: usize,
    pub(super) display_key: Option<DisplayKey<K>>,
}

impl<K, V, S> HashMap<K, V, S> {
    pub(super) fn counted_by(
        meter: Arc<Meter>,
        inner: papaya::HashMap<K, V, S>,
        max_entries: usize,
        display_key: Option<DisplayKey<K>>,
    ) -> Self {
        Self {
            inner,
            entries: ReportedEntries::none(Arc::clone(&meter), max_entries),
            meter,
            max_entries,
            display_key,
        }
    }

    /// Returns papaya's map, for operations that are not counted: printing, comparing and serialising.
    pub(crate) const fn uncounted(&self) -> &papaya::HashMap<K, V, S> {
        &self.inner
    }

    /// Returns the name in the telemetry.
    pub fn name(&self) -> &str {
        self.meter.name()
    }

    /// Returns a guard for the methods that take one.
    #[inline]
    pub fn guard(&self) -> LocalGuard<'_> {
        self.inner.guard()
    }

    /// Returns a guard for the methods that take one, which may move between threads and be held across `.await`.
    #[inline]
    pub fn owned_guard(&self) -> OwnedGuard<'_> {
        self.inner.owned_guard()
    }
}
