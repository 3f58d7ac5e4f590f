//! Failed operations by the type of their error. Comes in: the type of an error, or a panic. Goes out: exact counts by
//! operation and type. Takes a lock: failures are off the usual path.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::names::OTHER;
use mapwarden_contract::{Count, Op};

/// The error type of an operation that ends with a panic.
pub(crate) const PANIC: &str = "panic";

/// Pairs of operation and type that are counted separately. Raised, a map with loaders of more error types sends more
/// series.
const MAX_KINDS: usize = 64;

/// The failures of the maps of one name.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<BTreeMap<(Op, &'static str), u64>>);

impl Failures {
    pub(super) fn add(&self, op: Op, error: &'static str) {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = kinds.contains_key(&(op, error));
        let error = if is_known || kinds.len() < MAX_KINDS { error } else { OTHER };
        *kinds.entry((op, error)).or_default() += 1;
    }

    pub(super) fn snapshot(&self) -> Vec<(Op, &'static str, Count)> {
        let kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kinds.iter().map(|((op, error), count)| (*op, *error, Count::new(*count))).collect()
    }
}
