//! The entries of every map, and the operations on them.

/// The share of operations that read.
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

/// The keys of a map and the steps on them, the same for all contenders.
pub(crate) struct Load<K> {
    pub(crate) keys: Vec<K>,
    pub(crate) mix: Mix,
    pub(crate) steps: Vec<Step<K>>,
}

impl<K: Clone> Load<K> {
    /// The number of steps. Raised, they cover more of a large map and leave less cache to it.
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
