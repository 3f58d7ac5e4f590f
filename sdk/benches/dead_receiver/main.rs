//! Measures what an unhealthy receiver costs the service: the latency of requests, and of the eight map operations in
//! each, with a receiver that is healthy, dead, slow or busy, and without telemetry.
//!
//! ```text
//! cargo bench -p mapwarden --bench dead_receiver            # about 2 minutes
//! cargo bench -p mapwarden --bench dead_receiver -- --quick # under 15 seconds, rough
//! ```
//!
//! In every round one service thread works for a turn in each state, in an order that rotates: it installs telemetry,
//! handles requests one after the other, and times each. Telemetry ships ten times as often as by default, so that a
//! turn sees several batches and pauses. A cell prints the median over the rounds of the turn's percentile; a ratio is
//! the median of the rounds' ratios. `again` is a second turn with the same healthy receiver: if its ratio is far from
//! 1, the machine was too noisy to judge the others.

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

/// The figures of one turn.
#[derive(Clone, Copy)]
struct Turn {
    map: Percentiles,
    request: Percentiles,
}

fn main() {
    // Cargo passes `--bench` for `cargo bench`, and nothing when `cargo test` only runs every target once.
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    let quick = has("--quick") || !has("--bench");
    let (rounds, time) = if quick { (3, Duration::from_millis(250)) } else { (15, Duration::from_secs(1)) };
    let states = State::ALL.map(|state| (state, receivers::endpoint(state)));
    let service = Service::new();
    let mut turns: Vec<[Turn; State::ALL.len()]> = Vec::new();
    for round in 0..rounds {
        let mut measured = [None; State::ALL.len()];
        for position in 0..states.len() {
            let at = (round + position) % states.len();
            let (_, endpoint) = &states[at];
            let telemetry = endpoint.as_deref().map(install);
            service.work(time / 10);
            let (map, request) = service.work(time);
            measured[at] = Some(Turn { map, request });
            drop(telemetry);
        }
        turns.push(measured.map(|turn| turn.expect("every state had its turn")));
    }
    report(&turns);
}

fn install(endpoint: &str) -> Telemetry {
    let telemetry = Telemetry::builder()
        .service("bench")
        .version("v1")
        .environment("bench")
        .team("bench")
        .endpoint(endpoint)
        .interval(INTERVAL);
    telemetry.install().expect("telemetry was dropped after each turn")
}

fn report(turns: &[[Turn; State::ALL.len()]]) {
    println!("            8 map operations, ns            requests, ns      request p99 to");
    println!("receiver       p50     p99    p999     p50     p99    p999    none  healthy");
    let healthy = State::Healthy.index();
    let of =
        |state: usize, part: &dyn Fn(&Turn) -> f64| median(turns.iter().map(|round| part(&round[state])));
    let ratio = |state: usize, to: usize| {
        median(turns.iter().map(|round| round[state].request.p99 / round[to].request.p99))
    };
    for (at, state) in State::ALL.into_iter().enumerate() {
        let map = [of(at, &|turn| turn.map.p50), of(at, &|turn| turn.map.p99), of(at, &|turn| turn.map.p999)];
        let request = [
            of(at, &|turn| turn.request.p50),
            of(at, &|turn| turn.request.p99),
            of(at, &|turn| turn.request.p999),
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

/// Returns the median of the values.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
