//! Loads for asynchronous services, one at a time for each key. Comes in: many tasks that miss one key at once. Goes
//! out: one load, whose value or error they all get. Holds no guard across an `.await`, and needs no runtime.

use std::any::type_name;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_lock::OnceCell;

use super::HashMap;
use crate::record::Meter;
use mapwarden_contract::{Op, Outcome};

/// A map whose absent keys are loaded once, however many tasks ask for one at the same time.
///
/// Whoever comes first runs its loader; those who come while it runs wait for it, and get a clone of its value, or its
/// error. If the first one is cancelled or panics, one of those who wait runs its own loader. A finished load is
/// forgotten: its value is in the map, and an error is loaded anew by whoever comes next.
///
/// Everything counts as `load` on the map: `hit` where the key was there, or another task loaded it, `inserted` and
/// `failed` for a load that ran, with its time, `rejected` where the map was full and did not keep the value. Those who
/// waited for a load that failed count as `failed` too: each of them is a caller without a value. A cancelled load counts
/// as nothing.
///
/// ```
/// use mapwarden::{HashMap, SingleFlight};
///
/// # async fn fetch(product: &str) -> Result<u64, std::io::Error> { Ok(250) }
/// # async fn handle() -> Result<(), std::sync::Arc<std::io::Error>> {
/// let prices: SingleFlight<String, u64, std::io::Error> =
///     SingleFlight::new(HashMap::builder().name("prices").build());
///
/// let price = prices.get_or_load("tea".to_owned(), || fetch("tea")).await?;
/// assert_eq!(prices.map().pin().get("tea"), Some(&price));
/// # Ok(())
/// # }
/// ```
pub struct SingleFlight<K, V, E, S = RandomState> {
    map: HashMap<K, V, S>,
    flights: papaya::HashMap<K, Arc<Flight<V, E>>>,
}

/// One load and all who wait for it.
struct Flight<V, E> {
    result: OnceCell<Result<V, Arc<E>>>,
    /// How many tasks wait for it, or [`CLOSED`].
    tasks: AtomicUsize,
}

/// Nobody waits any more, and nobody may begin to.
const CLOSED: usize = usize::MAX;

impl<V, E> Flight<V, E> {
    fn new() -> Self {
        Self { result: OnceCell::new(), tasks: AtomicUsize::new(0) }
    }

    // Relaxed, here and below: the number guards nothing but itself; the cell orders what it holds.
    fn enter(&self) -> bool {
        let one_more = |tasks| (tasks != CLOSED).then(|| tasks + 1);
        self.tasks.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    /// Whether the last one has left, who closes it.
    fn leave(&self) -> bool {
        let one_less = |tasks| if tasks == 1 { Some(CLOSED) } else { Some(tasks - 1) };
        self.tasks.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less) == Ok(1)
    }
}

/// A task's place in a flight.
struct Seat<'a, K: Hash + Eq, V, E, S> {
    owner: &'a SingleFlight<K, V, E, S>,
    key: K,
    flight: Arc<Flight<V, E>>,
}

impl<K: Hash + Eq, V, E, S> Drop for Seat<'_, K, V, E, S> {
    fn drop(&mut self) {
        if self.flight.leave() {
            self.owner.forget(&self.key, &self.flight);
        }
    }
}

/// A load that runs. Dropped without an end it was cancelled, or the loader panicked.
struct RunningLoad<'a> {
    meter: &'a Meter,
    began: u64,
}

impl Drop for RunningLoad<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Its drop counts it as failed.
            drop(self.meter.begin_since(Op::Load, self.began));
        }
    }
}

impl<K, V, E, S> SingleFlight<K, V, E, S> {
    /// Loads into this map.
    pub fn new(map: HashMap<K, V, S>) -> Self {
        Self { map, flights: papaya::HashMap::new() }
    }

    /// The map, for all other operations.
    pub const fn map(&self) -> &HashMap<K, V, S> {
        &self.map
    }

