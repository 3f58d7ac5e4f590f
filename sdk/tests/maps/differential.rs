//! Random operations on an instrumented map and on a `std` map: the answers are the same, and the counts follow from
//! the model.

use std::collections::{BTreeMap, HashMap as Model};

use mapwarden::{Compute, HashMap, Operation};
use mapwarden::{Count, Op, Outcome};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::snapshots::{counts, snapshot};

#[derive(Clone, Copy, Debug)]
enum Step {
    Get(u8),
    GetKeyValue(u8),
    ContainsKey(u8),
    Insert(u8, u16),
    CheckedInsert(u8, u16),
    TryInsert(u8, u16),
    TryInsertWith(u8, u16),
    GetOrInsert(u8, u16),
    GetOrInsertWith(u8, u16),
    Update(u8),
    UpdateOrInsert(u8, u16),
    /// Inserts an even value, removes an odd one's entry, aborts on none.
    Compute(u8, u16),
    Remove(u8),
    /// Removes values below the number.
    RemoveIf(u8, u16),
    /// Keeps values below the number.
    Retain(u16),
    Clear,
    Iter,
    Len,
    Reserve,
}

fn step() -> impl Strategy<Value = Step> {
    let (key, value) = (|| 0..6_u8, || 0..4_u16);
    prop_oneof![
        key().prop_map(Step::Get),
        key().prop_map(Step::GetKeyValue),
        key().prop_map(Step::ContainsKey),
        (key(), value()).prop_map(|(key, value)| Step::Insert(key, value)),
        (key(), value()).prop_map(|(key, value)| Step::CheckedInsert(key, value)),
        (key(), value()).prop_map(|(key, value)| Step::TryInsert(key, value)),
        (key(), value()).prop_map(|(key, value)| Step::TryInsertWith(key, value)),
        (key(), value()).prop_map(|(key, value)| Step::GetOrInsert(key, value)),
        (key(), value()).prop_map(|(key, value)| Step::GetOrInsertWith(key, value)),
        key().prop_map(Step::Update),
        (key(), value()).prop_map(|(key, value)| Step::UpdateOrInsert(key, value)),
        (key(), value()).prop_map(|(key, value)| Step::Compute(key, value)),
        key().prop_map(Step::Remove),
        (key(), value()).prop_map(|(key, value)| Step::RemoveIf(key, value)),
        value().prop_map(Step::Retain),
        Just(Step::Clear),
        Just(Step::Iter),
        Just(Step::Len),
        Just(Step::Reserve),
    ]
}

/// The expected answers, by the `std` map, and the expected counts.
struct Expected {
    model: Model<u8, u16>,
    bound: usize,
    counts: BTreeMap<(Op, Outcome), u64>,
}

impl Expected {
    fn count(&mut self, op: Op, outcome: Outcome) {
        *self.counts.entry((op, outcome)).or_default() += 1;
    }

    /// Inserts a new key if there is room.
    fn insert_new(&mut self, op: Op, key: u8, value: u16) {
        if self.model.len() < self.bound {
            self.model.insert(key, value);
            self.count(op, Outcome::Inserted);
        } else {
            self.count(op, Outcome::Rejected);
        }
    }

    fn lookup(&mut self, op: Op, key: u8) -> Option<u16> {
        let found = self.model.get(&key).copied();
        self.count(op, if found.is_some() { Outcome::Hit } else { Outcome::Miss });
        found
    }

    fn insert(&mut self, key: u8, value: u16) -> Option<u16> {
        let old = self.model.get(&key).copied();
        if old.is_some() {
            self.model.insert(key, value);
            self.count(Op::Insert, Outcome::Replaced);
        } else {
            self.insert_new(Op::Insert, key, value);
        }
        old
    }

    /// Returns the current value as an error, or inserts.
    fn insert_absent(&mut self, op: Op, key: u8, value: u16) -> Result<u16, u16> {
        match self.model.get(&key).copied() {
            Some(current) => {
                self.count(op, if op == Op::TryInsert { Outcome::Conflict } else { Outcome::Hit });
                Err(current)
            }
            None => {
                self.insert_new(op, key, value);
                Ok(value)
            }
        }
    }

    fn update(&mut self, op: Op, key: u8, absent: Option<u16>) -> Option<u16> {
        if let Some(value) = self.model.get_mut(&key) {
            *value += 1;
            let new = *value;
            self.count(op, Outcome::Updated);
            return Some(new);
        }
        match absent {
            Some(value) => self.insert_new(op, key, value),
            None => self.count(op, Outcome::Miss),
        }
        absent
    }

    fn remove(&mut self, op: Op, key: u8, wanted: impl Fn(u16) -> bool) -> Result<Option<u16>, u16> {
        let (outcome, result) = match self.model.get(&key).copied() {
            Some(value) if wanted(value) => (Outcome::Removed, Ok(self.model.remove(&key))),
            Some(value) => (Outcome::Conflict, Err(value)),
            None => (Outcome::Miss, Ok(None)),
        };
        self.count(op, outcome);
        result
    }

    fn remove_all_but(&mut self, op: Op, keep: impl Fn(u16) -> bool) {
        let before = self.model.len();
        self.model.retain(|_, value| keep(*value));
        let outcome = if self.model.len() < before { Outcome::Removed } else { Outcome::Unchanged };
        self.count(op, outcome);
    }
}

