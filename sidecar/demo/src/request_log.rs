//! What comes in: every request of the load and its response. What goes out: the counts that the sidecar should have.
//! Never queries the sidecar: it is the other side of every comparison.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mapwarden_contract::{Count, UnixNanos};
use serde::Serialize;

use super::service::catalogue::CatalogueLookups;
use super::users::{Region, User};

/// How many failed checkouts are kept one by one: at the demo's load, a fault of an hour. Raised, more memory; beyond
/// it failures are only counted, and the number of affected users is not known.
const KEPT_FAILURES: usize = 200_000;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// A visit to an item.
    Browse,
    /// A batch of a recorded workload.
    Replay {
        /// How many references it held.
        references: Count,
    },
    /// An order.
    Checkout,
}

/// One request and its request.
#[derive(Clone, Debug)]
pub(crate) struct AnsweredRequest {
    /// The version that the load was sent to.
    pub(crate) version: Arc<str>,
    /// What the request is for.
    pub(crate) endpoint: Endpoint,
    /// The user who sent it.
    pub(crate) user: User,
    /// The HTTP status.
    pub(crate) status: u16,
    /// When it was sent.
    pub(crate) start: UnixNanos,
    /// When the answer was read to its end.
    pub(crate) end: UnixNanos,
    /// What the service reports of the catalogue.
    pub(crate) lookups: CatalogueLookups,
}

/// Requests with a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct AnsweredCounts {
    /// With success.
    pub(crate) good: Count,
    /// With a status of 400 or more.
    pub(crate) bad: Count,
}

impl AnsweredCounts {
    /// Returns the sum of both.
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

/// How many users had a failed checkout in an interval. A client does not know when the service counted a failure, so
/// there are two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct AffectedUsers {
    /// Users with a failure that is certainly in the interval.
    pub(crate) least: u64,
    /// Users with a failure that may be in the interval.
    pub(crate) most: u64,
}

/// A checkout that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FailedCheckout {
    user: User,
    start: UnixNanos,
    end: UnixNanos,
}

/// Everything that the load sent and received.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestLog {
    checkouts: AnsweredCounts,
    browses: AnsweredCounts,
    checkouts_by_version: BTreeMap<Arc<str>, AnsweredCounts>,
    checkouts_by_region: BTreeMap<Region, AnsweredCounts>,
    first_failures: BTreeMap<Arc<str>, UnixNanos>,
    failures: Vec<FailedCheckout>,
    lookups: CatalogueLookups,
    replayed: Count,
    unanswered: Count,
    last_unanswered: Option<String>,
}

/// The sums of a log, as `--report` writes them.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RequestTotals {
    /// All checkouts.
    pub(crate) checkouts: AnsweredCounts,
    /// All other requests.
    pub(crate) browses: AnsweredCounts,
    /// Checkouts by version.
    pub(crate) checkouts_by_version: BTreeMap<Arc<str>, AnsweredCounts>,
    /// Checkouts by the user's region.
    pub(crate) checkouts_by_region: BTreeMap<Region, AnsweredCounts>,
    /// What the service reports of the catalogue.
    pub(crate) lookups: CatalogueLookups,
    /// References of a recorded workload among the lookups.
    pub(crate) replayed: Count,
    /// Requests without a response.
    pub(crate) unanswered: Count,
    /// Why the last of them had none.
    pub(crate) last_unanswered: Option<String>,
}

impl RequestLog {
    /// Records a request with its response.
    pub(crate) fn record(&mut self, request: &AnsweredRequest) {
        self.lookups += request.lookups;
        match request.endpoint {
            Endpoint::Browse => self.browses.add(request.status),
            Endpoint::Replay { references } => {
                self.browses.add(request.status);
                self.replayed += references;
            }
            Endpoint::Checkout => self.record_checkout(request),
        }
    }

    fn record_checkout(&mut self, request: &AnsweredRequest) {
        self.checkouts.add(request.status);
        self.checkouts_by_version.entry(request.version.clone()).or_default().add(request.status);
        self.checkouts_by_region.entry(request.user.region()).or_default().add(request.status);
        if request.status < 400 {
            return;
        }
        self.first_failures
            .entry(request.version.clone())
            .and_modify(|first| *first = request.end.min(*first))
            .or_insert(request.end);
        if self.failures.len() < KEPT_FAILURES {
            self.failures.push(FailedCheckout { user: request.user, start: request.start, end: request.end });
        }
    }

    /// Records a request without a response: the service may or may not have counted it.
    pub(crate) fn record_unanswered(&mut self, why: String) {
        self.unanswered += Count::new(1);
        self.last_unanswered = Some(why);
    }

    /// Returns all checkouts.
    pub(crate) fn checkouts(&self) -> AnsweredCounts {
        self.checkouts
    }

    /// Returns the number of all requests with a response.
    pub(crate) fn answered(&self) -> Count {
        self.checkouts.total() + self.browses.total()
    }

    /// What the service reports of the catalogue.
    pub(crate) fn lookups(&self) -> CatalogueLookups {
        self.lookups
    }

