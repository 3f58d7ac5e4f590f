//! Loads for asynchronous services, one at a time for each key. Comes in: many tasks that miss one key at once. Goes
//! out: one load, with a value or error for all of them. Never holds a guard across an `.await`, and needs no runtime.

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

/// A map that loads an absent key once, however many tasks look it up at the same time.
///
/// The first task runs its loader; tasks that come while it runs wait for it, and get a clone of its value, or its
/// error. If the first task is cancelled or panics, one of the waiting tasks runs its own loader. A finished load is
/// forgotten: its value is in the map, and after an error the next task loads again.
///
/// Everything counts as `load` on the map: `hit` if the key was there or another task loaded it, `inserted` and
/// `failed` for a load that ran, with its time, `rejected` if the map was full and did not keep the value. Tasks that
/// waited for a load that failed count as `failed` too: each of them is a caller without a value. A cancelled load is
/// not counted.
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

/// One load and the tasks that wait for it.
struct Flight<V, E> {
    result: OnceCell<Result<V, Arc<E>>>,
    /// How many tasks wait for it, or [`CLOSED`].
    tasks: AtomicUsize,
}

/// No task waits any longer, and none may begin to.
const CLOSED: usize = usize::MAX;

impl<V, E> Flight<V, E> {
    fn new() -> Self {
        Self { result: OnceCell::new(), tasks: AtomicUsize::new(0) }
    }

    // Relaxed, here and below: the number protects only itself; the cell orders its content.
    fn enter(&self) -> bool {
        let one_more = |tasks| (tasks != CLOSED).then(|| tasks + 1);
        self.tasks.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    /// Returns whether the last task has left, which closes the flight.
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

/// A load that runs. If it is dropped without an end, the task was cancelled or the loader panicked.
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
    /// Returns a loader into this map.
    pub fn new(map: HashMap<K, V, S>) -> Self {
        Self { map, flights: papaya::HashMap::new() }
    }

    /// Returns the map, for all other operations.
    pub const fn map(&self) -> &HashMap<K, V, S> {
        &self.map
    }

    /// Returns the map, without loads that still run.
    pub fn into_map(self) -> HashMap<K, V, S> {
        self.map
    }
}

impl<K: Hash + Eq, V, E, S> SingleFlight<K, V, E, S> {
    /// Returns the number of keys that are being loaded.
    pub fn loads_in_flight(&self) -> usize {
        self.flights.len()
    }

    fn forget(&self, key: &K, flight: &Arc<Flight<V, E>>) {
        // An error means that another flight has taken its place.
        let _ = self.flights.pin().remove_if(key, |_, found| Arc::ptr_eq(found, flight)).is_ok();
    }
}

impl<K, V, E, S> SingleFlight<K, V, E, S>
where
    K: Hash + Eq + Clone,
    V: Clone,
    S: BuildHasher,
{
    /// Returns the value of the key, after loading it if there was none. May be cancelled at any `.await`.
    ///
    /// # Errors
    /// The error of the loader that ran: this task's, or that of the task for which this one waited.
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
            // Its last task is about to remove it.
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
        // Another task may have loaded it between this task's look-up and its entry into the flight.
        if let Some(value) = self.look_up(&seat.key) {
            self.forget(&seat.key, &seat.flight);
            return Ok(value);
        }
        let running = RunningLoad { meter: &self.map.meter, began: Meter::clock() };
        let loaded = load().await;
        let began = running.began;
        std::mem::forget(running);
        let result = self.end_load(began, seat.key.clone(), loaded);
        // Before the waiting tasks get the result, so that tasks that come later do not get its error.
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
