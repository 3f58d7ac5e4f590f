//! Sets as serde sequences. Comes in: keys, each counted as an insertion. Goes out: keys, in no order, which are not
//! counted.

use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{HashSet, HashSetRef};
use crate::map::{Guard, initial_capacity};

impl<K, S> Serialize for HashSet<K, S>
where
    K: Serialize + Hash + Eq,
    S: BuildHasher,
{
    fn serialize<Sr: Serializer>(&self, serializer: Sr) -> Result<Sr::Ok, Sr::Error> {
        serializer.collect_seq(self.map().uncounted().pin().keys())
    }
}

impl<K, S, G> Serialize for HashSetRef<'_, K, S, G>
where
    K: Serialize + Hash + Eq,
    S: BuildHasher,
    G: Guard,
{
    fn serialize<Sr: Serializer>(&self, serializer: Sr) -> Result<Sr::Ok, Sr::Error> {
        self.set().serialize(serializer)
    }
}

/// Named by its type, see [Names](crate::HashMap#names). Each key is counted as an `insert`.
impl<'de, K, S> Deserialize<'de> for HashSet<K, S>
where
    K: Deserialize<'de> + Hash + Eq,
    S: Default + BuildHasher,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(SetVisitor(PhantomData))
    }
}

struct SetVisitor<K, S>(PhantomData<HashSet<K, S>>);

impl<'de, K, S> Visitor<'de> for SetVisitor<K, S>
where
    K: Deserialize<'de> + Hash + Eq,
    S: Default + BuildHasher,
{
    type Value = HashSet<K, S>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a set")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut keys: A) -> Result<Self::Value, A::Error> {
        let set = HashSet::with_capacity_and_hasher(initial_capacity(keys.size_hint()), S::default());
        let pin = set.pin();
        while let Some(key) = keys.next_element()? {
            pin.insert(key);
        }
        drop(pin);
        Ok(set)
    }
}
