//! Maps as serde maps. Comes in: entries, which are counted as the insertions that they are. Goes out: entries, in no
//! order, which are not counted: nobody asked for a key.

use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;

use papaya::Guard;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{HashMap, HashMapRef};

/// For how many entries there is room at first, whatever the input says. Raised, a few bytes that lie about what
/// follows them can take more memory; lowered, long honest inputs resize more often.
const BELIEVED_ENTRIES: usize = 4096;

/// The room to begin with, for an input that says how many entries it has.
pub(crate) fn believed(entries: Option<usize>) -> usize {
    entries.unwrap_or(0).min(BELIEVED_ENTRIES)
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
        let map = HashMap::with_capacity_and_hasher(believed(entries.size_hint()), S::default());
        let pin = map.pin();
        while let Some((key, value)) = entries.next_entry()? {
            pin.insert(key, value);
        }
        drop(pin);
        Ok(map)
    }
}
