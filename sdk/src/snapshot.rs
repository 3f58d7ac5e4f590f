//! Everything that this process has counted, for a service that reads or publishes it itself.
//!
//! ```
//! use mapwarden::snapshot::Snapshot;
//! use mapwarden::{HashMap, Op, Outcome};
//!
//! let prices: HashMap<u32, u64> = HashMap::builder().name("prices").build();
//! prices.pin().insert(7, 250);
//!
//! let counted = Snapshot::take();
//! let prices = counted.maps.iter().find(|map| &*map.name == "prices").unwrap();
//! let inserted = prices.operations.iter().find(|(op, outcome, _)| (*op, *outcome) == (Op::Insert, Outcome::Inserted));
//! assert_eq!(inserted.unwrap().2.get(), 1);
//! ```
//!
//! Counts are cumulative from the start of the process. Users and tenants are not part of it: only the shipper sends
//! their sketches.

pub use crate::record::{
    DependencySnapshot, Distribution, Exemplar, HotKey, MapSnapshot, ObjectiveSnapshot, RegionSnapshot,
    Sampled, ScopeSnapshot, Snapshot,
};
