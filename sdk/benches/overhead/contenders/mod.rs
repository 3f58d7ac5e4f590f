//! Who is compared: bare papaya, what mapwarden makes of it, what services do today, and other maps.

mod facade;
mod instruments;
mod maps;
mod timed;

use std::hash::{BuildHasher, Hash};

use crate::load::Step;

/// A map that can do the load.
pub(crate) trait Variant<K>: Sync {
    /// Does the steps, holding one pin for `per_pin` of them where there are pins.
    fn run(&self, steps: &[Step<K>], per_pin: usize);

    /// The same by the copy of its loop at this place of the program, of [`PLACES`], where there are copies.
    fn run_at(&self, _place: usize, steps: &[Step<K>], per_pin: usize) {
        self.run(steps, per_pin);
    }
}

/// At how many places of the program the loops of the maps stand that are compared to a few per cent. A loop of ten
/// nanoseconds is up to a tenth faster or slower by where its code happens to lie in the processor's cache lines; over
/// all places that is no advantage to anybody. Raised, a pair of places has fewer rounds.
pub(crate) const PLACES: usize = 8;

/// A map under its name in the table.
pub(crate) struct Contender<K> {
    pub(crate) name: &'static str,
    /// It does one in so many of the steps and its time is scaled, because it is so slow.
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
/// The same again, which tells how far two equal maps differ.
pub(crate) const AGAIN: &str = "a/a";
/// The map that is judged.
pub(crate) const MAPWARDEN: &str = "mapwarden";
/// papaya with cached handles of the `metrics` facade.
pub(crate) const CACHED: &str = "metrics";

/// papaya, papaya again, and ours as it comes.
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

/// All of them.
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
