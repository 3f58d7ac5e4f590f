//! What is compared, and what it is made to do.

use std::hash::{BuildHasherDefault, DefaultHasher, Hash};
use std::hint::black_box;
use std::time::Instant;

/// SipHash-1-3 as `RandomState` uses it, but with the same key in every map, so that all of them collide alike.
pub(crate) type Hasher = BuildHasherDefault<DefaultHasher>;

/// How many of the operations read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mix {
    Reads,
    MostlyReads,
    Half,
}

impl Mix {
    pub(crate) const ALL: [Self; 3] = [Self::Reads, Self::MostlyReads, Self::Half];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Reads => "100/0",
            Self::MostlyReads => "95/5",
            Self::Half => "50/50",
        }
    }

    const fn reads_percent(self) -> u8 {
        match self {
            Self::Reads => 100,
            Self::MostlyReads => 95,
            Self::Half => 50,
        }
    }
}

/// One operation on a key that every map holds.
pub(crate) enum Step<K> {
    Get(K),
    Insert(K),
}

/// What all variants are filled with and made to do.
pub(crate) struct Load<K> {
    pub(crate) keys: Vec<K>,
    pub(crate) mix: Mix,
    pub(crate) steps: Vec<Step<K>>,
}

impl<K: Clone> Load<K> {
    /// How many steps there are. Raised, they cover more of a large map and leave less cache to it.
    const STEPS: usize = 1 << 17;

    pub(crate) fn new(entries: u64, mix: Mix, key: &impl Fn(u64) -> K) -> Self {
        let mut random = fastrand::Rng::with_seed(42);
        let steps = (0..Self::STEPS)
            .map(|_| {
                let key = key(random.u64(..entries));
                if random.u8(..100) < mix.reads_percent() { Step::Get(key) } else { Step::Insert(key) }
            })
            .collect();
        Self { keys: (0..entries).map(key).collect(), mix, steps }
    }
}

/// A map that can do the load.
pub(crate) trait Variant<K>: Sync {
    /// Does the steps, holding one pin for `per_pin` of them where there are pins.
    fn run(&self, steps: &[Step<K>], per_pin: usize);
}

pub(crate) type Bare<K> = papaya::HashMap<K, u64, Hasher>;
pub(crate) type Observed<K> = mapwarden::HashMap<K, u64, Hasher>;
pub(crate) type Dash<K> = dashmap::DashMap<K, u64, Hasher>;

// The three maps have the same methods but no common trait.
macro_rules! run {
    ($pin:expr, $steps:expr, $per_pin:expr) => {
        for steps in $steps.chunks($per_pin) {
            let map = $pin;
            for step in steps {
                match step {
                    Step::Get(key) => black_box(map.get(key).is_some()),
                    Step::Insert(key) => black_box(map.insert(key.clone(), 1).is_some()),
                };
            }
        }
    };
}

impl<K: Hash + Eq + Clone + Send + Sync> Variant<K> for Bare<K> {
    fn run(&self, steps: &[Step<K>], per_pin: usize) {
        run!(self.pin(), steps, per_pin);
    }
}

impl<K: Hash + Eq + Clone + Send + Sync> Variant<K> for Observed<K> {
    fn run(&self, steps: &[Step<K>], per_pin: usize) {
        run!(self.pin(), steps, per_pin);
    }
}

impl<K: Hash + Eq + Clone + Send + Sync> Variant<K> for Dash<K> {
    fn run(&self, steps: &[Step<K>], per_pin: usize) {
        run!(self, steps, per_pin);
    }
}

/// papaya as careful services measure it today: handles looked up once, two clock reads an operation.
pub(crate) struct Metered<K> {
    map: Bare<K>,
    hits: metrics::Counter,
    misses: metrics::Counter,
    inserted: metrics::Counter,
    replaced: metrics::Counter,
    get: metrics::Histogram,
    insert: metrics::Histogram,
}

impl<K> Metered<K> {
    /// Takes handles of the recorder that is installed.
    pub(crate) fn new(map: Bare<K>) -> Self {
        let operations = |op: &'static str, outcome: &'static str| {
            let labels = [("map", "bench"), ("op", op), ("outcome", outcome)];
            metrics::counter!("map_operations", &labels)
        };
        let duration = |op| metrics::histogram!("map_operation_duration", "map" => "bench", "op" => op);
        Self {
            map,
            hits: operations("get", "hit"),
            misses: operations("get", "miss"),
            inserted: operations("insert", "inserted"),
            replaced: operations("insert", "replaced"),
            get: duration("get"),
            insert: duration("insert"),
        }
    }
}

impl<K: Hash + Eq + Clone + Send + Sync> Variant<K> for Metered<K> {
    fn run(&self, steps: &[Step<K>], per_pin: usize) {
        for steps in steps.chunks(per_pin) {
            let map = self.map.pin();
            for step in steps {
                let began = Instant::now();
                match step {
                    Step::Get(key) => {
                        let found = black_box(map.get(key).is_some());
                        self.get.record(began.elapsed());
                        if found { &self.hits } else { &self.misses }.increment(1);
                    }
                    Step::Insert(key) => {
                        let found = black_box(map.insert(key.clone(), 1).is_some());
                        self.insert.record(began.elapsed());
                        if found { &self.replaced } else { &self.inserted }.increment(1);
                    }
                }
            }
        }
    }
}
