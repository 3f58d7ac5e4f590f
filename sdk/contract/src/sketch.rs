//! The number of different users: an exact set while it is small, a bottom-k sketch above that.
//!
//! A bottom-k (KMV) sketch keeps the k smallest of uniformly distributed 64-bit hashes. Below k hashes it is the set
//! itself; above, `(k - 1) / kth smallest` estimates the size of the whole set with a relative standard error of
//! `1 / sqrt(k - 2)` (Beyer et al., "On synopses for distinct-value estimation", SIGMOD 2007). The union of two sketches is
//! the sketch of the union. Merging is idempotent: a batch that is sent twice does no harm.

use std::collections::BTreeSet;
use std::hash::Hasher as _;

use siphasher::sip::SipHasher24;
use siphasher::sip128::{Hasher128 as _, SipHasher24 as SipHasher24Wide};

/// k: the number of hashes that a sketch keeps. 4,096 gives a standard error of 1.6 % above that many users and takes
/// 32 KiB on the wire; raised fourfold, the error halves.
pub const SKETCH_CAPACITY: usize = 4096;

/// The pseudonym of a user or a tenant: a keyed 64-bit hash. The raw id never leaves the process that hashes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserHash(u64);

impl UserHash {
    /// Hashes an id with SipHash-2-4 under a 128-bit key. Pods that share a key give one user one pseudonym; without the
    /// key the id cannot be found by trying ids.
    pub fn keyed(key: &[u8; 16], id: &str) -> Self {
        let mut hasher = SipHasher24::new_with_key(key);
        hasher.write(id.as_bytes());
        Self(hasher.finish())
    }

    /// Derives the key from a configured secret (`MAPWARDEN_PSEUDONYM_KEY`): SipHash-2-4-128 of its UTF-8 bytes under the
    /// all-zero key. Services and sidecars with the same secret derive the same key. The key is as hard to guess as the
    /// secret: use 16 random bytes or more, in any spelling.
    pub fn key(secret: &str) -> [u8; 16] {
        let mut hasher = SipHasher24Wide::new_with_key(&[0; 16]);
        hasher.write(secret.as_bytes());
        hasher.finish128().as_bytes()
    }

    /// Derives the key of tenants from the key of users: SipHash-2-4-128 of `mapwarden.tenants` under it. With separate
    /// keys, a tenant and a user of the same id have unrelated pseudonyms.
    pub fn tenant_key(key: &[u8; 16]) -> [u8; 16] {
        let mut hasher = SipHasher24Wide::new_with_key(key);
        hasher.write(b"mapwarden.tenants");
        hasher.finish128().as_bytes()
    }

    /// Creates a pseudonym from the number that [`UserHash::get`] returned.
    pub const fn new(hash: u64) -> Self {
        Self(hash)
    }

    /// Returns the hash, uniformly distributed.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// The error for bytes that [`UserSketch::encode`] does not write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "user sketch of {length} bytes: accepted are ascending 8-byte big-endian hashes, at most {SKETCH_CAPACITY}"
)]
pub struct SketchError {
    length: usize,
}

/// A mergeable set of users.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserSketch {
    smallest: BTreeSet<u64>,
}

impl UserSketch {
    /// Creates an empty sketch.
    pub const fn new() -> Self {
        Self { smallest: BTreeSet::new() }
    }

    /// Adds a user. Idempotent, O(log k).
    pub fn insert(&mut self, user: UserHash) {
        if self.smallest.len() < SKETCH_CAPACITY {
            self.smallest.insert(user.0);
        } else if self.smallest.last().is_some_and(|largest| user.0 < *largest)
            && self.smallest.insert(user.0)
        {
            self.smallest.pop_last();
        }
    }

    /// Adds all users of another sketch. Idempotent.
    pub fn merge(&mut self, other: &Self) {
        for hash in &other.smallest {
            self.insert(UserHash(*hash));
        }
    }

    /// Returns whether the sketch has no user.
    pub fn is_empty(&self) -> bool {
        self.smallest.is_empty()
    }

    /// Returns whether [`UserSketch::estimate`] is the exact number.
    pub fn is_exact(&self) -> bool {
        self.smallest.len() < SKETCH_CAPACITY
    }

    /// Returns the number of different users, exact below [`SKETCH_CAPACITY`].
    pub fn estimate(&self) -> f64 {
        match self.smallest.last() {
            Some(largest) if !self.is_exact() => {
                (kept(self.smallest.len()) - 1.0) * (TWO_POW_64 / (to_f64(*largest) + 1.0))
            }
            Some(_) | None => kept(self.smallest.len()),
        }
    }

    /// Returns the 95 % confidence interval of [`UserSketch::estimate`]; a single point while exact.
    pub fn interval(&self) -> (f64, f64) {
        let estimate = self.estimate();
        if self.is_exact() {
            return (estimate, estimate);
        }
        let relative = 1.96 / (kept(self.smallest.len()) - 2.0).sqrt();
        ((estimate * (1.0 - relative)).floor(), (estimate * (1.0 + relative)).ceil())
    }

