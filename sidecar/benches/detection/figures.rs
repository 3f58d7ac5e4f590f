//! The simulations: every rate with every kind of traffic and every kind of fault, on all cores.

use std::sync::Mutex;
use std::thread;

use crate::policy::POLICIES;
use crate::report::spread::Spread;
use crate::simulate;
use crate::subject::ALLOWED;
use crate::traffic::{Errors, Traffic};

/// Requests a second, with their labels.
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

/// Steady errors, as a multiple of the allowed errors: none of them is worth a page, for which a tier requires at least
/// six times the allowed errors.
pub(crate) const STEADY: [f64; 3] = [0.5, 1.0, 2.0];

/// The distributions of failures, with their labels.
pub(crate) const KINDS: [(Errors, &str); 6] = [
    (Errors::Single, "each by itself"),
    (Errors::Runs(5.0), "in runs of 5"),
    (Errors::Runs(20.0), "in runs of 20"),
    (Errors::Runs(100.0), "in runs of 100"),
    (Errors::Minutes(10.0), "in minutes of 10 times as many"),
    (Errors::Minutes(100.0), "in minutes of 100 times as many"),
];

/// A fault, and the traffic before it.
#[derive(Debug)]
pub(crate) struct Fault {
    /// The share of requests that fail.
    pub(crate) share: f64,
    /// The distribution of failures before it.
    before: Errors,
    /// How many seconds the service was known before it.
    known: u64,
    /// Its name in the tables and the plot.
    pub(crate) name: &'static str,
}

/// Every kind of fault.
pub(crate) const FAULTS: [Fault; 7] = [
    Fault::after_days(1.0, Errors::Single, "all fail"),
    Fault::after_days(0.25, Errors::Single, "25 % fail"),
    Fault::after_days(0.1, Errors::Single, "10 % fail"),
    Fault::after_days(0.02, Errors::Single, "2 % fail"),
    Fault {
        share: 1.0,
        before: Errors::Single,
        known: 3_600,
        name: "all fail, an hour after the first request",
    },
    Fault::after_days(1.0, Errors::Runs(20.0), "all fail, after runs of 20"),
    Fault::after_days(1.0, Errors::Minutes(100.0), "all fail, after minutes of 100 times as many"),
];

impl Fault {
    const fn after_days(share: f64, before: Errors, name: &'static str) -> Self {
        Self { share, before, known: 3 * simulate::DAY, name }
    }
}

/// The number of healthy services from which the faults begin.
const SERVICES: u64 = 10;

/// The amount of simulation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Services with steady traffic for each figure.
    pub(crate) services: u64,
    /// Days of each of them, from its first request on.
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
    /// The seconds by which half of the faults were paged.
    pub(crate) median: f64,
    /// The seconds by which nineteen of twenty were paged.
    pub(crate) late: f64,
}

/// Runs every simulation.
pub(crate) fn measure(effort: &Effort) -> Figures {
    let steady: Vec<_> = KINDS
        .iter()
        .flat_map(|kind| {
            STEADY.iter().flat_map(move |steady| RATES.iter().map(move |rate| (kind, steady, rate)))
        })
        .collect();
    let pages = in_parallel(&steady, |seed, ((errors, _), steady, (rate, _))| {
        let all = |service| {
            let traffic = Traffic::new(*rate, *steady * ALLOWED, *errors, seed * 101 + service);
            simulate::pages(traffic, effort.days)
        };
        let all: Vec<_> = (0..effort.services).map(all).collect();
        let of = |policy: usize| all.iter().map(|pages| f64::from(pages[policy])).sum::<f64>();
        let days = (effort.services * effort.days) as f64;
        (0..POLICIES.len()).map(|policy| of(policy) * 30.0 / days).collect()
    });
    let faults: Vec<_> =
        FAULTS.iter().flat_map(|fault| RATES.iter().map(move |rate| (fault, rate))).collect();
    let delays = in_parallel(&faults, |seed, (fault, (rate, _))| faults_of(effort, *rate, fault, seed));
    let by_rate = |flat: &[Vec<f64>]| flat.chunks(RATES.len()).map(<[_]>::to_vec).collect::<Vec<_>>();
    Figures {
        pages: pages.chunks(RATES.len() * STEADY.len()).map(by_rate).collect(),
        delays: delays.chunks(RATES.len()).map(<[_]>::to_vec).collect(),
    }
}

fn faults_of(effort: &Effort, rate: f64, fault: &Fault, seed: u64) -> Vec<Delay> {
    let mut delays_by_policy = vec![Vec::new(); POLICIES.len()];
    for service in 0..SERVICES {
        let before = simulate::healthy(rate, (fault.before, fault.known), seed * 101 + service);
        for time in 0..effort.faults.div_ceil(SERVICES) {
            let seed = (seed * 101 + service) * 10_007 + time;
            let delays = simulate::delays(&before, rate, fault.share, seed);
            for (all, one) in delays_by_policy.iter_mut().zip(delays.into_iter().flatten()) {
                all.push(one.map_or(f64::INFINITY, |seconds| seconds as f64));
            }
        }
    }
    delays_by_policy.into_iter().map(Delay::of).collect()
}

impl Delay {
    fn of(mut seconds: Vec<f64>) -> Self {
        seconds.sort_by(f64::total_cmp);
        let rank = (seconds.len() * 19).div_ceil(20).saturating_sub(1);
        Self { late: seconds.get(rank).copied().unwrap_or(f64::NAN), median: Spread::of(seconds).median }
    }
}

/// Returns one result for each job, in the order of the jobs; each job has its own seed.
fn in_parallel<J: Sync, R: Send>(jobs: &[J], work: impl Fn(u64, &J) -> R + Sync) -> Vec<R> {
    // The last jobs have the highest rates and take longest: they run first.
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
