//! How maps and sets are built: their names, and which objectives are refused.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use mapwarden::Outcome;
use mapwarden::{BuildError, HashMap, HashMapBuilder, HashSet, Objective};

use crate::snapshots::snapshot;

#[test]
fn a_map_made_by_the_standard_library_is_named_by_its_type() {
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
fn an_unnamed_set_is_named_by_its_location() {
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
fn duplicate_objectives_are_refused() {
    for second in [latency(1, 0.99), latency(1, 0.9)] {
        let hit_ratio = Objective::hit_ratio(0.5).unwrap();
        let builder = HashMap::<u8, u8>::builder().name("twice").objective(latency(1, 0.9));
        let error = builder.objective(hit_ratio).objective(second).try_build().unwrap_err();
        assert_eq!(error, BuildError::DuplicateObjective { objective: "twice-latency".to_owned() });
        assert_eq!(
            error.to_string(),
            "objective `twice-latency` is given twice: accepted is one for each threshold and for each set of bad \
             outcomes"
        );
    }
    let names: Vec<_> = mapwarden::snapshot::Snapshot::take().maps.into_iter().map(|map| map.name).collect();
    assert!(!names.contains(&"twice".into()));
}

/// Returns the objectives of a map by name, in the order of the wire.
fn objectives(map: &str) -> Vec<(String, Objective)> {
    snapshot(map).objectives.into_iter().map(|it| (it.name.to_string(), it.objective)).collect()
}

#[test]
fn objectives_of_one_kind_have_distinct_names() {
    let availability = Objective::availability(0.999).unwrap();
    let found = availability.bad_outcomes(&[Outcome::Miss]).unwrap();
    let fresh = |seconds| Objective::freshness(Duration::from_secs(seconds), 0.9).unwrap();
    let all = [latency(250, 0.99), latency(100, 0.9), availability, found, fresh(60), fresh(90)];
    let map = all.into_iter().fold(HashMap::<u8, u8>::builder().name("many"), HashMapBuilder::objective);
    let map = map.try_build().unwrap();
    map.pin().get(&1);
    let events: Vec<_> = snapshot("many")
        .objectives
        .into_iter()
        .map(|it| (it.name.to_string(), it.events[0].1.get(), it.events[0].2.get()))
        .collect();
    let expected = [
        ("many-availability", 1, 0),
        ("many-availability-miss", 0, 1),
        ("many-latency-100ms", 1, 0),
        ("many-latency", 1, 0),
        ("many-freshness", 0, 0),
        ("many-freshness-90s", 0, 0),
    ];
    let expected = expected.map(|(name, good, bad)| (name.to_owned(), good, bad));
    assert_eq!(events, expected);
}

#[test]
fn more_objectives_than_a_name_may_have_are_refused() {
    let builder = HashMap::<u8, u8>::builder().name("too-many");
    let error =
        (1..10).fold(builder, |it, millis| it.objective(latency(millis, 0.9))).try_build().unwrap_err();
    assert_eq!(error, BuildError::TooManyObjectives { objective: "too-many-latency-9ms".to_owned() });
    assert_eq!(
        error.to_string(),
        "objective `too-many-latency-9ms` is one too many: accepted are 8 for the maps of one name"
    );
}

#[test]
fn an_objective_that_contradicts_another_map_is_refused() {
    let builder = |objective| -> HashMapBuilder<u8, u8> {
        HashMap::builder().name("contradicted").objective(objective)
    };
    let first = builder(latency(250, 0.99)).try_build().unwrap();
    let error = builder(latency(100, 0.999)).try_build().unwrap_err();
    let (declared, given) = (latency(250, 0.99), latency(100, 0.999));
    let objective = "contradicted-latency".to_owned();
    assert_eq!(error, BuildError::ConflictingObjective { objective, declared, given });
    assert_eq!(
        error.to_string(),
        "objective `contradicted-latency` is declared already with target 0.99 within 250ms, not with target 0.999 \
         within 100ms: accepted is the same objective or another name for the map",
    );
    let second = builder(latency(250, 0.99)).try_build().unwrap();
    assert_eq!(first, second);
    let third = builder(latency(100, 0.999)).build();
    assert_eq!(third.name(), "contradicted");
    let set = HashSet::<u8>::builder().name("contradicted").objective(latency(100, 0.999)).try_build();
    assert!(matches!(set, Err(BuildError::ConflictingObjective { .. })));
    let other = Objective::hit_ratio(0.9).unwrap();
    let set = HashSet::<u8>::builder().name("contradicted").objective(other).try_build().unwrap();
    assert_eq!(set.name(), "contradicted");
    let expected = [("contradicted-latency", latency(250, 0.99)), ("contradicted-hit_ratio", other)];
    assert_eq!(objectives("contradicted"), expected.map(|(name, objective)| (name.to_owned(), objective)));
}
