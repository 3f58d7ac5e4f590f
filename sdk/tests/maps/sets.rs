//! Sets: operations, bound, traits, and random operations compared with papaya's set.

use std::collections::{BTreeMap, BTreeSet};

use mapwarden::{Count, Op, Outcome};
use mapwarden::{HashSet, HashSetRef, Objective, OwnedGuard};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::snapshots::{counts, snapshot, table};

#[test]
fn every_operation_counts_as_one_of_a_map() {
    let set: HashSet<String> = HashSet::builder().name("set-ops").build();
    let pin = set.pin();
    assert!(!pin.contains("a"));
    assert!(pin.insert("a".into()) && !pin.insert("a".into()) && pin.insert("b".into()));
    assert!(pin.contains("a"));
    assert_eq!(pin.get("a"), Some(&"a".into()));
    assert_eq!(pin.get("z"), None);
    assert!(pin.checked_insert("c".into()).unwrap() && !pin.checked_insert("c".into()).unwrap());
    assert!(pin.remove("c") && !pin.remove("c"));
    assert_eq!(pin.len(), 2);
    assert!(!pin.is_empty());
    assert_eq!(pin.iter().count() + pin.into_iter().count(), 4);
    pin.retain(|_| true);
    pin.retain(|key| key == "a");
    pin.reserve(100);
    pin.clear();
    pin.clear();
    assert_eq!(pin.set().name(), "set-ops");
    let expected = [
        (Op::ContainsKey, Outcome::Hit, 1),
        (Op::ContainsKey, Outcome::Miss, 1),
        (Op::GetKeyValue, Outcome::Hit, 1),
        (Op::GetKeyValue, Outcome::Miss, 1),
        (Op::Insert, Outcome::Inserted, 3),
        (Op::Insert, Outcome::Replaced, 2),
        (Op::Remove, Outcome::Removed, 1),
        (Op::Remove, Outcome::Miss, 1),
        (Op::Len, Outcome::Unchanged, 2),
        (Op::Iter, Outcome::Unchanged, 2),
        (Op::Retain, Outcome::Unchanged, 1),
        (Op::Retain, Outcome::Removed, 1),
        (Op::Reserve, Outcome::Unchanged, 1),
        (Op::Clear, Outcome::Removed, 1),
        (Op::Clear, Outcome::Unchanged, 1),
    ];
    assert_eq!(counts("set-ops"), table(expected));
}

#[test]
fn explicit_guards_count_the_same() {
    let set: HashSet<u32> = HashSet::builder().name("set-guarded").build();
    let guard = set.owned_guard();
    assert!(set.insert(1, &guard) && !set.insert(1, &guard) && set.insert(2, &set.guard()));
    assert!(set.checked_insert(3, &guard).unwrap());
    assert!(set.contains(&1, &guard));
    assert_eq!(set.get(&2, &guard), Some(&2));
    assert_eq!(set.iter(&guard).copied().collect::<BTreeSet<_>>(), BTreeSet::from([1, 2, 3]));
    assert!(set.remove(&3, &guard));
    set.retain(|key| *key == 1, &guard);
    assert_eq!(set.len(), 1);
    set.reserve(10, &guard);
    set.clear(&guard);
    assert!(set.is_empty());
    let expected = [
        (Op::ContainsKey, Outcome::Hit, 1),
        (Op::GetKeyValue, Outcome::Hit, 1),
        (Op::Insert, Outcome::Inserted, 3),
        (Op::Insert, Outcome::Replaced, 1),
        (Op::Remove, Outcome::Removed, 1),
        (Op::Len, Outcome::Unchanged, 2),
        (Op::Iter, Outcome::Unchanged, 1),
        (Op::Retain, Outcome::Removed, 1),
        (Op::Reserve, Outcome::Unchanged, 1),
        (Op::Clear, Outcome::Removed, 1),
    ];
    assert_eq!(counts("set-guarded"), table(expected));
}

