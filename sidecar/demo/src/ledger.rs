//! What comes in: every answer that the load got. What goes out: what the sidecar ought to have counted. Never
//! asks the sidecar: it is the other side of every comparison.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mapwarden_contract::{Count, UnixNanos};
use serde::Serialize;

use super::service::catalogue::Lookups;

/// How many failed checkouts are kept one by one: at the demo's load, a fault of an hour. Beyond it they are
/// only counted, and the number of affected users is no longer known.
const KEPT_FAILURES: usize = 200_000;

/// Where a user is. A closed set.
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

    /// As the header `x-region` carries it.
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
    /// As the header `x-user` carries it.
    pub(crate) fn id(self) -> String {
        format!("user-{:05}", self.0)
    }

    /// Where the user is: always the same place, in the shares that [`Region`] says.
    pub(crate) const fn region(self) -> Region {
        match self.0 % 10 {
            0..=4 => Region::EuWest1,
            5..=7 => Region::UsEast1,
            _ => Region::ApSouth1,
        }
    }
}

/// What was asked for. A closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// A look at an item.
    Browse,
    /// A batch of a recorded workload.
    Replay {
        /// How many references it held.
        references: Count,
    },
    /// An order.
    Checkout,
}

/// One request and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The version that the load was on.
    pub(crate) version: Arc<str>,
    /// What was asked for.
    pub(crate) endpoint: Endpoint,
    /// Who asked.
    pub(crate) user: User,
    /// The HTTP status.
    pub(crate) status: u16,
    /// When it was sent.
    pub(crate) start: UnixNanos,
    /// When the answer was read to its end.
    pub(crate) end: UnixNanos,
    /// What the service says it did to the catalogue.
    pub(crate) lookups: Lookups,
}

/// Requests that were answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Answered {
    /// With success.
    pub(crate) good: Count,
    /// With a status of 400 or more.
    pub(crate) bad: Count,
}

impl Answered {
    /// Both together.
    pub(crate) fn total(&self) -> Count {
        self.good + self.bad
    }

    fn add(&mut self, status: u16) {
        if status < 400 {
            self.good += Count::new(1);
        } else {
            self.bad += Count::new(1);
        }
    }
}

/// How many users met a failure, as far as a client can know when the service counted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Affected {
    /// Those for whom it is certain.
    pub(crate) least: u64,
    /// Those for whom it is possible.
    pub(crate) most: u64,
}

/// A checkout that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Failure {
    user: User,
    start: UnixNanos,
    end: UnixNanos,
}

/// Everything that the load knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    checkouts: Answered,
    browses: Answered,
    checkouts_by_version: BTreeMap<Arc<str>, Answered>,
    checkouts_by_region: BTreeMap<Region, Answered>,
    first_failures: BTreeMap<Arc<str>, UnixNanos>,
    failures: Vec<Failure>,
    lookups: Lookups,
    replayed: Count,
    unanswered: Count,
    last_unanswered: Option<String>,
}

/// The ledger's sums, as `--report` writes them.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Totals {
    /// All checkouts.
    pub(crate) checkouts: Answered,
    /// Everything else.
    pub(crate) browses: Answered,
    /// Checkouts by the version that answered.
    pub(crate) checkouts_by_version: BTreeMap<Arc<str>, Answered>,
    /// Checkouts by the user's region.
    pub(crate) checkouts_by_region: BTreeMap<Region, Answered>,
    /// What the service says it did to the catalogue.
    pub(crate) lookups: Lookups,
    /// References of a recorded workload among the lookups.
    pub(crate) replayed: Count,
    /// Requests without an answer.
    pub(crate) unanswered: Count,
    /// Why the last of them had none.
    pub(crate) last_unanswered: Option<String>,
}

impl Ledger {
    /// Enters one answer.
    pub(crate) fn record(&mut self, answer: &Answer) {
        self.lookups += answer.lookups;
        match answer.endpoint {
            Endpoint::Browse => self.browses.add(answer.status),
            Endpoint::Replay { references } => {
                self.browses.add(answer.status);
                self.replayed += references;
            }
            Endpoint::Checkout => self.record_checkout(answer),
        }
    }

    fn record_checkout(&mut self, answer: &Answer) {
        self.checkouts.add(answer.status);
        self.checkouts_by_version.entry(answer.version.clone()).or_default().add(answer.status);
        self.checkouts_by_region.entry(answer.user.region()).or_default().add(answer.status);
        if answer.status < 400 {
            return;
        }
        self.first_failures
            .entry(answer.version.clone())
            .and_modify(|first| *first = answer.end.min(*first))
            .or_insert(answer.end);
        if self.failures.len() < KEPT_FAILURES {
            self.failures.push(Failure { user: answer.user, start: answer.start, end: answer.end });
        }
    }

    /// Enters a request that got no answer: nobody can know whether the service counted it.
    pub(crate) fn record_unanswered(&mut self, why: String) {
        self.unanswered += Count::new(1);
        self.last_unanswered = Some(why);
    }

    /// All checkouts.
    pub(crate) fn checkouts(&self) -> Answered {
        self.checkouts
    }

    /// All requests that were answered.
    pub(crate) fn answered(&self) -> Count {
        self.checkouts.total() + self.browses.total()
    }

    /// What the service says it did to the catalogue.
    pub(crate) fn lookups(&self) -> Lookups {
        self.lookups
    }

