//! What is simulated: every rate with every kind of traffic and every kind of fault, on all cores.

use std::sync::Mutex;
use std::thread;

use crate::policy::POLICIES;
use crate::report::spread::Spread;
use crate::simulate;
use crate::subject::ALLOWED;
use crate::traffic::{Errors, Traffic};

/// Requests a second, and what that is called.
pub(crate) const RATES: [(f64, &str); 8] = [
    (1.0 / 60.0, "1/min"),
    (1.0 / 6.0, "10/min"),
    (1.0, "1/s"),
    (10.0, "10/s"),
    (100.0, "100/s"),
    (1_000.0, "1,000/s"),
    (10_000.0, "10,000/s"),
    (100_000.0, "100,000/s"),
];

/// Steady errors, as a multiple of what is allowed: none of them is worth a page, for which a tier asks at least six
/// times what is allowed.
pub(crate) const STEADY: [f64; 5] = [0.5, 0.9, 1.0, 1.1, 2.0];

/// How errors come, and what that is called.
pub(crate) const KINDS: [(Errors, &str); 2] =
    [(Errors::Single, "each by itself"), (Errors::Runs(20.0), "in runs of 20")];

/// The share of requests that a fault fails, and what that is called.
pub(crate) const FAULTS: [(f64, &str); 4] =
    [(1.0, "all fail"), (0.25, "25 % fail"), (0.1, "10 % fail"), (0.02, "2 % fail")];

/// From how many healthy days the faults begin.
const DAYS_BEFORE: u64 = 10;

/// How much is simulated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Days of steady traffic for each figure.
    pub(crate) days: u64,
    /// Faults for each figure.
    pub(crate) faults: u64,
}

/// Every figure, by policy in the innermost list.
#[derive(Debug)]
pub(crate) struct Figures {
    /// Pages in 30 days by kind of errors, steady errors and rate.
    pub(crate) pages: Vec<Vec<Vec<Vec<f64>>>>,
    /// Seconds from the fault to the page, by fault and rate.
    pub(crate) delays: Vec<Vec<Vec<Delay>>>,
}

/// How long a policy took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delay {
    /// Half of the faults were paged by then, in seconds.
    pub(crate) median: f64,
    /// Nineteen of twenty were paged by then, in seconds.
    pub(crate) late: f64,
}

/// Simulates everything.
pub(crate) fn measure(effort: &Effort) -> Figures {
    let steady: Vec<_> = KINDS
        .iter()
        .flat_map(|kind| {
            STEADY.iter().flat_map(move |steady| RATES.iter().map(move |rate| (kind, steady, rate)))
        })
        .collect();
    let pages = in_parallel(&steady, |seed, ((errors, _), steady, (rate, _))| {
        simulate::pages(Traffic::new(*rate, *steady * ALLOWED, *errors, seed), effort.days)
    });
    let faults: Vec<_> =
        FAULTS.iter().flat_map(|fault| RATES.iter().map(move |rate| (fault, rate))).collect();
    let delays =
        in_parallel(&faults, |seed, ((share, _), (rate, _))| faults_of(effort, (*rate, *share), seed));
    let by_rate = |flat: &[Vec<f64>]| flat.chunks(RATES.len()).map(<[_]>::to_vec).collect::<Vec<_>>();
    Figures {
        pages: pages.chunks(RATES.len() * STEADY.len()).map(by_rate).collect(),
        delays: delays.chunks(RATES.len()).map(<[_]>::to_vec).collect(),
    }
}

fn faults_of(effort: &Effort, (rate, share): (f64, f64), seed: u64) -> Vec<Delay> {
    let mut told = vec![Vec::new(); POLICIES.len()];
    for day in 0..DAYS_BEFORE {
        let before = simulate::healthy(rate, seed + day);
        for fault in 0..effort.faults.div_ceil(DAYS_BEFORE) {
            let seed = (seed + day) * 10_007 + fault;
            for (all, one) in
                told.iter_mut().zip(simulate::delays(&before, rate, share, seed).into_iter().flatten())
            {
                all.push(one.map_or(f64::INFINITY, |seconds| seconds as f64));
            }
        }
    }
    told.into_iter().map(Delay::of).collect()
}

impl Delay {
    fn of(mut seconds: Vec<f64>) -> Self {
        seconds.sort_by(f64::total_cmp);
        let rank = (seconds.len() * 19).div_ceil(20).saturating_sub(1);
        Self { late: seconds.get(rank).copied().unwrap_or(f64::NAN), median: Spread::of(seconds).median }
    }
}

/// One result for each job, in the order of the jobs; each job has a seed of its own.
fn in_parallel<J: Sync, R: Send>(jobs: &[J], work: impl Fn(u64, &J) -> R + Sync) -> Vec<R> {
    // The last jobs are those of the highest rates, which take longest: they go first.
    let left = Mutex::new(jobs.iter().enumerate().collect::<Vec<_>>());
    let done = Mutex::new(Vec::new());
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let Some((index, job)) = left.lock().expect("a worker failed").pop() else { return };
                    let result = work(1_000 + index as u64, job);
                    done.lock().expect("a worker failed").push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("a worker failed");
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}
