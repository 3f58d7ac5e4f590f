//! The map itself: how it is made and pinned.

use std::collections::hash_map::RandomState;
use std::sync::Arc;

use papaya::{LocalGuard, OwnedGuard};

use super::display_key::DisplayKey;
use super::reported_entries::ReportedEntries;
use crate::record::Meter;

/// A concurrent hash map that counts what is done with it.
///
/// Everything is [papaya](papaya::HashMap)'s: the lock-free table, the guards, the signatures, the answers. Beside
/// that every operation is counted exactly by how it ended, and one in N is timed, where N follows the rate of each
/// thread: 1 up to some 4,000 operations a second, so that every operation is timed, and at most 1,024. A thread that
/// slows down after a burst is timed anew from the next batch on. Through a [`pin`](HashMap::pin) an untimed operation costs two loads, two stores and two predicted branches more than
/// papaya's.
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
/// Maps of one name are one to the telemetry: their counts add up, and stay when a map is dropped. A map without a
/// name is named by where it was made, `src/sessions.rs:12`. Where that place cannot be known it is named by its
/// type, `unnamed HashMap<String, u64>`, and is one with the other such maps of that type: what the standard library
/// makes on a caller's behalf (`collect`, `std::mem::take`, `LazyLock::new(HashMap::new)`) and what serde makes.
///
/// # Entries
/// The number of entries is looked up when an operation is timed, after every operation on the whole map and at
/// every [`len`](HashMap::len). While every operation is timed it is exact; else it is that of some thousand
/// operations ago at most.
///
/// # A bounded map
/// With [`max_entries`](HashMapBuilder::max_entries) a full map refuses new keys and goes on replacing, updating and
/// removing old ones. A refusal is counted as `rejected` and spends the budget of an availability objective.
/// [`checked_insert`](HashMapRef::checked_insert) returns it as an error with the key and the value. papaya's own
/// methods have no way to say it; they answer **as if another thread had removed the new entry at once**, which every
/// caller of a concurrent map must be ready for: `insert` returns `None`, `get_or_insert` a reference that is valid
/// as long as the guard, and the map does not hold the key. Where two threads bring a full map the same new key at
/// once, both may be answered like this, and one with a reference to the other's value: **`try_insert` on a bounded
/// map is no lock and no token of idempotency.** A key that is added while its map is full is taken out again even
/// if another thread updated it meanwhile. While threads insert at the same moment the map may pass the bound by at
/// most their number.
pub struct HashMap<K, V, S = RandomState> {
    pub(super) inner: papaya::HashMap<K, V, S>,
    pub(super) meter: Arc<Meter>,
    pub(super) entries: ReportedEntries,
    /// `usize::MAX` where there is no bound.
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

    /// papaya's map, for what is not counted: printing, comparing and serialising.
    pub(crate) const fn uncounted(&self) -> &papaya::HashMap<K, V, S> {
        &self.inner
    }

    /// The name in the telemetry.
    pub fn name(&self) -> &str {
        self.meter.name()
    }

    /// A guard for the methods that take one.
    #[inline]
    pub fn guard(&self) -> LocalGuard<'_> {
        self.inner.guard()
    }

    /// A guard for the methods that take one, which may move between threads and be held across `.await`.
    #[inline]
    pub fn owned_guard(&self) -> OwnedGuard<'_> {
        self.inner.owned_guard()
    }
}
