//! From points to counts: what senders do that is hard to count, each with the exact answer.

use std::sync::Arc;

use mapwarden_contract::{Count, Nanos, Ratio, UnixNanos};
use mapwarden_engine::aggregate::objective::ObjectiveState;
use mapwarden_engine::aggregate::{Aggregate, Window};
use mapwarden_engine::observation::{
    Batch, Buckets, Histogram, Observation, Point, PointValue, Resource, Temporality,
};
use mapwarden_objective::{Indicator, Matcher, Method, Selector, Slo};

use crate::objectives::put_back;

const START: u64 = 1_800_000_000;

fn at(second: u64) -> UnixNanos {
    UnixNanos::new((START + second) * 1_000_000_000)
}

fn selector(metric: &str, matching: &[(&str, &str)]) -> Selector {
    let matcher =
        |(name, pattern): &(&str, &str)| Matcher { attribute: (*name).into(), pattern: (*pattern).into() };
    Selector { metric: metric.into(), matching: matching.iter().map(matcher).collect() }
}

fn slo(name: &str, indicator: Indicator) -> Slo {
    Slo::new("shop", name, Ratio::new(0.99).unwrap(), indicator)
}

fn latency(name: &str, millis: u64) -> Slo {
    let indicator =
        Indicator::Latency { series: selector("duration", &[]), threshold: Nanos::from_millis(millis) };
    slo(name, indicator)
}

pub(crate) fn point(
    metric: &str,
    attributes: &[(&str, &str)],
    start: u64,
    time: u64,
    value: PointValue,
) -> Observation {
    Observation::Point(Point {
        metric: Arc::from(metric),
        attributes: crate::notices::attributes(attributes),
        start: at(start),
        time: at(time),
        value,
    })
}

fn sum(value: u32) -> PointValue {
    PointValue::Sum { temporality: Temporality::Cumulative, value: f64::from(value) }
}

fn histogram(counts: [u64; 3]) -> PointValue {
    let histogram = Histogram {
        count: Count::new(counts.iter().sum()),
        sum: None,
        to_nanos: Some(1e9),
        buckets: Buckets::Explicit { bounds: Arc::from([0.3, 1.0]), counts: counts.to_vec() },
        exemplars: Vec::new(),
    };
    PointValue::Histogram { temporality: Temporality::Cumulative, histogram: Box::new(histogram) }
}

fn batch(second: u64, observations: Vec<Observation>) -> Batch {
    let resource = Resource { id: 1, service: Arc::from("shop"), ..Resource::default() };
    Batch { resource: Arc::new(resource), received: at(second), observations }
}

fn objective<'a>(aggregate: &'a Aggregate, name: &str) -> &'a ObjectiveState {
    let view = aggregate.at(at(0));
    let found = view.objectives().find(|(id, _)| **id == format!("shop/{name}"));
    found.unwrap().1
}

fn totals(aggregate: &Aggregate, name: &str) -> (u64, u64) {
    let totals = objective(aggregate, name).totals;
    (totals.good.get(), totals.bad.get())
}

fn ignored(aggregate: &Aggregate, name: &str) -> u64 {
    aggregate.at(at(0)).ignored().find(|(reason, _)| reason.name() == name).unwrap().1
}

#[test]
fn every_threshold_on_one_histogram_has_its_own_count() {
    let all =
        Indicator::Events { total: selector("duration", &[]), bad: selector("duration", &[("code", "5*")]) };
    let slos = vec![latency("fast", 300), latency("slow", 1_000), latency("odd", 777), slo("up", all)];
    let mut aggregate = Aggregate::new(slos, 100, at(0));
    aggregate.take(&batch(10, vec![point("duration", &[], 1, 10, histogram([70, 25, 5]))]));
    assert_eq!(totals(&aggregate, "fast"), (70, 30));
    assert_eq!(totals(&aggregate, "slow"), (95, 5));
    assert_eq!(totals(&aggregate, "up"), (100, 0));
    assert_eq!((totals(&aggregate, "odd"), ignored(&aggregate, "threshold_off_bound")), ((0, 0), 1));
}

#[test]
fn a_threshold_that_was_changed_counts_from_then_on() {
    let mut before = Aggregate::new(vec![latency("slo", 1_000)], 100, at(0));
    before.take(&batch(10, vec![point("duration", &[], 1, 10, histogram([700_000, 250_000, 50_000]))]));
    let unsaved = before.unsaved();
    let mut after = Aggregate::new(vec![latency("slo", 300)], 100, at(10));
    put_back(&mut after, unsaved);
    after.take(&batch(11, vec![point("duration", &[], 1, 11, histogram([700_000, 250_001, 50_000]))]));
    assert_eq!(totals(&after, "slo"), (950_000, 50_000));
    after.take(&batch(12, vec![point("duration", &[], 1, 12, histogram([700_003, 250_002, 50_000]))]));
    assert_eq!(totals(&after, "slo"), (950_003, 50_001));
}

#[test]
fn two_processes_that_name_no_instance_are_counted_apart() {
    let all = Indicator::Events { total: selector("requests", &[]), bad: selector("none", &[]) };
    let mut aggregate = Aggregate::new(vec![slo("up", all)], 100, at(0));
    for second in 10..=60 {
        let report = |start: u64| {
            point("requests", &[], start, second, sum(u32::try_from(second - start).unwrap() * 10))
        };
        aggregate.take(&batch(second, vec![report(1)]));
        aggregate.take(&batch(second, vec![report(5)]));
    }
    assert_eq!(totals(&aggregate, "up"), ((59 + 55) * 10, 0));
}

