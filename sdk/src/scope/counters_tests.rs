//! The counts are exact, whatever threads do.

use std::time::Duration;

use super::*;

fn named(name: &str, objective: Objective) -> NamedObjective {
    NamedObjective { name: Arc::from(name), objective }
}

fn checkout() -> ScopeCounters {
    let scope = ScopeCounters::new(Arc::from("checkout"));
    scope.promise(vec![
        named("checkout-availability", Objective::availability(0.999).unwrap()),
        named("checkout-latency", Objective::latency(Duration::from_millis(250), 0.99).unwrap()),
    ]);
    scope
}

#[test]
fn an_event_is_judged_at_the_exact_threshold() {
    let cases = [
        ("on the threshold", 250_000_000, Ending::Ok, vec![]),
        ("a nanosecond over", 250_000_001, Ending::Ok, vec!["checkout-latency"]),
        ("failed and fast", 1, Ending::Failed, vec!["checkout-availability"]),
        ("failed and slow", u64::MAX, Ending::Failed, vec!["checkout-availability", "checkout-latency"]),
        ("cancelled in time", 250_000_000, Ending::Cancelled, vec![]),
        ("cancelled when it was late already", 250_000_001, Ending::Cancelled, vec!["checkout-latency"]),
    ];
    for (name, nanos, ending, expected) in cases {
        let mut missed = Vec::new();
        checkout().region("").record(Nanos::new(nanos), ending, |objective| {
            missed.push(objective.name.to_string());
        });
        assert_eq!(missed, expected, "{name}");
    }
}

#[test]
fn threads_and_regions_add_up_to_every_event() {
    let scope = checkout();
    std::thread::scope(|threads| {
        for thread in 0..4_u64 {
            let scope = &scope;
            threads.spawn(move || {
                for event in 0..2_500_u64 {
                    let region = if event % 2 == 0 { "eu-west-1" } else { "us-east-1" };
                    let ending = if event % 10 == 0 { Ending::Failed } else { Ending::Ok };
                    scope.region(region).record(Nanos::new(event * (thread + 1)), ending, |_| {});
                }
            });
        }
    });
    let snapshot = scope.snapshot();
    let ok: Count = snapshot.regions.iter().map(|region| region.ok).sum();
    let failed: Count = snapshot.regions.iter().map(|region| region.failed).sum();
    assert_eq!((ok.get(), failed.get()), (9_000, 1_000));
    for region in &snapshot.regions {
        let timed: u64 = region.duration.counts.iter().sum();
        assert_eq!(timed, (region.ok + region.failed).get(), "{}", region.region);
    }
    let availability = &snapshot.objectives[0];
    let eu = Arc::<str>::from("eu-west-1");
    let us = Arc::<str>::from("us-east-1");
    assert_eq!(
        availability.events,
        [(eu, Count::new(4_000), Count::new(1_000)), (us, Count::new(5_000), Count::ZERO)]
    );
}

#[test]
fn a_promise_made_again_keeps_its_counts_and_a_changed_one_starts_anew() {
    let scope = checkout();
    scope.region("eu").record(Nanos::new(1), Ending::Failed, |_| {});
    scope.promise(vec![
        named("checkout-availability", Objective::availability(0.999).unwrap()),
        named("checkout-latency", Objective::latency(Duration::from_millis(10), 0.99).unwrap()),
    ]);
    let counts: Vec<_> =
        scope.snapshot().objectives.iter().map(|o| (o.events[0].1.get(), o.events[0].2.get())).collect();
    assert_eq!(counts, [(0, 1), (0, 0)]);
}

#[test]
fn regions_above_the_limit_are_one_and_no_event_is_lost() {
    let scope = checkout();
    let before = Dropped::RegionLimit.count();
    for region in 0..70 {
        scope.region(&format!("region-{region}")).record(Nanos::new(5), Ending::Ok, |_| {});
    }
    let snapshot = scope.snapshot();
    assert_eq!(snapshot.regions.len(), 65);
    let other = snapshot.regions.iter().find(|region| &*region.region == "other").unwrap();
    assert_eq!(other.ok, Count::new(6));
    assert_eq!(Dropped::RegionLimit.count().saturating_sub(before), Count::new(6));
    assert_eq!(snapshot.objectives[0].events.len(), 65);
}

#[test]
fn a_cancelled_request_is_counted_and_is_neither_good_nor_timed() {
    let scope = checkout();
    scope.region("eu").record(Nanos::new(5), Ending::Cancelled, |_| {});
    let snapshot = scope.snapshot();
    let region = &snapshot.regions[0];
    assert_eq!((region.ok, region.failed, region.cancelled), (Count::ZERO, Count::ZERO, Count::new(1)));
    assert_eq!((region.duration.counts.iter().sum::<u64>(), region.duration.sum), (0, Nanos::ZERO));
    for objective in &snapshot.objectives {
        assert_eq!(objective.events, [(Arc::from("eu"), Count::ZERO, Count::ZERO)], "{}", objective.name);
    }
}
