//! Rounds of slices, and the medians of their ratios.

use std::fmt;
use std::hash::Hash;
use std::sync::{Barrier, LazyLock};
use std::time::{Duration, Instant};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::variants::{Bare, Dash, Hasher, Load, Metered, Observed, Step, Variant};

/// How many steps a thread does before the next variant's turn, about 1 ms. Raised, the barrier weighs less and
/// fewer rounds fit.
const SLICE: usize = 1 << 15;

/// Bare, bare again, ours, dashmap, cached `metrics` handles.
const VARIANTS: usize = 5;

/// How long a cell is measured.
#[derive(Clone, Copy)]
pub(crate) struct Rounds {
    pub(crate) time: Duration,
    pub(crate) at_least: usize,
}

/// One cell of the matrix: medians of ratios to bare papaya.
pub(crate) struct Cell {
    what: String,
    /// Nanoseconds a step of the bare map takes, for scale.
    bare: f64,
    pub(crate) same: f64,
    pub(crate) mapwarden: f64,
    dashmap: f64,
    pub(crate) metrics: f64,
}

impl Cell {
    pub(crate) const HEADER: &'static str =
        "key     entries   mix   threads ops/pin | bare ns | a/a   mapwarden dashmap metrics+Instant";
}

impl fmt::Display for Cell {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, bare, same, mapwarden, dashmap, metrics } = self;
        write!(out, "{what} | {bare:7.1} | {same:5.3} {mapwarden:9.3} {dashmap:7.2} {metrics:15.2}")
    }
}

/// Measures all variants under one load.
pub(crate) fn cell<K>(load: &Load<K>, rounds: Rounds, threads: usize, per_pin: usize) -> Cell
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
{
    let prometheus = prometheus();
    let entries = load.keys.len();
    let bare =
        || -> Bare<K> { papaya::HashMap::builder().capacity(entries).hasher(Hasher::default()).build() };
    let observed: Observed<K> =
        mapwarden::HashMap::builder().name("bench").capacity(entries).hasher(Hasher::default()).build();
    let variants: [Box<dyn Variant<K>>; VARIANTS] = [
        Box::new(bare()),
        Box::new(bare()),
        Box::new(observed),
        Box::new(Dash::with_capacity_and_hasher(entries, Hasher::default())),
        Box::new(Metered::new(bare())),
    ];
    let fill: Vec<Step<K>> = load.keys.iter().cloned().map(Step::Insert).collect();
    for variant in &variants {
        variant.run(&fill, 64);
    }
    let mut times = Vec::new();
    let began = Instant::now();
    // One round to warm caches, branch predictors and the sampler's rate.
    round(&variants, load, 0, (threads, per_pin));
    while times.len() < rounds.at_least || began.elapsed() < rounds.time {
        times.push(round(&variants, load, times.len(), (threads, per_pin)));
        prometheus.run_upkeep();
    }
    let ratio = |variant: usize| {
        median(times.iter().map(|round| round[variant].as_secs_f64() / round[0].as_secs_f64()).collect())
    };
    let bare = median(times.iter().map(|round| round[0].as_secs_f64()).collect());
    let kind = std::any::type_name::<K>().rsplit("::").next().unwrap_or_default();
    Cell {
        what: format!("{kind:7} {entries:7} {:>6} {threads:7} {per_pin:7}", load.mix.name()),
        bare: bare * 1e9 / SLICE as f64,
        same: ratio(1),
        mapwarden: ratio(2),
        dashmap: ratio(3),
        metrics: ratio(4),
    }
}

/// Runs one slice on every variant and gives the time of each; who comes first changes from round to round.
fn round<K>(
    variants: &[Box<dyn Variant<K>>; VARIANTS],
    load: &Load<K>,
    round: usize,
    (threads, per_pin): (usize, usize),
) -> [Duration; VARIANTS]
where
    K: Send + Sync,
{
    let mut times = [Duration::ZERO; VARIANTS];
    for turn in 0..VARIANTS {
        let variant = (round + turn) % VARIANTS;
        let slices: Vec<&[Step<K>]> =
            load.steps.chunks_exact(SLICE).cycle().skip(round).take(threads).collect();
        // The last variant is so slow that it gets an eighth of the steps, and its time is scaled.
        let part = if variant == VARIANTS - 1 { 8 } else { 1 };
        let slices: Vec<&[Step<K>]> = slices.iter().map(|steps| &steps[..SLICE / part]).collect();
        times[variant] = slice(&*variants[variant], &slices, per_pin) * u32::try_from(part).expect("small");
    }
    times
}

/// The mean time of the threads that do one slice each, from the moment when all are there.
fn slice<K: Send + Sync>(variant: &dyn Variant<K>, slices: &[&[Step<K>]], per_pin: usize) -> Duration {
    let barrier = Barrier::new(slices.len());
    let timed = |steps: &[Step<K>]| {
        barrier.wait();
        let began = Instant::now();
        variant.run(steps, per_pin);
        began.elapsed()
    };
    if let [steps] = slices {
        return timed(steps);
    }
    let total: Duration = std::thread::scope(|scope| {
        let threads: Vec<_> = slices.iter().map(|steps| scope.spawn(|| timed(steps))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a slice does not panic")).sum()
    });
    total / u32::try_from(slices.len()).expect("few threads")
}

/// The middle of the values, not a number where there are none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The recorder behind the `metrics` handles; its histograms are emptied between rounds, as its exporter does.
fn prometheus() -> &'static PrometheusHandle {
    static HANDLE: LazyLock<PrometheusHandle> = LazyLock::new(|| {
        PrometheusBuilder::new().install_recorder().expect("no other recorder is installed")
    });
    &HANDLE
}
