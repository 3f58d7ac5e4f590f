//! What comes in: the log of the load, and the sidecar's counts and notice. What goes out: whether they agree, line by
//! line. Never rounds: counts are equal or they are not.

use mapwarden_contract::{Count, UnixNanos};
use serde::Serialize;

use super::request_log::{AffectedUsers, RequestLog};
use super::service::catalogue::CatalogueLookups;
use mapwarden_engine::notice::{Notice, Suspicion};

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct LoadComparison {
    /// What is compared.
    pub(crate) what: String,
    /// The load's value.
    pub(crate) known: String,
    /// The sidecar's value.
    pub(crate) sidecar: String,
    /// Whether they agree.
    pub(crate) holds: bool,
}

impl LoadComparison {
    fn equal(what: &str, known: Count, sidecar: Count) -> Self {
        Self {
            what: what.into(),
            known: known.to_string(),
            sidecar: sidecar.to_string(),
            holds: known == sidecar,
        }
    }
}

/// What the sidecar counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SidecarCounts {
    /// Good events of the availability objective: checkouts that succeeded.
    pub(crate) good: Count,
    /// All events of the availability objective.
    pub(crate) total: Count,
    /// All events of the latency objective.
    pub(crate) timed: Count,
    /// Lookups of the catalogue.
    pub(crate) catalogue: CatalogueLookups,
}

impl SidecarCounts {
    /// Returns what was counted since then.
    pub(crate) fn since(self, before: &Self) -> Self {
        Self {
            good: self.good - before.good,
            total: self.total - before.total,
            timed: self.timed - before.timed,
            catalogue: CatalogueLookups {
                hits: self.catalogue.hits - before.catalogue.hits,
                misses: self.catalogue.misses - before.catalogue.misses,
                inserts: self.catalogue.inserts - before.catalogue.inserts,
                evictions: self.catalogue.evictions - before.catalogue.evictions,
            },
        }
    }
}

/// Compares the load's counts with the sidecar's: equal to the last event.
pub(crate) fn counts(log: &RequestLog, counted: &SidecarCounts) -> Vec<LoadComparison> {
    let SidecarCounts { good, total, timed, catalogue } = *counted;
    let (checkouts, known, totals) = (log.checkouts(), log.lookups(), log.totals());
    let unanswered = totals.last_unanswered.map_or_else(String::new, |why| format!(" ({why})"));
    vec![
        LoadComparison {
            what: "requests without a response".into(),
            known: format!("{}{unanswered}", totals.unanswered),
            sidecar: "-".into(),
            holds: totals.unanswered == Count::ZERO,
        },
        LoadComparison::equal("checkouts sent", checkouts.total(), total),
        LoadComparison::equal("checkouts that succeeded", checkouts.good, good),
        LoadComparison::equal("checkouts that were timed", checkouts.total(), timed),
        LoadComparison::equal("catalogue hits", known.hits, catalogue.hits),
        LoadComparison::equal("catalogue misses", known.misses, catalogue.misses),
        LoadComparison::equal("catalogue inserts", known.inserts, catalogue.inserts),
        LoadComparison::equal("catalogue evictions", known.evictions, catalogue.evictions),
    ]
}

/// Compares how many references a trace has with how many of them have a response.
pub(crate) fn replay((answered, references): (Count, Count)) -> LoadComparison {
    LoadComparison::equal("references of the trace", references, answered)
}

/// Compares a notice with the load: the bad deploy, the region that it broke, and the affected users.
pub(crate) fn notice(log: &RequestLog, notice: &Notice, bad_sha: &str) -> Vec<LoadComparison> {
    vec![users(log, notice), suspect(notice, bad_sha), region(log, notice)]
}

fn users(log: &RequestLog, notice: &Notice) -> LoadComparison {
    let at = |time: jiff::Timestamp| u64::try_from(time.as_nanosecond()).map(UnixNanos::new).ok();
    let times = at(notice.impact.since).zip(at(notice.impact.until));
    let known = times.and_then(|(since, until)| log.affected(since, until));
    let interval = notice.impact.interval.value().copied();
    LoadComparison {
        what: "affected users".into(),
        known: match known {
            Some(AffectedUsers { least, most }) if least == most => least.to_string(),
            Some(AffectedUsers { least, most }) => format!("{least} to {most}"),
            None => "not known: too many failures".into(),
        },
        sidecar: match (interval, notice.impact.affected_users.value()) {
            (Some((lower, upper)), Some(users)) => format!("{users} in [{lower}, {upper}]"),
            _ => "not known".into(),
        },
        holds: known
            .zip(interval)
            .is_some_and(|(known, (lower, upper))| known.least <= upper && lower <= known.most),
    }
}

fn suspect(notice: &Notice, bad_sha: &str) -> LoadComparison {
    let changes = notice.recent_changes.value().map(Vec::as_slice).unwrap_or_default();
    let most = changes.iter().max_by(|one, other| one.score.total_cmp(&other.score));
    let sha = most.and_then(|change| change.sha.value()).map_or("none", String::as_str);
    let word = most.map_or(Suspicion::Low, |change| change.suspicion);
    LoadComparison {
        what: "most suspicious change".into(),
        known: bad_sha.into(),
        sidecar: format!("{sha}, {word:?}").to_lowercase(),
        holds: sha == bad_sha && word == Suspicion::High,
    }
}

fn region(log: &RequestLog, notice: &Notice) -> LoadComparison {
    let known = log.worst_region().map_or("none", |region| region.name());
    let worst = notice
        .impact
        .regions
        .value()
        .and_then(|regions| regions.iter().max_by(|one, other| one.1.get().total_cmp(&other.1.get())));
    LoadComparison {
        what: "region hit most".into(),
        known: known.into(),
        sidecar: worst.map_or_else(
            || "not known".into(),
            |(region, share)| format!("{region}, {:.1}% of bad events", 100.0 * share.get()),
        ),
        holds: worst.is_some_and(|(region, _)| region == known),
    }
}

/// Formats the comparisons as a table.
pub(crate) fn table(checks: &[LoadComparison]) -> String {
    let width = |column: fn(&LoadComparison) -> &str, head: &str| {
        checks.iter().map(|check| column(check).chars().count()).max().unwrap_or(0).max(head.len())
    };
    let what = width(|check| &check.what, "");
    let known = width(|check| &check.known, "load");
    let sidecar = width(|check| &check.sidecar, "sidecar");
    let head = format!("  {:what$}  {:>known$}  {:>sidecar$}\n", "", "load", "sidecar");
    checks.iter().fold(head, |table, check| {
        let verdict = if check.holds { "agrees" } else { "DIFFERS" };
        format!(
            "{table}  {:what$}  {:>known$}  {:>sidecar$}  {verdict}\n",
            check.what, check.known, check.sidecar
        )
    })
}

#[cfg(test)]
#[path = "comparison_tests.rs"]
mod tests;