#[test]
fn a_full_set_rejects_new_keys_and_counts_for_its_objective() {
    let set: HashSet<u32> = HashSet::builder()
        .name("set-full")
        .max_entries(2)
        .objective(Objective::availability(0.99).unwrap())
        .build();
    let pin = set.pin();
    assert!(pin.insert(1) && pin.insert(2));
    assert!(pin.insert(3), "as if it had been removed at once");
    let rejected = pin.checked_insert(4).unwrap_err();
    assert_eq!(rejected.key, 4);
    assert_eq!(
        rejected.to_string(),
        "map `set-full` is full: it holds its max_entries of 2 and takes no new key"
    );
    assert!(!pin.insert(1));
    assert_eq!(pin.iter().copied().collect::<BTreeSet<_>>(), BTreeSet::from([1, 2]));
    let snapshot = snapshot("set-full");
    let objective = &snapshot.objectives[0];
    assert_eq!(&*objective.name, "set-full-availability");
    assert_eq!((objective.events[0].1, objective.events[0].2), (Count::new(4), Count::new(2)));
}

#[test]
fn traits_match_papaya_and_only_insertions_count() {
    let set: HashSet<u32> = HashSet::builder().name("set-traits").build();
    (&set).extend([1, 2]);
    (&set).extend(&[2, 3]);
    let clone = set.clone();
    assert_eq!(clone, set);
    assert_eq!(clone.name(), "set-traits");
    clone.pin().insert(4);
    assert_ne!(clone, set);
    assert_eq!(set, HashSet::from([3, 2, 1]));
    assert_eq!(set, (1..4).collect::<HashSet<u32>>());
    let one = HashSet::from([7]);
    let papayas = papaya::HashSet::from([7]);
    assert_eq!(format!("{one:?} {:?}", one.pin()), format!("{papayas:?} {:?}", papayas.pin()));
    assert_eq!(format!("{:?}", one.pin().iter()), "SetIter(Keys([(7, ())]))");
    let expected = [
        (Op::Insert, Outcome::Inserted, 4),
        (Op::Insert, Outcome::Replaced, 1),
        (Op::Reserve, Outcome::Unchanged, 2),
    ];
    assert_eq!(counts("set-traits"), table(expected));
    assert_eq!(snapshot("set-traits").entries, Count::new(3 + 4));
}

/// A key that equals every key of the same number.
#[derive(Clone, Copy, Debug)]
struct Tagged(u8, char);

impl PartialEq for Tagged {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl Eq for Tagged {}
impl std::hash::Hash for Tagged {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

#[test]
fn an_equal_key_replaces_the_stored_one_as_in_papaya() {
    let (set, papayas) = (HashSet::new(), papaya::HashSet::new());
    for key in [Tagged(1, 'a'), Tagged(1, 'b')] {
        assert_eq!(set.pin().insert(key), papayas.pin().insert(key));
    }
    assert_eq!(papayas.pin().get(&Tagged(1, '?')).map(|key| key.1), Some('b'));
    assert_eq!(set.pin().get(&Tagged(1, '?')).map(|key| key.1), Some('b'));
}

#[test]
fn an_owned_pin_of_a_set_moves_between_threads() {
    let set: HashSet<u32> = HashSet::builder().name("set-owned").build();
    set.pin().insert(1);
    let pin: HashSetRef<'_, u32, _, OwnedGuard<'_>> = set.pin_owned();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..1000).for_each(|_| assert!(pin.contains(&1))));
        }
    });
    let expected = [(Op::Insert, Outcome::Inserted, 1), (Op::ContainsKey, Outcome::Hit, 4000)];
    assert_eq!(counts("set-owned"), table(expected));
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Contains(u8),
    Get(u8),
    Insert(u8),
    CheckedInsert(u8),
    Remove(u8),
    /// Keeps keys below the number.
    Retain(u8),
    Clear,
    Iter,
    Len,
    Reserve,
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0..6_u8;
    prop_oneof![
        key().prop_map(Step::Contains),
        key().prop_map(Step::Get),
        key().prop_map(Step::Insert),
        key().prop_map(Step::CheckedInsert),
        key().prop_map(Step::Remove),
        key().prop_map(Step::Retain),
        Just(Step::Clear),
        Just(Step::Iter),
        Just(Step::Len),
        Just(Step::Reserve),
    ]
}

