//! Iterates over the keys of a set. Comes in: the keys of a map without values. Goes out: the keys.

use std::fmt;

use crate::map::{Guard, Keys};

/// An iterator over the keys of a [`HashSet`](crate::HashSet), in no order.
pub struct SetIter<'g, K, G> {
    keys: Keys<'g, K, (), G>,
}

impl<'g, K, G> SetIter<'g, K, G> {
    pub(super) const fn new(keys: Keys<'g, K, (), G>) -> Self {
        Self { keys }
    }
}

impl<'g, K: 'g, G> Iterator for SetIter<'g, K, G>
where
    G: Guard,
{
    type Item = &'g K;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.keys.next()
    }
}

impl<K, G> fmt::Debug for SetIter<'_, K, G>
where
    K: fmt::Debug,
    G: Guard,
{
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("SetIter").field(&self.keys).finish()
    }
}
