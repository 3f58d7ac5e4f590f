//! What comes in: keys of items. What goes out: prices, and the lookups that they took. A cache of fixed size in front
//! of the price list: when it is full, the oldest entry is evicted.

use std::collections::VecDeque;
use std::ops::AddAssign;
use std::sync::{Mutex, PoisonError};

use mapwarden_contract::Count;
use serde::{Deserialize, Serialize};

/// How many prices are kept. The generated load fits; a recorded workload of more keys evicts entries.
const CAPACITY: usize = 32_768;

/// Prices from here on are changed by hand.
const BY_HAND: Price = Price(9_000);

/// A price that no program may change.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a price of {} cents or more is changed by hand", BY_HAND.0)]
struct ChangedByHand;

/// The price of an item in cents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Price(pub(crate) u64);

/// Lookups of the catalogue and their effects, from the return values of the map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CatalogueLookups {
    /// Lookups that found their key.
    pub(crate) hits: Count,
    /// Lookups that did not.
    pub(crate) misses: Count,
    /// New entries.
    pub(crate) inserts: Count,
    /// Entries that were removed for a new one.
    pub(crate) evictions: Count,
}

impl AddAssign for CatalogueLookups {
    fn add_assign(&mut self, other: Self) {
        self.hits += other.hits;
        self.misses += other.misses;
        self.inserts += other.inserts;
        self.evictions += other.evictions;
    }
}

/// The cache of prices.
pub(crate) struct PriceCache {
    prices: mapwarden::HashMap<u64, Price>,
    arrivals: Mutex<VecDeque<u64>>,
    capacity: usize,
}

impl PriceCache {
    /// An empty catalogue.
    pub(crate) fn new() -> Self {
        Self::with_capacity(CAPACITY)
    }

    fn with_capacity(capacity: usize) -> Self {
        Self {
            prices: mapwarden::HashMap::builder().name("catalogue").build(),
            arrivals: Mutex::default(),
            capacity,
        }
    }

    /// Returns the price of an item, and adds to `lookups` what that took.
    pub(crate) fn price(&self, item: u64, lookups: &mut CatalogueLookups) -> Price {
        let prices = self.prices.pin();
        if let Some(price) = prices.get(&item) {
            lookups.hits += Count::new(1);
            return *price;
        }
        lookups.misses += Count::new(1);
        let price = listed(item);
        if prices.insert(item, price).is_none() {
            lookups.inserts += Count::new(1);
            let evicted = self.make_room_for(item).and_then(|oldest| prices.remove(&oldest).copied());
            if evicted.is_some() {
                lookups.evictions += Count::new(1);
            }
        }
        price
    }

    /// Raises an item's price, if it is in the catalogue and not changed by hand, which the map counts as failed.
    pub(crate) fn reprice(&self, item: u64) {
        let raise =
            |price: &Price| if *price < BY_HAND { Ok(Price(price.0 + 1)) } else { Err(ChangedByHand) };
        // A refused change needs no handling: the next round tries again.
        let _ = self.prices.pin().try_update(item, raise).is_ok();
    }

    /// Appends a new key, and returns the oldest one where there are too many.
    fn make_room_for(&self, item: u64) -> Option<u64> {
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        arrivals.push_back(item);
        if arrivals.len() > self.capacity { arrivals.pop_front() } else { None }
    }
}

/// The price in the price list.
const fn listed(item: u64) -> Price {
    Price(499 + item % 97 * 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_cache_evicts_the_oldest() {
        let catalogue = PriceCache::with_capacity(2);
        let mut lookups = CatalogueLookups::default();
        for item in [1, 2, 1, 3, 1] {
            assert_eq!(catalogue.price(item, &mut lookups), listed(item));
        }
        let expected = CatalogueLookups {
            hits: Count::new(1),
            misses: Count::new(4),
            inserts: Count::new(4),
            evictions: Count::new(2),
        };
        assert_eq!(lookups, expected);
    }

    #[test]
    fn a_lookup_returns_the_new_price() {
        let catalogue = PriceCache::new();
        let mut lookups = CatalogueLookups::default();
        let before = catalogue.price(7, &mut lookups);
        catalogue.reprice(7);
        assert_eq!(catalogue.price(7, &mut lookups), Price(before.0 + 1));
        assert_eq!(lookups.hits, Count::new(1));
        let dear = catalogue.price(96, &mut lookups);
        catalogue.reprice(96);
        assert!(dear >= BY_HAND);
        assert_eq!(catalogue.price(96, &mut lookups), dear);
    }
}