    /// References of a recorded workload that were answered.
    pub(crate) fn replayed(&self) -> Count {
        self.replayed
    }

    /// When a version's first failed checkout was answered.
    pub(crate) fn first_failure_of(&self, version: &str) -> Option<UnixNanos> {
        self.first_failures.get(version).copied()
    }

    /// How many different users had a failed checkout in `[since, until)`; none where failures were left out.
    ///
    /// The service counts a failure somewhere between the request's start and its end here, hence two numbers.
    pub(crate) fn affected(&self, since: UnixNanos, until: UnixNanos) -> Option<Affected> {
        if Count::new(u64::try_from(self.failures.len()).ok()?) < self.checkouts.bad {
            return None;
        }
        let users = |is_in: &dyn Fn(&Failure) -> bool| -> Option<u64> {
            let users: BTreeSet<User> =
                self.failures.iter().filter(|failure| is_in(failure)).map(|failure| failure.user).collect();
            u64::try_from(users.len()).ok()
        };
        Some(Affected {
            least: users(&|failure| failure.start >= since && failure.end < until)?,
            most: users(&|failure| failure.end >= since && failure.start < until)?,
        })
    }

    /// The region with the most failed checkouts.
    pub(crate) fn worst_region(&self) -> Option<Region> {
        let worst = self.checkouts_by_region.iter().max_by_key(|(_, answered)| answered.bad)?;
        (worst.1.bad > Count::ZERO).then_some(*worst.0)
    }

    /// The sums.
    pub(crate) fn totals(&self) -> Totals {
        Totals {
            checkouts: self.checkouts,
            browses: self.browses,
            checkouts_by_version: self.checkouts_by_version.clone(),
            checkouts_by_region: self.checkouts_by_region.clone(),
            lookups: self.lookups,
            replayed: self.replayed,
            unanswered: self.unanswered,
            last_unanswered: self.last_unanswered.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn checkout(user: u64, status: u16, seconds: (u64, u64)) -> Answer {
        Answer {
            version: if status < 400 { "v1".into() } else { "v2".into() },
            endpoint: Endpoint::Checkout,
            user: User(user),
            status,
            start: UnixNanos::new(seconds.0 * SECOND),
            end: UnixNanos::new(seconds.1 * SECOND),
            lookups: Lookups::default(),
        }
    }

    fn ledger(answers: &[Answer]) -> Ledger {
        let mut ledger = Ledger::default();
        answers.iter().for_each(|answer| ledger.record(answer));
        ledger
    }

    #[test]
    fn checkouts_are_the_sum_of_their_versions_and_of_their_regions() {
        let mut answers: Vec<Answer> =
            (0..100).map(|user| checkout(user, [200, 503][usize::from(user % 4 == 0)], (1, 2))).collect();
        answers.push(Answer { endpoint: Endpoint::Browse, ..checkout(1, 500, (1, 2)) });
        let ledger = ledger(&answers);
        let totals = ledger.totals();
        assert_eq!(totals.checkouts, Answered { good: Count::new(75), bad: Count::new(25) });
        assert_eq!(totals.browses, Answered { good: Count::ZERO, bad: Count::new(1) });
        assert_eq!(ledger.answered(), Count::new(101));
        for parts in [
            totals.checkouts_by_version.into_values().collect::<Vec<_>>(),
            totals.checkouts_by_region.into_values().collect(),
        ] {
            assert_eq!(parts.iter().map(|part| part.good).sum::<Count>(), totals.checkouts.good);
            assert_eq!(parts.iter().map(|part| part.bad).sum::<Count>(), totals.checkouts.bad);
        }
    }

    #[test]
    fn users_at_the_edges_of_a_notice_are_possible_but_not_certain() {
        let ledger = ledger(&[
            checkout(1, 503, (8, 9)),   // before
            checkout(2, 503, (9, 11)),  // across the beginning
            checkout(3, 503, (12, 13)), // inside
            checkout(3, 503, (14, 15)), // inside, the same user
            checkout(4, 200, (14, 15)), // no failure
            checkout(5, 503, (19, 20)), // across the end
            checkout(6, 503, (20, 21)), // after
        ]);
        let affected = ledger.affected(UnixNanos::new(10 * SECOND), UnixNanos::new(20 * SECOND));
        assert_eq!(affected, Some(Affected { least: 1, most: 3 }));
        assert_eq!(ledger.first_failure_of("v2"), Some(UnixNanos::new(9 * SECOND)));
        assert_eq!(ledger.first_failure_of("v1"), None);
    }

    #[test]
    fn users_live_in_regions_by_their_shares() {
        for (region, expected) in Region::ALL.into_iter().zip([500, 300, 200]) {
            assert_eq!((0..1000).filter(|user| User(*user).region() == region).count(), expected);
        }
        assert_eq!(ledger(&[checkout(7, 503, (1, 2))]).worst_region(), Some(Region::UsEast1));
        assert_eq!(ledger(&[checkout(7, 200, (1, 2))]).worst_region(), None);
    }

    #[test]
    fn a_request_without_an_answer_is_counted_with_its_reason() {
        let mut ledger = Ledger::default();
        ledger.record_unanswered("connection refused".into());
        assert_eq!(ledger.totals().unanswered, Count::new(1));
        assert_eq!(ledger.totals().last_unanswered.as_deref(), Some("connection refused"));
        assert_eq!(ledger.answered(), Count::ZERO);
    }
}
