//! Maps and sets through serde: the format of papaya, and the counts of a deserialized map.

use std::hash::{BuildHasherDefault, DefaultHasher};

use mapwarden::{HashMap, HashSet};
use mapwarden::{Op, Outcome};
use serde::Deserialize;
use serde::de::value::{Error, MapDeserializer, SeqDeserializer};

use crate::snapshots::{counts, table};

#[test]
fn the_format_matches_that_of_papaya() {
    let map: HashMap<u8, Option<u8>> = HashMap::builder().name("written").build();
    assert_eq!(serde_json::to_string(&map).unwrap(), "{}");
    map.pin().insert(1, Some(2));
    let papayas = papaya::HashMap::from([(1_u8, Some(2_u8))]);
    assert_eq!(serde_json::to_string(&map).unwrap(), serde_json::to_string(&papayas).unwrap());
    assert_eq!(serde_json::to_string(&map.pin()).unwrap(), serde_json::to_string(&papayas.pin()).unwrap());
    assert_eq!(
        counts("written"),
        table([(Op::Insert, Outcome::Inserted, 1)]),
        "serialization is not counted"
    );

    let set: HashSet<char> = HashSet::builder().name("written-set").build();
    assert_eq!(serde_json::to_string(&set).unwrap(), "[]");
    set.pin().insert('a');
    let papayas = papaya::HashSet::from(['a']);
    assert_eq!(serde_json::to_string(&set).unwrap(), serde_json::to_string(&papayas).unwrap());
    assert_eq!(
        serde_json::to_string(&set.pin_owned()).unwrap(),
        serde_json::to_string(&papayas.pin()).unwrap()
    );
    assert_eq!(counts("written-set"), table([(Op::Insert, Outcome::Inserted, 1)]));
}

#[test]
fn deserialized_entries_count_and_the_type_is_the_name() {
    let map: HashMap<String, (u8, char)> =
        serde_json::from_str(r#"{"a": [1, "x"], "b": [2, "y"], "a": [3, "z"]}"#).unwrap();
    assert_eq!(map, HashMap::from([("a".to_owned(), (3, 'z')), ("b".to_owned(), (2, 'y'))]));
    assert_eq!(map.name(), "unnamed HashMap<String, (u8, char)>");
    let expected = [(Op::Insert, Outcome::Inserted, 2), (Op::Insert, Outcome::Replaced, 1)];
    assert_eq!(counts(map.name()), table(expected));

    type Fixed = BuildHasherDefault<DefaultHasher>;
    let set: HashSet<(i8, i8), Fixed> = serde_json::from_str("[[1, 2], [1, 2], [3, 4]]").unwrap();
    assert_eq!(set, [(1, 2), (3, 4)].into_iter().collect());
    assert_eq!(set.name(), "unnamed HashSet<(i8, i8)>");
    assert_eq!(counts(set.name()).get(&(Op::Insert, Outcome::Replaced)), Some(&1));
}

/// An input that claims more entries than any memory can hold.
struct Claims(Option<u8>);

impl Iterator for Claims {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        self.0.take()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.map_or((0, Some(0)), |_| (usize::MAX, Some(usize::MAX)))
    }
}

#[test]
fn no_memory_is_reserved_for_claimed_entries() {
    let entries = Claims(Some(7)).map(|key| (key, key));
    let map = HashMap::<u8, u8>::deserialize(MapDeserializer::<_, Error>::new(entries)).unwrap();
    assert_eq!(map, HashMap::from([(7, 7)]));
    let set = HashSet::<u8>::deserialize(SeqDeserializer::<_, Error>::new(Claims(Some(7)))).unwrap();
    assert_eq!(set, HashSet::from([7]));
}

#[test]
fn errors_match_those_of_papaya() {
    let cases = ["[1]", "{\"a\": \"b\"}", "{\"a\": 1", "7"];
    for case in cases {
        let ours = serde_json::from_str::<HashMap<String, u8>>(case).unwrap_err().to_string();
        let papayas = serde_json::from_str::<papaya::HashMap<String, u8>>(case).unwrap_err().to_string();
        assert_eq!(ours, papayas, "{case}");
    }
    for case in ["{}", "[\"a\"]", "[1", "7"] {
        let ours = serde_json::from_str::<HashSet<u8>>(case).unwrap_err().to_string();
        let papayas = serde_json::from_str::<papaya::HashSet<u8>>(case).unwrap_err().to_string();
        assert_eq!(ours, papayas, "{case}");
    }
}
