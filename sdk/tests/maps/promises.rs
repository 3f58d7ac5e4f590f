//! How maps and sets are built: what they are called, and which promises are refused.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use mapwarden::{BuildError, HashMap, HashMapBuilder, HashSet, Objective};

use crate::counted::snapshot;

#[test]
fn a_map_whose_maker_is_the_standard_library_is_named_by_its_type() {
    type Named = HashMap<String, Option<u16>>;
    static LAZY: LazyLock<Named> = LazyLock::new(HashMap::new);
    let name = "unnamed HashMap<String, Option<u16>>";
    let collected: Named = [("a".to_owned(), None)].into_iter().collect();
    assert_eq!(collected.name(), name);
    assert_eq!(LAZY.name(), name);
    let made: fn() -> Named = HashMap::new;
    assert_eq!(made().name(), name);
    let (mut taken, line) = (Named::new(), line!());
    assert_eq!(taken.name(), format!("{}:{line}", file!()));
    drop(std::mem::take(&mut taken));
    assert_eq!(taken.name(), name);
    let by_key: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
    let collected: HashSet<(u8, Vec<u8>)> = by_key.into_iter().collect();
    assert_eq!(collected.name(), "unnamed HashSet<(u8, Vec<u8>)>");
}

#[test]
fn a_set_without_a_name_is_named_by_where_it_was_made() {
    let (set, line) = (HashSet::<u8>::new(), line!());
    assert_eq!(set.name(), format!("{}:{line}", file!()));
    let (set, line) = (HashSet::<u8>::default(), line!());
    assert_eq!(set.name(), format!("{}:{line}", file!()));
    let (set, line) = (HashSet::<u8>::with_capacity(3), line!());
    assert_eq!(set.name(), format!("{}:{line}", file!()));
    let (set, line) = (HashSet::from([1]), line!());
    assert_eq!(set.name(), format!("{}:{line}", file!()));
}

fn latency(millis: u64, target: f64) -> Objective {
    Objective::latency(Duration::from_millis(millis), target).unwrap()
}

#[test]
fn two_promises_of_one_kind_are_refused_and_nothing_is_made() {
    let builder = || HashMap::<u8, u8>::builder().name("twice").objective(latency(1, 0.9));
    for second in [latency(2, 0.9), latency(1, 0.9)] {
        let hit_ratio = Objective::hit_ratio(0.5).unwrap();
        let error = builder().objective(hit_ratio).objective(second).try_build().unwrap_err();
        assert_eq!(error, BuildError::GivenTwice { objective: "twice-latency".to_owned() });
        assert_eq!(
            error.to_string(),
            "objective `twice-latency` is given twice: accepted is one of each kind"
        );
    }
    let names: Vec<_> = mapwarden::snapshot::Snapshot::take().maps.into_iter().map(|map| map.name).collect();
    assert!(!names.contains(&"twice".into()));
    let map = builder().objective(latency(2, 0.9)).build();
    assert_eq!(map.name(), "twice");
    let promised: Vec<_> = snapshot("twice").objectives.into_iter().map(|it| it.objective).collect();
    assert_eq!(promised, [latency(1, 0.9)], "build keeps the first");
}

#[test]
fn a_promise_that_contradicts_another_map_of_the_name_is_refused() {
    let promising = |objective| -> HashMapBuilder<u8, u8> {
        HashMap::builder().name("contradicted").objective(objective)
    };
    let first = promising(latency(250, 0.99)).try_build().unwrap();
    let error = promising(latency(100, 0.999)).try_build().unwrap_err();
    let (promised, given) = (latency(250, 0.99), latency(100, 0.999));
    let objective = "contradicted-latency".to_owned();
    assert_eq!(error, BuildError::PromisedDifferently { objective, promised, given });
    assert_eq!(
        error.to_string(),
        "objective `contradicted-latency` is promised already with target 0.99 within 250ms, not with target 0.999 \
         within 100ms: accepted is the same promise or another name",
    );
    let second = promising(latency(250, 0.99)).try_build().unwrap();
    assert_eq!(first, second);
    let third = promising(latency(100, 0.999)).build();
    assert_eq!(third.name(), "contradicted");
    let set = HashSet::<u8>::builder().name("contradicted").objective(latency(100, 0.999)).try_build();
    assert!(matches!(set, Err(BuildError::PromisedDifferently { .. })));
    let other = Objective::hit_ratio(0.9).unwrap();
    assert_eq!(
        HashSet::<u8>::builder().name("contradicted").objective(other).try_build().unwrap().name(),
        "contradicted"
    );
    let promised: Vec<_> = snapshot("contradicted").objectives.into_iter().map(|it| it.objective).collect();
    assert_eq!(promised, [latency(250, 0.99), other]);
}
