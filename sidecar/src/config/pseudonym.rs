//! The key under which user ids that arrive in clear are pseudonymised.

use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use mapwarden_contract::UserHash;

/// A key of 128 bits. Whoever knows it can try ids, so it is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct PseudonymSecret([u8; 16]);

impl PseudonymSecret {
    /// A key that nobody knows: two hashes under the random keys that the standard library draws from the system.
    pub fn random() -> Self {
        let draw = || u128::from(RandomState::new().build_hasher().finish());
        Self((draw() << 64 | draw()).to_be_bytes())
    }

    /// The key that a secret stands for; services that are told the same give a user the same pseudonym.
    pub fn of_secret(secret: &str) -> Self {
        Self(UserHash::key(secret))
    }

    /// The pseudonym of a user's id.
    pub fn pseudonym(&self, id: &str) -> UserHash {
        UserHash::keyed(&self.0, id)
    }
}

impl fmt::Debug for PseudonymSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("PseudonymSecret(..)")
    }
}
