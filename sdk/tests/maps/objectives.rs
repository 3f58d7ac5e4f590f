//! Objectives with other bad outcomes, freshness, and the bounds of maps.

use std::time::Duration;

use mapwarden::{Count, Outcome};
use mapwarden::{HashMap, Objective};

use super::snapshots::snapshot;

/// Returns the objectives of a map by name, with their good and bad events.
fn events(map: &str) -> Vec<(String, u64, u64)> {
    let objectives = snapshot(map).objectives;
    objectives
        .into_iter()
        .map(|objective| {
            let (_, good, bad) = &objective.events[0];
            (objective.name.to_string(), good.get(), bad.get())
        })
        .collect()
}

#[test]
fn misses_are_bad_if_the_objective_includes_them() {
    let found = Objective::availability(0.999).unwrap();
    let found = found.bad_outcomes(&[Outcome::Miss, Outcome::Failed]).unwrap();
    let map: HashMap<u32, u32> =
        HashMap::builder().name("must-be-there").max_entries(1).objective(found).build();
    let map = map.pin();
    map.insert(1, 1);
    map.insert(2, 2);
    for key in 0..10 {
        map.get(&key);
    }
    // Of 12 operations 9 looked up an absent key; the rejected insertion is not a bad event here.
    assert_eq!(events("must-be-there"), [("must-be-there-availability".to_owned(), 3, 9)]);
}

#[test]
fn a_removal_is_not_a_write() {
    let fresh = Objective::freshness(Duration::from_secs(30), 0.99).unwrap();
    let map: HashMap<u32, u32> = HashMap::builder().name("fresh").objective(fresh).build();
    let map = map.pin();
    map.remove(&1);
    map.get(&1);
    assert_eq!(snapshot("fresh").last_write, None);
    map.insert(1, 1);
    let first = snapshot("fresh").last_write.unwrap();
    map.remove(&1);
    map.retain(|_, _| false);
    assert_eq!(snapshot("fresh").last_write, Some(first), "a removal is not a write");
    map.update_or_insert(1, |value| value + 1, 0);
    assert!(snapshot("fresh").last_write.unwrap() > first);
    let [(name, good, bad)] = &events("fresh")[..] else { panic!("one objective") };
    assert_eq!((name.as_str(), *bad), ("fresh-freshness", 0), "{good} seconds");
}

#[test]
fn bounds_of_one_name_add_up_if_all_maps_have_one() {
    let bounded = || HashMap::<u32, u32>::builder().name("bounds").max_entries(10).build();
    let (first, second) = (bounded(), bounded());
    assert_eq!(snapshot("bounds").max_entries, Some(Count::new(20)));
    drop(first);
    assert_eq!(snapshot("bounds").max_entries, Some(Count::new(10)));
    let unbounded: HashMap<u32, u32> = HashMap::builder().name("bounds").build();
    assert_eq!(snapshot("bounds").max_entries, None);
    drop(unbounded);
    assert_eq!(second.name(), "bounds");
    assert_eq!(snapshot("bounds").max_entries, Some(Count::new(10)));
}
