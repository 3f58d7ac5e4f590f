//! Rounds of slices, and the ratios of their times.

use std::sync::{Barrier, LazyLock};
use std::time::{Duration, Instant};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::contenders::{Contender, PLACES};
use crate::load::{Load, Step};

/// How many steps a thread does before the next contender's turn, about 1 ms. Raised, the barrier weighs less and
/// fewer rounds fit.
pub(crate) const SLICE: usize = 1 << 15;

/// How many steps come before each slice without being timed, because the contenders throw each other's maps out
/// of the caches. Raised, more of a map is warm and fewer rounds fit.
const WARM: usize = 1 << 10;

/// How many keys one contender takes before the next one's turn when the maps are filled: about the entries of a
/// huge page, so that all maps find the heap in one state. Raised, the later ones get more worn memory.
const FILL: usize = 1 << 16;

/// How long a cell is measured.
#[derive(Clone, Copy)]
pub(crate) struct Rounds {
    pub(crate) time: Duration,
    pub(crate) at_least: usize,
}

/// How the steps are done.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) threads: usize,
    /// How many steps one pin serves.
    pub(crate) per_pin: usize,
}

/// The times of a slice by round, in the order of the contenders.
pub(crate) fn rounds<K>(
    contenders: &[Contender<K>],
    load: &Load<K>,
    rounds: Rounds,
    shape: Shape,
) -> Vec<Vec<Duration>>
where
    K: Send + Sync,
{
    let prometheus = prometheus();
    let mut times = Vec::new();
    let began = Instant::now();
    // One round to warm caches, branch predictors and the sampler's rate.
    round(contenders, load, 0, shape);
    while times.len() < rounds.at_least || began.elapsed() < rounds.time {
        times.push(round(contenders, load, times.len(), shape));
        prometheus.run_upkeep();
    }
    times
}

/// Makes the maps and fills them in turns.
pub(crate) fn filled<K: Clone>(make: fn(usize) -> Vec<Contender<K>>, load: &Load<K>) -> Vec<Contender<K>> {
    // The handles of `metrics` belong to the recorder that is there when they are made.
    prometheus();
    let contenders = make(load.keys.len());
    for keys in load.keys.chunks(FILL) {
        let steps: Vec<Step<K>> = keys.iter().cloned().map(Step::Insert).collect();
        for contender in &contenders {
            contender.map.run(&steps, 64);
        }
    }
    contenders
}

/// Runs one slice on every contender and gives the time of each; who comes first changes from round to round.
fn round<K: Send + Sync>(
    contenders: &[Contender<K>],
    load: &Load<K>,
    round: usize,
    shape: Shape,
) -> Vec<Duration> {
    let mut times = vec![Duration::ZERO; contenders.len()];
    for turn in 0..contenders.len() {
        let index = (round + turn) % contenders.len();
        let slices: Vec<&[Step<K>]> =
            load.steps.chunks_exact(SLICE).cycle().skip(round).take(shape.threads).collect();
        // Every pair of places comes by: the contenders' shift against the bare map's at each turn of it.
        let place = round + index.min(1) * (round / PLACES);
        times[index] = slice(&contenders[index], &slices, shape.per_pin, place);
    }
    times
}

/// The mean time of the threads that do one slice each, from the moment when all are there.
fn slice<K: Send + Sync>(
    contender: &Contender<K>,
    slices: &[&[Step<K>]],
    per_pin: usize,
    place: usize,
) -> Duration {
    let barrier = Barrier::new(slices.len());
    let timed = |steps: &[Step<K>]| {
        // The last steps, which a contender that does a part of them does not repeat.
        contender.map.run_at(place, &steps[SLICE - WARM..], per_pin);
        barrier.wait();
        let began = Instant::now();
        contender.map.run_at(place, &steps[..SLICE / contender.part], per_pin);
        began.elapsed()
    };
    let count = |number: usize| u32::try_from(number).expect("a small number");
    let part = count(contender.part);
    if let [steps] = slices {
        return timed(steps) * part;
    }
    let total: Duration = std::thread::scope(|scope| {
        let threads: Vec<_> = slices.iter().map(|steps| scope.spawn(|| timed(steps))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a slice does not panic")).sum()
    });
    total * part / count(slices.len())
}

/// The recorder behind the `metrics` handles; its histograms are emptied between rounds, as its exporter does.
fn prometheus() -> &'static PrometheusHandle {
    static HANDLE: LazyLock<PrometheusHandle> = LazyLock::new(|| {
        PrometheusBuilder::new().install_recorder().expect("no other recorder is installed")
    });
    &HANDLE
}
