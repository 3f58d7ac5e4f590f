//! Maps as serde maps. Comes in: entries, each counted as an insertion. Goes out: entries, in no order, which are not
//! counted: no key is looked up.

use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;

use papaya::Guard;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{HashMap, HashMapRef};

/// The largest initial capacity, whatever length the input claims. Raised, a few bytes that claim a false length can
/// take more memory; lowered, long inputs resize more often.
const MAX_INITIAL_CAPACITY: usize = 4096;

/// Returns the initial capacity for an input that claims this many entries.
pub(crate) fn initial_capacity(claimed: Option<usize>) -> usize {
    claimed.unwrap_or(0).min(MAX_INITIAL_CAPACITY)
}

impl<K, V, S> Serialize for HashMap<K, V, S>
where
    K: Serialize + Hash + Eq,
    V: Serialize,
    S: BuildHasher,
{
    fn serialize<Sr: Serializer>(&self, serializer: Sr) -> Result<Sr::Ok, Sr::Error> {
        self.inner.serialize(serializer)
    }
}

impl<K, V, S, G> Serialize for HashMapRef<'_, K, V, S, G>
where
    K: Serialize + Hash + Eq,
    V: Serialize,
    S: BuildHasher,
    G: Guard,
{
    fn serialize<Sr: Serializer>(&self, serializer: Sr) -> Result<Sr::Ok, Sr::Error> {
        self.map().serialize(serializer)
    }
}

/// Named by its type, see [Names](HashMap#names). Each entry is counted as an `insert`.
impl<'de, K, V, S> Deserialize<'de> for HashMap<K, V, S>
where
    K: Deserialize<'de> + Hash + Eq,
    V: Deserialize<'de>,
    S: Default + BuildHasher,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MapVisitor(PhantomData))
    }
}

struct MapVisitor<K, V, S>(PhantomData<HashMap<K, V, S>>);

impl<'de, K, V, S> Visitor<'de> for MapVisitor<K, V, S>
where
    K: Deserialize<'de> + Hash + Eq,
    V: Deserialize<'de>,
    S: Default + BuildHasher,
{
    type Value = HashMap<K, V, S>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a map")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut entries: M) -> Result<Self::Value, M::Error> {
        let map = HashMap::with_capacity_and_hasher(initial_capacity(entries.size_hint()), S::default());
        let pin = map.pin();
        while let Some((key, value)) = entries.next_entry()? {
            pin.insert(key, value);
        }
        drop(pin);
        Ok(map)
    }
}