#[test]
fn bad_events_without_totals_take_no_later_good_ones() {
    let split = Indicator::Events { total: selector("requests", &[]), bad: selector("errors", &[]) };
    let mut aggregate = Aggregate::new(vec![slo("up", split)], 100, at(0));
    let report = |aggregate: &mut Aggregate, second: u64, region: &str, errors: u32, requests: u32| {
        let region = [("mapwarden.region", region)];
        let points = vec![
            point("errors", &region, 1, second, sum(errors)),
            point("requests", &region, 1, second, sum(requests)),
        ];
        aggregate.take(&batch(second, points));
    };
    report(&mut aggregate, 10, "eu", 500, 100);
    report(&mut aggregate, 11, "us", 0, 100);
    assert_eq!(totals(&aggregate, "up"), (100, 500), "the healthy region keeps its good events");
    report(&mut aggregate, 140, "eu", 500, 150);
    assert_eq!(ignored(&aggregate, "bad_above_total"), 400);
    report(&mut aggregate, 141, "eu", 500, 250);
    assert_eq!(totals(&aggregate, "up"), (250, 500));
}

#[test]
fn events_after_their_judged_time_slice_are_ignored() {
    let events =
        Indicator::Events { total: selector("requests", &[]), bad: selector("requests", &[("code", "5*")]) };
    let method = Method::Timeslices { slice: Nanos::from_secs(60), target: Ratio::new(0.95).unwrap() };
    let mut aggregate = Aggregate::new(vec![Slo { method, ..slo("up", events) }], 100, at(0));
    let points = |code, time, value| vec![point("requests", &[("code", code)], 1, time, sum(value))];
    aggregate.take(&batch(30, points("200", 30, 100)));
    aggregate.advance(at(70));
    assert_eq!(totals(&aggregate, "up"), (1, 0));
    aggregate.take(&batch(75, points("500", 55, 7)));
    aggregate.advance(at(90));
    assert_eq!((totals(&aggregate, "up"), ignored(&aggregate, "after_slice")), ((1, 0), 7));
}

#[test]
fn a_sender_with_a_clock_ahead_is_covered_and_counted() {
    let all = Indicator::Events { total: selector("requests", &[]), bad: selector("none", &[]) };
    let mut aggregate = Aggregate::new(vec![slo("up", all)], 100, at(0));
    for second in 10..=310 {
        aggregate.take(&batch(
            second,
            vec![point("requests", &[], 12, second + 3, sum(u32::try_from(second).unwrap()))],
        ));
    }
    let window = objective(&aggregate, "up").window(Window::M5, at(310));
    assert_eq!(window.total(), Count::new(300));
    assert!(window.covered >= Nanos::from_secs(299), "{window:?}");
}

#[test]
fn counts_go_on_after_a_clock_is_set_back() {
    let all = Indicator::Events { total: selector("requests", &[]), bad: selector("none", &[]) };
    let mut aggregate = Aggregate::new(vec![slo("up", all)], 100, at(0));
    let report = |aggregate: &mut Aggregate, second: u64, start: u64, value: u32| {
        aggregate.take(&batch(second, vec![point("requests", &[], start, second, sum(value))]));
    };
    report(&mut aggregate, 90_000, 89_999, 100);
    report(&mut aggregate, 100, 89_999, 130);
    report(&mut aggregate, 101, 89_999, 140);
    report(&mut aggregate, 102, 101, 7);
    assert_eq!(totals(&aggregate, "up"), (147, 0));
    let window = objective(&aggregate, "up").window(Window::M5, at(102));
    assert_eq!(window.good, Count::new(47), "all that was counted since the clock went back");
}

#[test]
fn a_cancelled_request_is_neither_good_nor_bad() {
    let mut aggregate = Aggregate::new(Vec::new(), 10, at(0));
    let ended = [("ok", 7), ("failed", 2), ("cancelled", 5)];
    let points = ended.map(|(outcome, count)| {
        let pairs = [("mapwarden.outcome", outcome), ("mapwarden.scope", "checkout")];
        point("mapwarden.requests", &pairs, 1, 10, sum(count))
    });
    aggregate.take(&batch(10, points.to_vec()));
    let view = aggregate.at(at(10));
    let (_, traffic) = view.requests().next().unwrap();
    assert_eq!([traffic.ok, traffic.failed, traffic.cancelled].map(Count::get), [7, 2, 5]);
    assert_eq!(traffic.last(Nanos::from_secs(60), at(10)).total(), Count::new(9));
    assert_eq!(ignored(&aggregate, "malformed"), 0);
}

#[test]
fn series_without_a_role_take_no_room() {
    let all = Indicator::Events { total: selector("requests", &[]), bad: selector("none", &[]) };
    let mut aggregate = Aggregate::new(vec![slo("up", all)], 10, at(0));
    let foreign: Vec<_> = (0..1_000)
        .map(|index| point(&format!("gauge {index}"), &[], 1, 10, PointValue::Gauge(1.0)))
        .collect();
    aggregate.take(&batch(10, foreign));
    aggregate.take(&batch(11, vec![point("requests", &[], 1, 11, sum(5))]));
    assert_eq!((aggregate.at(at(11)).series(), totals(&aggregate, "up")), (1, (5, 0)));
    assert_eq!(ignored(&aggregate, "too_many_series"), 0);
}