#[expect(clippy::too_many_lines, reason = "one arm for each operation")]
fn check(map: &HashMap<u8, u16>, step: Step, expected: &mut Expected) {
    let pin = map.pin();
    match step {
        Step::Get(key) => assert_eq!(pin.get(&key).copied(), expected.lookup(Op::Get, key)),
        Step::GetKeyValue(key) => {
            let found = expected.lookup(Op::GetKeyValue, key);
            assert_eq!(pin.get_key_value(&key), found.as_ref().map(|value| (&key, value)));
        }
        Step::ContainsKey(key) => {
            assert_eq!(pin.contains_key(&key), expected.lookup(Op::ContainsKey, key).is_some());
        }
        Step::Insert(key, value) => {
            assert_eq!(pin.insert(key, value).copied(), expected.insert(key, value));
        }
        Step::CheckedInsert(key, value) => {
            let is_rejected = !expected.model.contains_key(&key) && expected.model.len() >= expected.bound;
            let old = expected.insert(key, value);
            match pin.checked_insert(key, value) {
                Ok(got) => assert!(!is_rejected && got.copied() == old),
                Err(rejected) => assert!(is_rejected && (rejected.key, rejected.value) == (key, value)),
            }
        }
        Step::TryInsert(key, value) => {
            let got = pin.try_insert(key, value).copied().map_err(|occupied| *occupied.current);
            assert_eq!(got, expected.insert_absent(Op::TryInsert, key, value));
        }
        Step::TryInsertWith(key, value) => {
            let got = pin.try_insert_with(key, || value).copied().map_err(|current| *current);
            assert_eq!(got, expected.insert_absent(Op::TryInsert, key, value));
        }
        Step::GetOrInsert(key, value) => {
            let (Ok(wanted) | Err(wanted)) = expected.insert_absent(Op::GetOrInsert, key, value);
            assert_eq!(*pin.get_or_insert(key, value), wanted);
        }
        Step::GetOrInsertWith(key, value) => {
            let (Ok(wanted) | Err(wanted)) = expected.insert_absent(Op::GetOrInsert, key, value);
            assert_eq!(*pin.get_or_insert_with(key, || value), wanted);
        }
        Step::Update(key) => {
            let got = pin.update(key, |value| value + 1).copied();
            assert_eq!(got, expected.update(Op::Update, key, None));
        }
        Step::UpdateOrInsert(key, value) => {
            let got = *pin.update_or_insert(key, |value| value + 1, value);
            assert_eq!(Some(got), expected.update(Op::UpdateOrInsert, key, Some(value)));
        }
        Step::Compute(key, value) => check_compute(map, (key, value), expected),
        Step::Remove(key) => {
            assert_eq!(Ok(pin.remove(&key).copied()), expected.remove(Op::Remove, key, |_| true));
        }
        Step::RemoveIf(key, bound) => {
            let got = pin.remove_if(&key, |_, value| *value < bound);
            let wanted = expected.remove(Op::RemoveIf, key, |value| value < bound);
            assert_eq!(got.map(|it| it.map(|(_, value)| *value)).map_err(|(_, value)| *value), wanted);
        }
        Step::Retain(bound) => {
            pin.retain(|_, value| *value < bound);
            expected.remove_all_but(Op::Retain, |value| value < bound);
        }
        Step::Clear => {
            pin.clear();
            expected.remove_all_but(Op::Clear, |_| false);
        }
        Step::Iter => {
            let got: Model<u8, u16> = pin.iter().map(|(key, value)| (*key, *value)).collect();
            assert_eq!(got, expected.model);
            expected.count(Op::Iter, Outcome::Unchanged);
        }
        Step::Len => {
            assert_eq!(pin.len(), expected.model.len());
            expected.count(Op::Len, Outcome::Unchanged);
        }
        Step::Reserve => {
            pin.reserve(10);
            expected.count(Op::Reserve, Outcome::Unchanged);
        }
    }
}

fn check_compute(map: &HashMap<u8, u16>, (key, value): (u8, u16), expected: &mut Expected) {
    let pin = map.pin();
    let got = pin.compute(key, |entry| match entry {
        _ if value % 2 == 0 => Operation::Insert(value),
        Some(_) => Operation::Remove,
        None => Operation::Abort("none"),
    });
    let old = expected.model.get(&key).copied();
    match (value % 2, old) {
        (0, Some(old)) => {
            assert_eq!(got, Compute::Updated { old: (&key, &old), new: (&key, &value) });
            expected.model.insert(key, value);
            expected.count(Op::Compute, Outcome::Updated);
        }
        (0, None) => {
            assert_eq!(got, Compute::Inserted(&key, &value));
            expected.insert_new(Op::Compute, key, value);
        }
        (_, Some(old)) => {
            assert_eq!(got, Compute::Removed(&key, &old));
            expected.model.remove(&key);
            expected.count(Op::Compute, Outcome::Removed);
        }
        (_, None) => {
            assert_eq!(got, Compute::Aborted("none"));
            expected.count(Op::Compute, Outcome::Unchanged);
        }
    }
}

proptest! {
    #[test]
    fn answers_and_counts_match_the_model(
        steps in vec(step(), 0..300),
        bound in prop_oneof![Just(usize::MAX), 0..5_usize],
    ) {
        // One name for all cases, so that the sampler has seen all rates; a case starts at the counts of the last one.
        let map = HashMap::builder().name("differential").max_entries(bound).build();
        let before = counts("differential");
        let mut expected = Expected { model: Model::new(), bound, counts: before };
        for step in steps {
            check(&map, step, &mut expected);
        }
        prop_assert_eq!(counts("differential"), expected.counts);
        prop_assert_eq!(map.len(), expected.model.len());
        let snapshot = snapshot("differential");
        prop_assert_eq!(snapshot.entries, Count::new(expected.model.len().try_into()?));
        prop_assert_eq!(snapshot.retries, Count::ZERO);
    }
}
