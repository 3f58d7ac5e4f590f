//! Objectives under terms of their own: time slices, composites, groups by labels.

use std::convert::Infallible;
use std::sync::Arc;

use mapwarden_contract::{Nanos, Ratio, UnixNanos};
use mapwarden_engine::aggregate::slot::{Counts, Level, Slot};
use mapwarden_engine::aggregate::{Aggregate, UnsavedCounts};
use mapwarden_engine::budget::evaluate;
use mapwarden_engine::observation::{Batch, Observation, Point, PointValue, Resource, Temporality};
use mapwarden_objective::{Indicator, Matcher, Member, Method, Selector, Slo};

const START: u64 = 1_800_000_000;

fn at(second: u64) -> UnixNanos {
    UnixNanos::new((START + second) * 1_000_000_000)
}

fn ratio(value: f64) -> Ratio {
    Ratio::new(value).unwrap()
}

/// Requests of one service, bad where the status is `5*`.
fn requests(name: &str, path: &str) -> Slo {
    let matcher = |attribute: &str, pattern: &str| Matcher {
        attribute: attribute.to_owned(),
        pattern: pattern.to_owned(),
    };
    let selector = |matching| Selector { metric: "requests".to_owned(), matching };
    let indicator = Indicator::Events {
        total: selector(vec![matcher("path", path)]),
        bad: selector(vec![matcher("path", path), matcher("status", "5*")]),
    };
    Slo::new("shop", name, ratio(0.9), indicator)
}

fn composite(name: &str, weights: [Option<f64>; 2]) -> Slo {
    let members = ["shop/cart", "shop/pay"].into_iter().zip(weights);
    let members = members.map(|(slo, weight)| Member { slo: slo.to_owned(), weight }).collect();
    Slo::new("shop", name, ratio(0.9), Indicator::Composite { members })
}

/// Delta points of the second that ends at `second`: (path, status, region, count).
fn batch(second: u64, counts: &[(&str, &str, &str, u32)]) -> Batch {
    let points = counts.iter().map(|(path, status, region, count)| {
        let pairs = [("path", *path), ("region", *region), ("status", *status)];
        Observation::Point(Point {
            metric: Arc::from("requests"),
            attributes: pairs.iter().map(|(name, value)| (Arc::from(*name), Arc::from(*value))).collect(),
            start: at(second - 1),
            time: at(second),
            value: PointValue::Sum { temporality: Temporality::Delta, value: f64::from(*count) },
        })
    });
    let resource = Resource { id: 1, service: Arc::from("shop"), ..Resource::default() };
    Batch { resource: Arc::new(resource), received: at(second), observations: points.collect() }
}

fn totals(aggregate: &Aggregate, id: &str) -> Option<(u64, u64)> {
    let view = aggregate.at(at(0));
    let (_, objective) = view.objectives().find(|(known, _)| *known == id)?;
    let Counts { good, bad, .. } = objective.totals;
    Some((good.get(), bad.get()))
}

/// Through what the store would keep.
fn restart(aggregate: &mut Aggregate, slos: &[Slo], second: u64) {
    let mut again = Aggregate::new(slos.to_vec(), 1_000, at(second));
    assert!(put_back(&mut again, aggregate.unsaved()).is_empty());
    *aggregate = again;
}

/// Puts back what the store was to write.
pub(crate) fn put_back(aggregate: &mut Aggregate, unsaved: UnsavedCounts) -> Vec<String> {
    let UnsavedCounts { since: _, objectives, slots, marks } = unsaved;
    let kept = objectives.into_iter().map(|(_, kept)| kept).collect();
    let each_slot = |each: &mut dyn FnMut(&str, Level, Slot)| {
        slots.iter().for_each(|(id, level, slot)| each(id, *level, *slot));
        Ok::<(), Infallible>(())
    };
    aggregate.restore(kept, marks, each_slot).unwrap()
}

