//! What the store keeps of a notice, so that it continues after a restart.

use mapwarden_contract::{UnixNanos, UserSketch};

use super::content::Notice;
use super::evidence::ImpactSketches;
use crate::budget::Tier;

/// A notice as the store keeps it, with the users that it continues to count.
#[derive(Clone, Debug)]
pub struct StoredNotice {
    /// The notice.
    pub notice: Notice,
    /// The tier that keeps it open; none once resolved.
    pub tier: Option<Tier>,
    /// The end of the previous fault.
    pub floor: UnixNanos,
    /// The users that it continues to count.
    pub users: StoredSketches,
    /// The tenants that it continues to count.
    pub tenants: StoredSketches,
}

/// Users or tenants as [`UserSketch::encode`] writes them; empty once a notice is resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredSketches {
    /// Those with a bad event.
    pub affected: Vec<u8>,
    /// Those with any event.
    pub active: Vec<u8>,
}

impl StoredNotice {
    /// Returns a resolved notice, which counts nothing any more.
    pub(super) fn resolved(notice: Notice) -> Self {
        Self {
            notice,
            tier: None,
            floor: UnixNanos::EPOCH,
            users: StoredSketches::default(),
            tenants: StoredSketches::default(),
        }
    }
}

impl StoredSketches {
    pub(super) fn of(sketches: &ImpactSketches) -> Self {
        Self { affected: sketches.affected.encode(), active: sketches.active.encode() }
    }

    pub(super) fn restore(&self) -> ImpactSketches {
        ImpactSketches {
            affected: UserSketch::decode(&self.affected).unwrap_or_default(),
            active: UserSketch::decode(&self.active).unwrap_or_default(),
        }
    }
}