    /// Returns how many references of a recorded workload have a response.
    pub(crate) fn replayed(&self) -> Count {
        self.replayed
    }

    /// Returns when the response to a version's first failed checkout came.
    pub(crate) fn first_failure_of(&self, version: &str) -> Option<UnixNanos> {
        self.first_failures.get(version).copied()
    }

    /// Returns how many different users had a failed checkout in `[since, until)`; none where failures were left out.
    ///
    /// The service counts a failure between the request's start and its end.
    pub(crate) fn affected(&self, since: UnixNanos, until: UnixNanos) -> Option<AffectedUsers> {
        if Count::new(u64::try_from(self.failures.len()).ok()?) < self.checkouts.bad {
            return None;
        }
        let users = |is_in: &dyn Fn(&FailedCheckout) -> bool| -> Option<u64> {
            let users: BTreeSet<User> =
                self.failures.iter().filter(|failure| is_in(failure)).map(|failure| failure.user).collect();
            u64::try_from(users.len()).ok()
        };
        Some(AffectedUsers {
            least: users(&|failure| failure.start >= since && failure.end < until)?,
            most: users(&|failure| failure.end >= since && failure.start < until)?,
        })
    }

    /// Returns the region with the most failed checkouts, if any failed.
    pub(crate) fn worst_region(&self) -> Option<Region> {
        let worst = self.checkouts_by_region.iter().max_by_key(|(_, answered)| answered.bad)?;
        (worst.1.bad > Count::ZERO).then_some(*worst.0)
    }

    /// Returns the sums.
    pub(crate) fn totals(&self) -> RequestTotals {
        RequestTotals {
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

    fn checkout(user: u64, status: u16, seconds: (u64, u64)) -> AnsweredRequest {
        AnsweredRequest {
            version: if status < 400 { "v1".into() } else { "v2".into() },
            endpoint: Endpoint::Checkout,
            user: User(user),
            status,
            start: UnixNanos::new(seconds.0 * SECOND),
            end: UnixNanos::new(seconds.1 * SECOND),
            lookups: CatalogueLookups::default(),
        }
    }

    fn log(answers: &[AnsweredRequest]) -> RequestLog {
        let mut log = RequestLog::default();
        answers.iter().for_each(|request| log.record(request));
        log
    }

    #[test]
    fn versions_and_regions_sum_to_all_checkouts() {
        let mut answers: Vec<AnsweredRequest> =
            (0..100).map(|user| checkout(user, [200, 503][usize::from(user % 4 == 0)], (1, 2))).collect();
        answers.push(AnsweredRequest { endpoint: Endpoint::Browse, ..checkout(1, 500, (1, 2)) });
        let log = log(&answers);
        let totals = log.totals();
        assert_eq!(totals.checkouts, AnsweredCounts { good: Count::new(75), bad: Count::new(25) });
        assert_eq!(totals.browses, AnsweredCounts { good: Count::ZERO, bad: Count::new(1) });
        assert_eq!(log.answered(), Count::new(101));
        for parts in [
            totals.checkouts_by_version.into_values().collect::<Vec<_>>(),
            totals.checkouts_by_region.into_values().collect(),
        ] {
            assert_eq!(parts.iter().map(|part| part.good).sum::<Count>(), totals.checkouts.good);
            assert_eq!(parts.iter().map(|part| part.bad).sum::<Count>(), totals.checkouts.bad);
        }
    }

    #[test]
    fn users_at_the_edges_are_possible_but_not_certain() {
        let log = log(&[
            checkout(1, 503, (8, 9)),   // before
            checkout(2, 503, (9, 11)),  // across the beginning
            checkout(3, 503, (12, 13)), // inside
            checkout(3, 503, (14, 15)), // inside, the same user
            checkout(4, 200, (14, 15)), // no failure
            checkout(5, 503, (19, 20)), // across the end
            checkout(6, 503, (20, 21)), // after
        ]);
        let affected = log.affected(UnixNanos::new(10 * SECOND), UnixNanos::new(20 * SECOND));
        assert_eq!(affected, Some(AffectedUsers { least: 1, most: 3 }));
        assert_eq!(log.first_failure_of("v2"), Some(UnixNanos::new(9 * SECOND)));
        assert_eq!(log.first_failure_of("v1"), None);
    }

    #[test]
    fn the_worst_region_has_the_most_failures() {
        assert_eq!(log(&[checkout(7, 503, (1, 2))]).worst_region(), Some(Region::UsEast1));
        assert_eq!(log(&[checkout(7, 200, (1, 2))]).worst_region(), None);
    }

    #[test]
    fn a_request_without_a_response_is_counted() {
        let mut log = RequestLog::default();
        log.record_unanswered("connection refused".into());
        assert_eq!(log.totals().unanswered, Count::new(1));
        assert_eq!(log.totals().last_unanswered.as_deref(), Some("connection refused"));
        assert_eq!(log.answered(), Count::ZERO);
    }
}