    /// Encodes the kept hashes in ascending order, 8 bytes each, big-endian.
    pub fn encode(&self) -> Vec<u8> {
        self.smallest.iter().flat_map(|hash| hash.to_be_bytes()).collect()
    }

    /// Decodes what [`UserSketch::encode`] wrote.
    ///
    /// # Errors
    /// A length that is not a multiple of 8, hashes out of order, or more than [`SKETCH_CAPACITY`] of them.
    pub fn decode(bytes: &[u8]) -> Result<Self, SketchError> {
        let hashes = bytes.chunks_exact(8);
        let is_whole = hashes.remainder().is_empty();
        let smallest: Vec<u64> =
            hashes.filter_map(|hash| hash.try_into().ok()).map(u64::from_be_bytes).collect();
        if is_whole && smallest.len() <= SKETCH_CAPACITY && smallest.is_sorted_by(|a, b| a < b) {
            Ok(Self { smallest: smallest.into_iter().collect() })
        } else {
            Err(SketchError { length: bytes.len() })
        }
    }
}

const TWO_POW_64: f64 = 18_446_744_073_709_551_616.0;

#[expect(clippy::as_conversions, reason = "a hash's top 53 bits are enough for an estimate of 1.6 %")]
fn to_f64(hash: u64) -> f64 {
    hash as f64
}

fn kept(hashes: usize) -> f64 {
    f64::from(u32::try_from(hashes).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(range: std::ops::Range<u32>) -> UserSketch {
        let mut sketch = UserSketch::new();
        for id in range {
            sketch.insert(UserHash::keyed(b"another key here", &format!("user-{id}")));
        }
        sketch
    }

    #[test]
    fn a_secret_derives_the_same_key_everywhere() {
        // Computed by another implementation of SipHash-2-4-128.
        let expected = 0x1928_4f03_3565_88b9_de17_e78a_e13a_ee6a_u128.to_be_bytes();
        assert_eq!(UserHash::key("correct horse"), expected);
        assert_ne!(UserHash::key("correct horsf"), expected);
    }

    #[test]
    fn tenant_key_derives_from_the_user_key() {
        // Computed by another implementation of SipHash-2-4-128.
        let expected = 0xa4bb_0a78_c1a7_02ea_ab25_dbce_bc9b_fcdf_u128.to_be_bytes();
        assert_eq!(UserHash::tenant_key(&UserHash::key("correct horse")), expected);
    }

    #[test]
    fn small_sets_are_exact() {
        let mut sketch = users(0..4000);
        sketch.merge(&users(0..4000));
        assert!(sketch.is_exact());
        assert_eq!(sketch.interval(), (4000.0, 4000.0));
    }

    #[test]
    fn large_sets_lie_within_their_interval() {
        let mut sketch = users(0..60_000);
        sketch.merge(&users(40_000..100_000));
        let (lower, upper) = sketch.interval();
        assert!(lower <= 100_000.0 && 100_000.0 <= upper, "[{lower}, {upper}]");
        assert!(upper - lower < 0.07 * 100_000.0);
    }

    #[test]
    fn merging_commutes_and_is_idempotent() {
        let (a, b) = (users(0..5000), users(3000..9000));
        let (mut ab, mut ba) = (a.clone(), b.clone());
        ab.merge(&b);
        ba.merge(&a);
        assert_eq!(ab, ba);
        ab.merge(&a);
        assert_eq!(ab, ba);
        assert_eq!(ab, users(0..9000));
    }

    #[test]
    fn encoding_round_trips() {
        for sketch in [UserSketch::new(), users(0..10), users(0..9000)] {
            assert_eq!(UserSketch::decode(&sketch.encode()), Ok(sketch));
        }
        for wrong in [&[1_u8, 2, 3][..], &[0; 16], &[9; 8 * 4097]] {
            assert!(UserSketch::decode(wrong).is_err());
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(16))]

        #[test]
        fn merging_any_split_gives_the_sketch_of_all_users(
            bounds in proptest::array::uniform6(0..7_000_u32),
        ) {
            let [a, b, c] = [0, 2, 4].map(|at| users(bounds[at].min(bounds[at + 1])..bounds[at].max(bounds[at + 1])));
            let merged = |parts: [&UserSketch; 3]| {
                parts.into_iter().fold(UserSketch::new(), |mut all, part| {
                    all.merge(part);
                    all
                })
            };
            let mut right = b.clone();
            right.merge(&c);
            let mut nested = a.clone();
            nested.merge(&right);
            let mut everybody = UserSketch::new();
            for at in [0, 2, 4] {
                for id in bounds[at].min(bounds[at + 1])..bounds[at].max(bounds[at + 1]) {
                    everybody.insert(UserHash::keyed(b"another key here", &format!("user-{id}")));
                }
            }
            proptest::prop_assert_eq!(&nested, &everybody);
            for order in [[&a, &b, &c], [&c, &a, &b], [&b, &c, &a], [&c, &b, &a]] {
                proptest::prop_assert_eq!(&merged(order), &everybody);
            }
            proptest::prop_assert_eq!(&merged([&nested, &right, &a]), &everybody, "merging is idempotent");
        }
    }
}
