//! Counts are exact, whatever the threads do.

use std::time::Duration;

use super::*;

fn named(name: &str, objective: Objective) -> NamedObjective {
    NamedObjective { name: Arc::from(name), objective }
}

fn checkout() -> ScopeCounters {
    let scope = ScopeCounters::new(Arc::from("checkout"));
    scope.set_objectives(vec![
        named("checkout-availability", Objective::availability(0.999).unwrap()),
        named("checkout-latency", Objective::latency(Duration::from_millis(250), 0.99).unwrap()),
    ]);
    scope
}

#[test]
fn events_are_judged_at_the_exact_threshold() {
    let cases = [
        ("on the threshold", 250_000_000, ScopeOutcome::Ok, vec![]),
        ("a nanosecond over", 250_000_001, ScopeOutcome::Ok, vec!["checkout-latency"]),
        ("failed and fast", 1, ScopeOutcome::Failed, vec!["checkout-availability"]),
        (
            "failed and slow",
            u64::MAX,
            ScopeOutcome::Failed,
            vec!["checkout-availability", "checkout-latency"],
        ),
        ("cancelled in time", 250_000_000, ScopeOutcome::Cancelled, vec![]),
        ("cancelled after the threshold", 250_000_001, ScopeOutcome::Cancelled, vec!["checkout-latency"]),
    ];
    for (name, nanos, outcome, expected) in cases {
        let mut missed = Vec::new();
        checkout().region("").record(Nanos::new(nanos), outcome, |objective| {
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
                    let outcome = if event % 10 == 0 { ScopeOutcome::Failed } else { ScopeOutcome::Ok };
                    scope.region(region).record(Nanos::new(event * (thread + 1)), outcome, |_| {});
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
fn an_unchanged_objective_keeps_its_counts() {
    let scope = checkout();
    scope.region("eu").record(Nanos::new(1), ScopeOutcome::Failed, |_| {});
    scope.set_objectives(vec![
        named("checkout-availability", Objective::availability(0.999).unwrap()),
        named("checkout-latency", Objective::latency(Duration::from_millis(10), 0.99).unwrap()),
    ]);
    let counts: Vec<_> =
        scope.snapshot().objectives.iter().map(|o| (o.events[0].1.get(), o.events[0].2.get())).collect();
    assert_eq!(counts, [(0, 1), (0, 0)]);
}

#[test]
fn regions_above_the_limit_share_one_counter() {
    let scope = checkout();
    let before = Dropped::RegionLimit.count();
    for region in 0..70 {
        scope.region(&format!("region-{region}")).record(Nanos::new(5), ScopeOutcome::Ok, |_| {});
    }
    let snapshot = scope.snapshot();
    assert_eq!(snapshot.regions.len(), 65);
    let other = snapshot.regions.iter().find(|region| &*region.region == "other").unwrap();
    assert_eq!(other.ok, Count::new(6));
    assert_eq!(Dropped::RegionLimit.count().saturating_sub(before), Count::new(6));
    assert_eq!(snapshot.objectives[0].events.len(), 65);
}

#[test]
fn cancelled_requests_are_counted_but_not_judged_or_timed() {
    let scope = checkout();
    scope.region("eu").record(Nanos::new(5), ScopeOutcome::Cancelled, |_| {});
    let snapshot = scope.snapshot();
    let region = &snapshot.regions[0];
    assert_eq!((region.ok, region.failed, region.cancelled), (Count::ZERO, Count::ZERO, Count::new(1)));
    assert_eq!((region.duration.counts.iter().sum::<u64>(), region.duration.sum), (0, Nanos::ZERO));
    for objective in &snapshot.objectives {
        assert_eq!(objective.events, [(Arc::from("eu"), Count::ZERO, Count::ZERO)], "{}", objective.name);
    }
}
