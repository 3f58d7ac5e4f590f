//! papaya's concurrent hash set under its own names and signatures, counted. Comes in: operations of the service. Goes
//! out: papaya's answers. Never counts by itself: a set is a [`HashMap`](crate::HashMap) without values, and its
//! operations are those of that map.

mod builder;
mod constructors;
mod hash_set;
mod iter;
mod pinned;
#[cfg(feature = "serde")]
mod serialized;
mod traits;

pub use builder::HashSetBuilder;
pub use hash_set::HashSet;
pub use iter::SetIter;
pub use pinned::HashSetRef;