    /// The map, without what is being loaded.
    pub fn into_map(self) -> HashMap<K, V, S> {
        self.map
    }
}

impl<K: Hash + Eq, V, E, S> SingleFlight<K, V, E, S> {
    /// The number of keys that are being loaded now.
    pub fn loads_in_flight(&self) -> usize {
        self.flights.len()
    }

    fn forget(&self, key: &K, flight: &Arc<Flight<V, E>>) {
        // An error says that another flight has taken the place.
        let _ = self.flights.pin().remove_if(key, |_, found| Arc::ptr_eq(found, flight)).is_ok();
    }
}

impl<K, V, E, S> SingleFlight<K, V, E, S>
where
    K: Hash + Eq + Clone,
    V: Clone,
    S: BuildHasher,
{
    /// The value of the key, after loading it if there was none. May be cancelled at any `.await`.
    ///
    /// # Errors
    /// What the loader returned that ran: this task's, or that of the task for which this one waited.
    pub async fn get_or_load<F, L>(&self, key: K, load: F) -> Result<V, Arc<E>>
    where
        F: FnOnce() -> L,
        L: Future<Output = Result<V, E>>,
    {
        if let Some(value) = self.look_up(&key) {
            return Ok(value);
        }
        let seat = self.sit_down(key);
        let mut has_loaded = false;
        let result = seat.flight.result.get_or_init(|| {
            has_loaded = true;
            self.load(&seat, load)
        });
        let result = result.await.clone();
        if !has_loaded {
            let meter = &self.map.meter;
            match &result {
                Ok(_) => meter.note_load(Outcome::Hit, None),
                Err(_) => meter.note_load(Outcome::Failed, Some(type_name::<E>())),
            }
        }
        result
    }

    fn look_up(&self, key: &K) -> Option<V> {
        self.map.pin().observed().look_up(key).cloned()
    }

    fn sit_down(&self, key: K) -> Seat<'_, K, V, E, S> {
        loop {
            let flights = self.flights.pin();
            let flight = flights.get_or_insert_with(key.clone(), || Arc::new(Flight::new()));
            if flight.enter() {
                let flight = Arc::clone(flight);
                drop(flights);
                return Seat { owner: self, key, flight };
            }
            // Its last task is about to take it out.
            let closed = Arc::clone(flight);
            drop(flights);
            self.forget(&key, &closed);
        }
    }

    async fn load<F, L>(&self, seat: &Seat<'_, K, V, E, S>, load: F) -> Result<V, Arc<E>>
    where
        F: FnOnce() -> L,
        L: Future<Output = Result<V, E>>,
    {
        // Somebody may have loaded it between this task's look at the map and its place in the flight.
        if let Some(value) = self.look_up(&seat.key) {
            self.forget(&seat.key, &seat.flight);
            return Ok(value);
        }
        let running = RunningLoad { meter: &self.map.meter, began: Meter::clock() };
        let loaded = load().await;
        let began = running.began;
        std::mem::forget(running);
        let result = self.end_load(began, seat.key.clone(), loaded);
        // Before those who wait are told, so that an error is not told to those who come after.
        self.forget(&seat.key, &seat.flight);
        result
    }

    /// Keeps what was loaded, and counts the load with its time.
    fn end_load(&self, began: u64, key: K, loaded: Result<V, E>) -> Result<V, Arc<E>> {
        let pin = self.map.pin();
        let running = self.map.meter.begin_since(Op::Load, began);
        pin.observed().end_load(running, key, || loaded).cloned().map_err(Arc::new)
    }
}

impl<K, V, E, S> fmt::Debug for SingleFlight<K, V, E, S>
where
    K: Hash + Eq + fmt::Debug,
    V: fmt::Debug,
    S: BuildHasher,
{
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SingleFlight")
            .field("map", &self.map)
            .field("loads_in_flight", &self.loads_in_flight())
            .finish()
    }
}
