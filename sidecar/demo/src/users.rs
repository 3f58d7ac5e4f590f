//! The users of the demo and their regions.

use serde::Serialize;

/// The region of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) enum Region {
    /// Half of the users.
    #[serde(rename = "eu-west-1")]
    EuWest1,
    /// Three of ten.
    #[serde(rename = "us-east-1")]
    UsEast1,
    /// Two of ten.
    #[serde(rename = "ap-south-1")]
    ApSouth1,
}

impl Region {
    /// Every region, the largest first.
    pub(crate) const ALL: [Self; 3] = [Self::EuWest1, Self::UsEast1, Self::ApSouth1];

    /// Returns the value of the header `x-region`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::EuWest1 => "eu-west-1",
            Self::UsEast1 => "us-east-1",
            Self::ApSouth1 => "ap-south-1",
        }
    }
}

/// A user by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct User(pub(crate) u64);

impl User {
    /// Returns the value of the header `x-user`.
    pub(crate) fn id(self) -> String {
        format!("user-{:05}", self.0)
    }

    /// Returns the region of the user: always the same one, in the shares that [`Region`] names.
    pub(crate) const fn region(self) -> Region {
        match self.0 % 10 {
            0..=4 => Region::EuWest1,
            5..=7 => Region::UsEast1,
            _ => Region::ApSouth1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_have_regions_by_their_shares() {
        for (region, expected) in Region::ALL.into_iter().zip([500, 300, 200]) {
            assert_eq!((0..1000).filter(|user| User(*user).region() == region).count(), expected);
        }
    }
}
