//! Pseudonyms, under which keys of maps leave the process. Comes in: a key that can be hashed. Goes out: its hash under
//! the process's secret. Never holds a key.

use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use siphasher::sip::SipHasher13;

use super::hot_keys::KeyHash;

static IS_SET: AtomicBool = AtomicBool::new(false);
static SECRET: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// Sets the secret under which keys are hashed from now on; without one they are no longer hashed. Processes of one
/// build that share a secret give a key the same pseudonym.
pub(crate) fn set_key_secret(secret: Option<[u8; 16]>) {
    let Some(secret) = secret else {
        // Relaxed: a thread that reads the flag late hashes one key more.
        return IS_SET.store(false, Ordering::Relaxed);
    };
    let number = u128::from_le_bytes(secret);
    for (half, shift) in SECRET.iter().zip([0, 64]) {
        half.store(
            u64::try_from(number >> shift & u128::from(u64::MAX)).unwrap_or_default(),
            Ordering::Relaxed,
        );
    }
    // Release, for the acquiring load in `key_hash`: a thread that sees the flag sees the secret.
    IS_SET.store(true, Ordering::Release);
}

/// Returns the hash of a key, if a secret is set.
pub(crate) fn key_hash(key: &(impl Hash + ?Sized)) -> Option<KeyHash> {
    if !IS_SET.load(Ordering::Acquire) {
        return None;
    }
    let [first, second] = &SECRET;
    let mut hasher =
        SipHasher13::new_with_keys(first.load(Ordering::Relaxed), second.load(Ordering::Relaxed));
    key.hash(&mut hasher);
    Some(KeyHash(hasher.finish()))
}
