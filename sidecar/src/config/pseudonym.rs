//! The key that pseudonymises user ids which arrive in clear. Comes in: a secret. Goes out: pseudonyms. Never prints
//! the key.

use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use mapwarden_contract::UserHash;

/// A key of 128 bits. It is never printed, because with it pseudonyms can be guessed by trying ids.
#[derive(Clone, PartialEq, Eq)]
pub struct PseudonymSecret([u8; 16]);

impl PseudonymSecret {
    /// Returns a random key: two hashes under the random keys that the standard library draws from the system.
    pub fn random() -> Self {
        let draw = || u128::from(RandomState::new().build_hasher().finish());
        Self((draw() << 64 | draw()).to_be_bytes())
    }

    /// Returns the key that is derived from a secret; services with the same secret use the same pseudonym for a user.
    pub fn of_secret(secret: &str) -> Self {
        Self(UserHash::key(secret))
    }

    /// Returns the pseudonym of a user's id.
    pub fn pseudonym(&self, id: &str) -> UserHash {
        UserHash::keyed(&self.0, id)
    }
}

impl fmt::Debug for PseudonymSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("PseudonymSecret(..)")
    }
}