/// Runs the step on both sets, which must answer the same, and returns how it must be counted. papaya's set has no
/// bound: a rejected key is taken out of it again.
#[expect(clippy::too_many_lines, reason = "one arm for each operation")]
fn check(set: &HashSet<u8>, step: Step, papayas: &papaya::HashSet<u8>, bound: usize) -> (Op, Outcome) {
    let (pin, papayas) = (set.pin(), papayas.pin());
    let before = papayas.len();
    let emptied = |removed| if removed { Outcome::Removed } else { Outcome::Unchanged };
    let inserted = |key, is_new| match is_new {
        false => Outcome::Replaced,
        true if before < bound => Outcome::Inserted,
        true => {
            assert!(papayas.remove(&key));
            Outcome::Rejected
        }
    };
    let found = |found| if found { Outcome::Hit } else { Outcome::Miss };
    match step {
        Step::Contains(key) => {
            let wanted = papayas.contains(&key);
            assert_eq!(pin.contains(&key), wanted);
            (Op::ContainsKey, found(wanted))
        }
        Step::Get(key) => {
            let wanted = papayas.get(&key);
            assert_eq!(pin.get(&key), wanted);
            (Op::GetKeyValue, found(wanted.is_some()))
        }
        Step::Insert(key) => {
            let is_new = papayas.insert(key);
            assert_eq!(pin.insert(key), is_new);
            (Op::Insert, inserted(key, is_new))
        }
        Step::CheckedInsert(key) => {
            let is_new = papayas.insert(key);
            let outcome = inserted(key, is_new);
            match pin.checked_insert(key) {
                Ok(got) => assert!(got == is_new && outcome != Outcome::Rejected),
                Err(rejected) => assert!(rejected.key == key && outcome == Outcome::Rejected),
            }
            (Op::Insert, outcome)
        }
        Step::Remove(key) => {
            let wanted = papayas.remove(&key);
            assert_eq!(pin.remove(&key), wanted);
            (Op::Remove, if wanted { Outcome::Removed } else { Outcome::Miss })
        }
        Step::Retain(below) => {
            papayas.retain(|key| *key < below);
            pin.retain(|key| *key < below);
            (Op::Retain, emptied(papayas.len() < before))
        }
        Step::Clear => {
            papayas.clear();
            pin.clear();
            (Op::Clear, emptied(before > 0))
        }
        Step::Iter => {
            let keys = |keys: &mut dyn Iterator<Item = &u8>| keys.copied().collect::<BTreeSet<u8>>();
            assert_eq!(keys(&mut pin.iter()), keys(&mut papayas.iter()));
            (Op::Iter, Outcome::Unchanged)
        }
        Step::Len => {
            assert_eq!(pin.len(), before);
            (Op::Len, Outcome::Unchanged)
        }
        Step::Reserve => {
            papayas.reserve(10);
            pin.reserve(10);
            (Op::Reserve, Outcome::Unchanged)
        }
    }
}

proptest! {
    #[test]
    fn answers_and_counts_match_those_of_papaya(
        steps in vec(step(), 0..300),
        bound in prop_oneof![Just(usize::MAX), 0..5_usize],
    ) {
        let set = HashSet::builder().name("set-differential").max_entries(bound).build();
        let mut expected: BTreeMap<(Op, Outcome), u64> = counts("set-differential");
        let papayas = papaya::HashSet::new();
        for step in steps {
            *expected.entry(check(&set, step, &papayas, bound)).or_default() += 1;
        }
        prop_assert_eq!(counts("set-differential"), expected);
        prop_assert_eq!(set.len(), papayas.len());
        prop_assert_eq!(snapshot("set-differential").entries, Count::new(papayas.len().try_into()?));
    }
}