#[test]
fn time_slices_are_judged_once_and_a_restart_loses_none() {
    let slice = Nanos::from_secs(60);
    let by = |name, method| Slo { method, ..requests(name, "/cart") };
    let slos = [
        by("slices", Method::Timeslices { slice, target: ratio(0.95) }),
        by("shares", Method::RatioTimeslices { slice }),
    ];
    let mut aggregate = Aggregate::new(slos.to_vec(), 1_000, at(0));
    // START is the start of a minute. Minute 1 is half bad, minute 3 has no telemetry, minute 4 no event.
    for second in 1..=400 {
        let bad = u32::from(second / 60 == 1) * 5;
        let is_quiet = second / 60 == 4;
        let counts = if is_quiet { [0, 0] } else { [10 - bad, bad] };
        if second / 60 != 3 {
            let [good, bad] = counts;
            aggregate.take(&batch(second, &[("/cart", "200", "", good), ("/cart", "503", "", bad)]));
        }
        aggregate.advance(at(second));
        if second == 90 {
            restart(&mut aggregate, &slos, second);
        }
    }
    // Minutes 0, 1, 2, 4, 5; 6 is not over. The seconds' points are counted at their ends.
    assert_eq!(totals(&aggregate, "shop/slices"), Some((4, 1)));
    assert_eq!(totals(&aggregate, "shop/shares"), Some((4_500, 500)));
    let view = aggregate.at(at(400));
    for (id, objective) in view.objectives() {
        let state = evaluate(objective, None, at(400));
        let left = state.remaining.unwrap().get();
        let expected = if id == "shop/slices" { 1.0 - 0.2 / 0.1 } else { 1.0 - 0.1 / 0.1 };
        assert!((left - expected).abs() < 1e-9, "{id}: {left}");
        assert!(
            state.tiers.iter().all(|tier| !tier.is_firing),
            "one time slice, or half of one, is no evidence"
        );
    }
}

#[test]
fn a_composite_is_as_good_as_its_members() {
    let slos = [
        requests("cart", "/cart"),
        requests("pay", "/pay"),
        composite("mean", [Some(3.0), Some(1.0)]),
        composite("both", [None, None]),
    ];
    let mut aggregate = Aggregate::new(slos.to_vec(), 1_000, at(0));
    for second in 1..=300 {
        // In minute 2 half of what is paid fails, in minute 3 the cart reports nothing.
        let bad = u32::from(second / 60 == 2) * 5;
        let pay = [("/pay", "200", "", 10 - bad), ("/pay", "500", "", bad)];
        let cart = [("/cart", "200", "", 100)];
        aggregate.take(&batch(second, &pay));
        if second / 60 != 3 {
            aggregate.take(&batch(second, &cart));
        }
        aggregate.advance(at(second));
    }
    // Minutes 0, 1, 2; the mean is 3/4 of 1 and 1/4 of 1/2 in minute 2. Minute 4 is over, but not for ten seconds.
    assert_eq!(totals(&aggregate, "shop/mean"), Some((2_875, 125)));
    assert_eq!(totals(&aggregate, "shop/both"), Some((2, 1)));
    aggregate.advance(at(310));
    assert_eq!(totals(&aggregate, "shop/both"), Some((3, 1)));
}

#[test]
fn each_group_has_a_budget_and_groups_are_bounded() {
    let slos = [Slo { group_by: vec!["region".to_owned()], ..requests("cart", "/cart") }];
    let mut aggregate = Aggregate::new(slos.to_vec(), 1_000, at(0));
    aggregate
        .take(&batch(1, &[("/cart", "200", "eu", 9), ("/cart", "500", "eu", 1), ("/cart", "200", "us", 5)]));
    assert_eq!(totals(&aggregate, "shop/cart{region=eu}"), Some((9, 1)));
    assert_eq!(totals(&aggregate, "shop/cart{region=us}"), Some((5, 0)));
    assert_eq!(totals(&aggregate, "shop/cart"), None, "only its groups have budgets");
    restart(&mut aggregate, &slos, 1);
    let regions: Vec<String> = (0..100).map(|number| format!("r{number}")).collect();
    let counts: Vec<_> = regions.iter().map(|region| ("/cart", "200", region.as_str(), 1)).collect();
    aggregate.take(&batch(2, &counts));
    let groups = aggregate.at(at(2)).objectives().count();
    assert_eq!(groups, 50);
    assert_eq!(totals(&aggregate, "shop/cart{region=eu}"), Some((9, 1)));
    assert_eq!(totals(&aggregate, "shop/cart{other}"), Some((100 - 47, 0)));
}
