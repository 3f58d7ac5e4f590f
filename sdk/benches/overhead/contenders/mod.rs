//! The contenders: bare papaya, mapwarden, papaya as services measure it today, and other maps.

mod facade;
mod instruments;
mod maps;
mod timed;

use std::hash::{BuildHasher, Hash};

use crate::load::Step;

/// A map that can run the load.
pub(crate) trait Variant<K>: Sync {
    /// Runs the steps, with one pin for `per_pin` of them if the map has pins.
    fn run(&self, steps: &[Step<K>], per_pin: usize);

    /// Runs the steps in this copy of the loop, of [`COPIES`], if the map has copies.
    fn run_copy(&self, _copy: usize, steps: &[Step<K>], per_pin: usize) {
        self.run(steps, per_pin);
    }
}

/// Copies of the loops of the maps that are compared to a few per cent. A loop of ten nanoseconds is up to a tenth
/// faster or slower by the position of its code in the processor's cache lines; over all copies no map has an
/// advantage. Raised, a pair of copies has fewer rounds.
pub(crate) const COPIES: usize = 8;

/// A map under its name in the table.
pub(crate) struct Contender<K> {
    pub(crate) name: &'static str,
    /// A slow map runs one in this many of the steps, and its time is scaled.
    pub(crate) part: usize,
    pub(crate) map: Box<dyn Variant<K>>,
}

impl<K> Contender<K> {
    fn new(name: &'static str, part: usize, map: impl Variant<K> + 'static) -> Self {
        Self { name, part, map: Box::new(map) }
    }
}

/// The map that all others are divided by.
pub(crate) const BARE: &str = "papaya";
/// The same again, which shows how far two equal maps differ.
pub(crate) const AGAIN: &str = "a/a";
/// The map that is judged.
pub(crate) const MAPWARDEN: &str = "mapwarden";
/// papaya with cached handles of the `metrics` facade.
pub(crate) const CACHED: &str = "metrics";

/// Returns papaya, papaya again, and mapwarden with its defaults.
pub(crate) fn judged<K, S>(entries: usize) -> Vec<Contender<K>>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    S: BuildHasher + Clone + Default + Send + Sync + 'static,
{
    vec![
        Contender::new(BARE, 1, maps::bare::<K, S>(entries)),
        Contender::new(AGAIN, 1, maps::bare::<K, S>(entries)),
        Contender::new(MAPWARDEN, 1, maps::observed::<K, S>("bench", entries).build()),
    ]
}

/// Returns all contenders.
pub(crate) fn all<K, S>(entries: usize) -> Vec<Contender<K>>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    S: BuildHasher + Clone + Default + Send + Sync + 'static,
{
    let mut contenders = judged::<K, S>(entries);
    contenders.extend([
        Contender::new(
            "timed",
            8,
            maps::observed::<K, S>("bench-timed", entries).time_every_operation().build(),
        ),
        Contender::new(CACHED, 8, facade::Cached::new(maps::bare::<K, S>(entries))),
        Contender::new("macros", 8, facade::Macros::new(maps::bare::<K, S>(entries))),
        Contender::new("otel", 8, instruments::Instruments::new(maps::bare::<K, S>(entries))),
        Contender::new("dashmap", 1, maps::dash::<K, S>(entries)),
        Contender::new("moka", 8, maps::moka::<K, S>(entries)),
    ]);
    contenders
}
