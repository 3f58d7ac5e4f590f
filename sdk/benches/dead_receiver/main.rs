//! What a receiver that is not well costs the service: the latency of requests, and of the eight map operations in
//! each, beside a receiver that is healthy, dead, slow or busy, and without telemetry.
//!
//! ```text
//! cargo bench -p mapwarden --bench dead_receiver            # about 2 minutes
//! cargo bench -p mapwarden --bench dead_receiver -- --quick # under 15 seconds, rough
//! ```
//!
//! Every round lets one service thread work for a slice in each state, in an order that rotates: it installs
//! telemetry, handles requests one after the other, and times each. Telemetry ships ten times as often as by default,
//! so that a slice sees several batches and pauses. A cell prints the median over the rounds of the slice's
//! percentile; a ratio is the median of the rounds' ratios. `again` is a second slice beside the same healthy
//! receiver: where its ratio is far from 1 the machine was too noisy to judge the others.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "a bench may stop with a message where a library may not"
)]

mod receivers;
mod service;

use std::time::Duration;

use mapwarden::Telemetry;
use receivers::State;
use service::{Percentiles, Service};

/// Ten times as often as by default.
const INTERVAL: Duration = Duration::from_millis(100);

/// What a slice measured.
#[derive(Clone, Copy)]
struct Slice {
    map: Percentiles,
    request: Percentiles,
}

fn main() {
    // Cargo passes `--bench` when it is asked to measure, and nothing when `cargo test` only tries every target.
    let is_asked = |flag: &str| std::env::args().any(|argument| argument == flag);
    let quick = is_asked("--quick") || !is_asked("--bench");
    let (rounds, time) = if quick { (3, Duration::from_millis(250)) } else { (15, Duration::from_secs(1)) };
    let states = State::ALL.map(|state| (state, receivers::endpoint(state)));
    let service = Service::new();
    let mut slices: Vec<[Slice; State::ALL.len()]> = Vec::new();
    for round in 0..rounds {
        let mut measured = [None; State::ALL.len()];
        for turn in 0..states.len() {
            let at = (round + turn) % states.len();
            let (_, endpoint) = &states[at];
            let telemetry = endpoint.as_deref().map(install);
            service.work(time / 10);
            let (map, request) = service.work(time);
            measured[at] = Some(Slice { map, request });
            drop(telemetry);
        }
        slices.push(measured.map(|slice| slice.expect("every state had its turn")));
    }
    report(&slices);
}

fn install(endpoint: &str) -> Telemetry {
    let telemetry = Telemetry::builder()
        .service("bench")
        .version("v1")
        .environment("bench")
        .team("bench")
        .endpoint(endpoint)
        .interval(INTERVAL);
    telemetry.install().expect("telemetry was dropped after each slice")
}

fn report(slices: &[[Slice; State::ALL.len()]]) {
    println!("            8 map operations, ns            requests, ns      request p99 to");
    println!("receiver       p50     p99    p999     p50     p99    p999    none  healthy");
    let healthy = State::Healthy.index();
    let of =
        |state: usize, part: &dyn Fn(&Slice) -> f64| median(slices.iter().map(|round| part(&round[state])));
    let ratio = |state: usize, to: usize| {
        median(slices.iter().map(|round| round[state].request.p99 / round[to].request.p99))
    };
    for (at, state) in State::ALL.into_iter().enumerate() {
        let map =
            [of(at, &|slice| slice.map.p50), of(at, &|slice| slice.map.p99), of(at, &|slice| slice.map.p999)];
        let request = [
            of(at, &|slice| slice.request.p50),
            of(at, &|slice| slice.request.p99),
            of(at, &|slice| slice.request.p999),
        ];
        print!("{:10}", state.name());
        map.iter().chain(&request).for_each(|nanos| print!(" {nanos:7.0}"));
        println!("  {:6.2}  {:7.2}", ratio(at, State::None.index()), ratio(at, healthy));
    }
    let to_healthy = |state: State| ratio(state.index(), healthy);
    println!(
        "service p99: healthy={:.2} dead={:.2} slow={:.2} busy={:.2}",
        to_healthy(State::Healthy),
        to_healthy(State::Dead),
        to_healthy(State::Slow),
        to_healthy(State::Busy)
    );
}

/// The middle of the values.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
