//! The cost of a thousand objectives over ten thousand series: memory with a full month of history, and the time of
//! each stage of the evaluation of a second. `tests/bench cost` measures the whole program; this bench divides it by
//! stage.
//!
//! ```text
//! cargo bench -p mapwarden-sidecar --bench cost          # minutes
//! cargo bench -p mapwarden-sidecar --bench cost -- 100   # another number of objectives
//! ```

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a bench may stop with a message where a library may not"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mapwarden_contract::{Ratio, UnixNanos};
use mapwarden_engine::aggregate::{Aggregate, timestamp};
use mapwarden_engine::budget::{BudgetState, evaluate};
use mapwarden_engine::ledger::Ledger;
use mapwarden_engine::notice::Notices;
use mapwarden_engine::observation::{Batch, Observation, Point, PointValue, Resource, Temporality};
use mapwarden_objective::{Indicator, Matcher, Selector, Slo};
use mapwarden_sidecar::view::Durability;
use mapwarden_sidecar::view::{Evaluation, SidecarFacts, view};

const NOW: u64 = 1_800_000_000;
const SERIES_EACH: usize = 10;

fn at(second: u64) -> UnixNanos {
    UnixNanos::new(second * 1_000_000_000)
}

fn slo(number: usize) -> Slo {
    let matcher = |attribute: &str, pattern: String| Matcher { attribute: attribute.to_owned(), pattern };
    let selector = |matching| Selector { metric: "requests".to_owned(), matching };
    let route = || matcher("route", number.to_string());
    let bad = selector(vec![route(), matcher("status", "5*".to_owned())]);
    let indicator = Indicator::Events { total: selector(vec![route()]), bad };
    Slo::new("shop", format!("slo-{number}"), Ratio::new(0.999).unwrap(), indicator)
}

/// Returns delta points of the time from `from` to `to`: the same number of series for each objective, one of them of
/// failures.
fn batch_of(resource: &Arc<Resource>, slos: usize, (from, to): (u64, u64), series: usize) -> Batch {
    let point = |route: usize, series: usize| {
        let status = if series == 0 { "503" } else { "200" };
        let pairs =
            [("route", route.to_string()), ("series", series.to_string()), ("status", status.to_owned())];
        let value = if series == 0 { f64::from(u8::from((to + 7).is_multiple_of(1_000))) } else { 20.0 };
        Observation::Point(Point {
            metric: Arc::from("requests"),
            attributes: pairs.into_iter().map(|(name, value)| (Arc::from(name), Arc::from(value))).collect(),
            start: at(from),
            time: at(to),
            value: PointValue::Sum { temporality: Temporality::Delta, value },
        })
    };
    let points = (0..slos).flat_map(|route| (0..series).map(move |series| (route, series)));
    let observations = points.map(|(route, series)| point(route, series)).collect();
    Batch { resource: resource.clone(), received: at(to), observations }
}

/// The moments that fill each level: 31 days of quarters of an hour, then minutes, then tens of seconds, then seconds.
fn history() -> Vec<u64> {
    let steps = [(31 * 86_400, 900), (23_400, 60), (4_200, 10), (600, 1)];
    let ends = steps.iter().skip(1).map(|(reach, _)| *reach).chain([0]);
    let spans = steps.into_iter().zip(ends);
    spans.flat_map(|((reach, step), end)| (NOW - reach..NOW - end).step_by(step)).collect()
}

fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4 / 1_024
}

fn main() {
    let resource = Arc::new(Resource { id: 1, service: Arc::from("shop"), ..Resource::default() });
    let before = resident();
    // Cargo passes `--bench` for `cargo bench`, and nothing when `cargo test` runs every target.
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let asked = std::env::args().find_map(|argument| argument.parse().ok());
    let number = asked.unwrap_or(if is_measured { 1_000 } else { 2 });
    let slos: Vec<Slo> = (0..number).map(slo).collect();
    let mut aggregate = Aggregate::new(slos, 100_000, at(NOW - 32 * 86_400));
    for moment in history() {
        aggregate.take(&batch_of(&resource, number, (moment, moment), 2));
        aggregate.unsaved();
    }
    println!("{} MiB after a month of history, {before} MiB before", resident());
    let (mut budgets, mut notices) = (Arc::<BTreeMap<String, BudgetState>>::default(), Notices::default());
    let mut took = [Duration::ZERO; 6];
    let mut ledger = Ledger::default();
    let rounds = 30;
    for second in NOW..NOW + rounds {
        let batch = batch_of(&resource, number, (second - 1, second), SERIES_EACH);
        let mut began = Instant::now();
        let mut lap = |stage: usize| {
            took[stage] += began.elapsed();
            began = Instant::now();
        };
        aggregate.take(&batch);
        lap(0);
        aggregate.advance(at(second));
        lap(1);
        let known = aggregate.at(at(second));
        let evaluated = known.objectives();
        let evaluated = evaluated.map(|(id, slo)| (id.clone(), evaluate(slo, budgets.get(id), at(second))));
        budgets = Arc::new(evaluated.collect());
        lap(2);
        notices.step(&known, &budgets);
        lap(3);
        let states = ledger.step(&known, &budgets, |slo| notices.onset(slo));
        lap(4);
        let facts = SidecarFacts {
            started: timestamp(at(NOW)),
            durability: Durability::Memory,
            sources: &[],
            corrections: ledger.log(),
        };
        let judged = Evaluation { budgets: budgets.clone(), ledger: states };
        std::hint::black_box(view(&known, judged, &notices, facts));
        lap(5);
    }
    let names = ["take", "advance", "evaluate", "notices", "ledger", "view"];
    for (name, took) in names.iter().zip(took) {
        println!(
            "{name}: {:.2} ms a second",
            took.as_secs_f64() * 1e3 / f64::from(u32::try_from(rounds).unwrap())
        );
    }
    println!("{} MiB with {number} objectives and {} series", resident(), aggregate.at(at(NOW)).series());
}
