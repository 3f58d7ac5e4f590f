//! What comes in: the ledger, and what the sidecar says. What goes out: whether they agree, line by line. Never
//! rounds: counts are equal or they are not.

use mapwarden_contract::{Count, UnixNanos};
use serde::Serialize;

use super::ledger::{Affected, Ledger};
use super::service::catalogue::Lookups;
use mapwarden_engine::notice::{Notice, Suspicion};

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    /// What is compared.
    pub(crate) what: String,
    /// What the load knows.
    pub(crate) known: String,
    /// What the sidecar says.
    pub(crate) told: String,
    /// Whether they agree.
    pub(crate) holds: bool,
}

impl Check {
    fn equal(what: &str, known: Count, told: Count) -> Self {
        Self { what: what.into(), known: known.to_string(), told: told.to_string(), holds: known == told }
    }
}

/// What the sidecar counted since the demo began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Checkouts that kept the availability objective.
    pub(crate) good: Count,
    /// All checkouts under the availability objective.
    pub(crate) total: Count,
    /// All checkouts under the latency objective.
    pub(crate) timed: Count,
    /// What was done to the catalogue.
    pub(crate) catalogue: Lookups,
}

impl Counted {
    /// What was counted since.
    pub(crate) fn since(self, before: &Self) -> Self {
        Self {
            good: self.good - before.good,
            total: self.total - before.total,
            timed: self.timed - before.timed,
            catalogue: Lookups {
                hits: self.catalogue.hits - before.catalogue.hits,
                misses: self.catalogue.misses - before.catalogue.misses,
                inserts: self.catalogue.inserts - before.catalogue.inserts,
                evictions: self.catalogue.evictions - before.catalogue.evictions,
            },
        }
    }
}

/// Compares what was sent and got with what was counted: equal to the last event.
pub(crate) fn counts(ledger: &Ledger, counted: &Counted) -> Vec<Check> {
    let Counted { good, total, timed, catalogue } = *counted;
    let (checkouts, known, totals) = (ledger.checkouts(), ledger.lookups(), ledger.totals());
    let unanswered = totals.last_unanswered.map_or_else(String::new, |why| format!(" ({why})"));
    vec![
        Check {
            what: "requests without an answer".into(),
            known: format!("{}{unanswered}", totals.unanswered),
            told: "-".into(),
            holds: totals.unanswered == Count::ZERO,
        },
        Check::equal("checkouts sent", checkouts.total(), total),
        Check::equal("checkouts that succeeded", checkouts.good, good),
        Check::equal("checkouts that were timed", checkouts.total(), timed),
        Check::equal("catalogue hits", known.hits, catalogue.hits),
        Check::equal("catalogue misses", known.misses, catalogue.misses),
        Check::equal("catalogue inserts", known.inserts, catalogue.inserts),
        Check::equal("catalogue evictions", known.evictions, catalogue.evictions),
    ]
}

/// Compares how many references a trace holds with how many of them were answered.
pub(crate) fn replay((answered, references): (Count, Count)) -> Check {
    Check::equal("references of the trace", references, answered)
}

/// Compares what a notice says with what was done: the deploy that was bad, the region that it broke, the users
/// who met it.
pub(crate) fn notice(ledger: &Ledger, notice: &Notice, bad_sha: &str) -> Vec<Check> {
    vec![users(ledger, notice), suspect(notice, bad_sha), region(ledger, notice)]
}

fn users(ledger: &Ledger, notice: &Notice) -> Check {
    let at = |time: jiff::Timestamp| u64::try_from(time.as_nanosecond()).map(UnixNanos::new).ok();
    let times = at(notice.impact.since).zip(at(notice.impact.until));
    let known = times.and_then(|(since, until)| ledger.affected(since, until));
    let told = notice.impact.interval.value().copied();
    Check {
        what: "affected users".into(),
        known: match known {
            Some(Affected { least, most }) if least == most => least.to_string(),
            Some(Affected { least, most }) => format!("{least} to {most}"),
            None => "too many failures to know".into(),
        },
        told: match (told, notice.impact.affected_users.value()) {
            (Some((lower, upper)), Some(users)) => format!("{users} in [{lower}, {upper}]"),
            _ => "not told".into(),
        },
        holds: known.zip(told).is_some_and(|(known, told)| known.least <= told.1 && told.0 <= known.most),
    }
}

fn suspect(notice: &Notice, bad_sha: &str) -> Check {
    let changes = notice.recent_changes.value().map(Vec::as_slice).unwrap_or_default();
    let most = changes.iter().max_by(|one, other| one.score.total_cmp(&other.score));
    let sha = most.and_then(|change| change.sha.value()).map_or("none", String::as_str);
    let word = most.map_or(Suspicion::Low, |change| change.suspicion);
    Check {
        what: "most suspicious change".into(),
        known: bad_sha.into(),
        told: format!("{sha}, {word:?}").to_lowercase(),
        holds: sha == bad_sha && word == Suspicion::High,
    }
}

fn region(ledger: &Ledger, notice: &Notice) -> Check {
    let known = ledger.worst_region().map_or("none", |region| region.name());
    let worst = notice
        .impact
        .regions
        .value()
        .and_then(|regions| regions.iter().max_by(|one, other| one.1.get().total_cmp(&other.1.get())));
    Check {
        what: "region hit most".into(),
        known: known.into(),
        told: worst.map_or_else(
            || "not told".into(),
            |(region, share)| format!("{region}, {:.1}% of bad events", 100.0 * share.get()),
        ),
        holds: worst.is_some_and(|(region, _)| region == known),
    }
}

/// The comparisons as a table for people.
pub(crate) fn table(checks: &[Check]) -> String {
    let width = |column: fn(&Check) -> &str, head: &str| {
        checks.iter().map(|check| column(check).chars().count()).max().unwrap_or(0).max(head.len())
    };
    let what = width(|check| &check.what, "");
    let known = width(|check| &check.known, "load knows");
    let told = width(|check| &check.told, "sidecar says");
    let head = format!("  {:what$}  {:>known$}  {:>told$}\n", "", "load knows", "sidecar says");
    checks.iter().fold(head, |table, check| {
        let verdict = if check.holds { "agrees" } else { "DIFFERS" };
        format!("{table}  {:what$}  {:>known$}  {:>told$}  {verdict}\n", check.what, check.known, check.told)
    })
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
