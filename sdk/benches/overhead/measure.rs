//! Rounds of turns. Comes in: contenders and a load. Goes out: the times of all turns.

use std::sync::{Barrier, LazyLock};
use std::time::{Duration, Instant};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::contenders::{COPIES, Contender};
use crate::load::{Load, Step};

/// The steps of a thread before the next contender's turn, about 1 ms. Raised, the barrier weighs less and fewer rounds
/// fit.
pub(crate) const TURN: usize = 1 << 15;

/// The steps before each turn that are not timed, because the contenders evict each other's maps from the caches.
/// Raised, more of a map is warm and fewer rounds fit.
const WARM: usize = 1 << 10;

/// The keys that one contender inserts before the next one's turn when the maps are filled: about the entries of a huge
/// page, so that all maps find the heap in the same state. Raised, the later ones get more fragmented memory.
const FILL: usize = 1 << 16;

/// The length of a cell's measurement.
#[derive(Clone, Copy)]
pub(crate) struct Rounds {
    pub(crate) time: Duration,
    pub(crate) at_least: usize,
}

/// How the steps run.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) threads: usize,
    /// The steps of one pin.
    pub(crate) per_pin: usize,
}

/// Returns the times of the turns by round, in the order of the contenders.
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
    // One round to warm up caches, branch predictors and the sampler's rate.
    round(contenders, load, 0, shape);
    while times.len() < rounds.at_least || began.elapsed() < rounds.time {
        times.push(round(contenders, load, times.len(), shape));
        prometheus.run_upkeep();
    }
    times
}

/// Makes the maps and fills them in turns.
pub(crate) fn filled<K: Clone>(make: fn(usize) -> Vec<Contender<K>>, load: &Load<K>) -> Vec<Contender<K>> {
    // The handles of `metrics` belong to the recorder that is installed when they are made.
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

/// Runs one turn of every contender and returns the time of each. Each round begins with another contender.
fn round<K: Send + Sync>(
    contenders: &[Contender<K>],
    load: &Load<K>,
    round: usize,
    shape: Shape,
) -> Vec<Duration> {
    let mut times = vec![Duration::ZERO; contenders.len()];
    for position in 0..contenders.len() {
        let index = (round + position) % contenders.len();
        let chunks: Vec<&[Step<K>]> =
            load.steps.chunks_exact(TURN).cycle().skip(round).take(shape.threads).collect();
        // Every pair of copies has a round: the contenders' copies shift against the bare map's.
        let copy = round + index.min(1) * (round / COPIES);
        times[index] = turn(&contenders[index], &chunks, shape.per_pin, copy);
    }
    times
}

/// Returns the mean time of the threads that run one chunk each, from the moment when all are ready.
fn turn<K: Send + Sync>(
    contender: &Contender<K>,
    chunks: &[&[Step<K>]],
    per_pin: usize,
    copy: usize,
) -> Duration {
    let barrier = Barrier::new(chunks.len());
    let timed = |steps: &[Step<K>]| {
        // The last steps, which a contender that runs a part of them does not repeat.
        contender.map.run_copy(copy, &steps[TURN - WARM..], per_pin);
        barrier.wait();
        let began = Instant::now();
        contender.map.run_copy(copy, &steps[..TURN / contender.part], per_pin);
        began.elapsed()
    };
    let count = |number: usize| u32::try_from(number).expect("a small number");
    let part = count(contender.part);
    if let [steps] = chunks {
        return timed(steps) * part;
    }
    let total: Duration = std::thread::scope(|scope| {
        let threads: Vec<_> = chunks.iter().map(|steps| scope.spawn(|| timed(steps))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a turn does not panic")).sum()
    });
    total * part / count(chunks.len())
}

/// The recorder behind the `metrics` handles; its histograms are emptied between rounds, as its exporter does.
fn prometheus() -> &'static PrometheusHandle {
    static HANDLE: LazyLock<PrometheusHandle> = LazyLock::new(|| {
        PrometheusBuilder::new().install_recorder().expect("no other recorder is installed")
    });
    &HANDLE
}
