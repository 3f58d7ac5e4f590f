//! Possible causes of a fault: known patterns, each scored by the evidence in the notice and never asserted. Comes in: a
//! notice with its evidence. Goes out: [`Hypothesis`]es. A new pattern is a function, and a line in [`PATTERNS`].

use std::collections::BTreeMap;

use mapwarden_contract::{Outcome, Ratio};

use super::content::Notice;
use super::evidence::{HealthStatus, Impact, MapEvidence, SuspectChange, Suspicion};
use super::hypothesis::Hypothesis;
use super::known::Known;

/// The score below which a pattern is not shown.
const WORTH: f64 = 0.3;

/// The share of the operations from which on a key is hot. Lowered, every popular key is a hypothesis.
const HOT: f64 = 0.2;

/// The share of its bound from which on a map is full: entries are sent once a batch, and removed in between.
const FULL: f64 = 0.98;

/// Each region's share of all events.
type RegionTraffic = BTreeMap<String, Ratio>;

/// Every pattern: a function that returns a hypothesis where the evidence in the notice supports it.
const PATTERNS: [fn(&Notice, &RegionTraffic) -> Option<Hypothesis>; 6] = [
    |notice, _| bad_change(notice),
    |notice, _| failing_dependency(notice),
    |notice, _| failing_lookups(notice),
    |notice, _| hot_key(notice),
    |notice, _| full_map(notice),
    one_region,
];

/// Returns a hypothesis for every pattern that the evidence supports, the likeliest first.
pub(super) fn hypotheses(notice: &Notice, traffic: &RegionTraffic) -> Vec<Hypothesis> {
    let found = PATTERNS.iter().filter_map(|pattern| pattern(notice, traffic));
    let mut found: Vec<_> = found.filter(|hypothesis| hypothesis.score >= WORTH).collect();
    for hypothesis in &mut found {
        hypothesis.score = (hypothesis.score * 100.0).round() / 100.0;
    }
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    found
}

/// Returns the most suspicious change, if it is suspicious at all.
pub(super) fn suspect(notice: &Notice) -> Option<&SuspectChange> {
    let changes = notice.recent_changes.value()?;
    changes
        .iter()
        .max_by(|a, b| a.score.total_cmp(&b.score))
        .filter(|change| change.suspicion > Suspicion::Low)
}

/// Returns a change's name for people.
pub(super) fn name_of(change: &SuspectChange) -> String {
    match (change.version.value(), change.sha.value()) {
        (Some(version), Some(sha)) => format!("{} {version} ({sha})", change.kind.name()),
        (Some(text), None) | (None, Some(text)) => format!("{} {text}", change.kind.name()),
        (None, None) => change.kind.name().to_owned(),
    }
}

fn bad_change(notice: &Notice) -> Option<Hypothesis> {
    let change = suspect(notice)?;
    let name = name_of(change);
    let version = change.version.value().map_or("this version", String::as_str);
    Some(Hypothesis {
        pattern: format!("bad-{}", change.kind.name()),
        score: change.score,
        supports: vec![format!("{name}: {}", change.why)],
        would_refute: vec![
            format!("bad events on versions other than {version}"),
            format!("bad events that continue after {version} is rolled back"),
        ],
    })
}

fn failing_dependency(notice: &Notice) -> Option<Hypothesis> {
    let worst = notice.dependencies.value()?.first()?;
    let score = match worst.health {
        HealthStatus::Down => 0.8,
        HealthStatus::Degraded => 0.5,
        HealthStatus::Healthy | HealthStatus::Unknown => return None,
    };
    let failed = worst.error_ratio.value().map_or(0.0, |ratio| ratio.get() * 100.0);
    Some(Hypothesis {
        pattern: "failing-dependency".to_owned(),
        score,
        supports: vec![format!("{failed:.1}% of the calls to {} failed in the last minute", worst.name)],
        would_refute: vec![format!("{} failed as often before the onset", worst.name)],
    })
}

fn failing_lookups(notice: &Notice) -> Option<Hypothesis> {
    let map: &MapEvidence = notice.map.value()?;
    let worse = [Outcome::Miss, Outcome::Failed, Outcome::Rejected, Outcome::Conflict].map(Outcome::name);
    let shift = map
        .shifts
        .iter()
        .find(|shift| worse.contains(&shift.outcome.as_str()) && shift.current > shift.baseline)?;
    let (from, to) = (shift.baseline.get() * 100.0, shift.current.get() * 100.0);
    Some(Hypothesis {
        pattern: "map-outcome-shift".to_owned(),
        score: (0.3 + (to - from) / 100.0).min(0.7),
        supports: vec![format!(
            "{} on the map {} ends in {}: {from:.1}% before, {to:.1}% now",
            shift.op, map.name, shift.outcome
        )],
        would_refute: vec![format!("requests that do not use the map {} fail as often", map.name)],
    })
}

/// A key with far more of the operations than before.
fn hot_key(notice: &Notice) -> Option<Hypothesis> {
    let map: &MapEvidence = notice.map.value()?;
    let (share, hot) = (map.hot_key_share.value()?.get(), map.hot_key.as_ref()?);
    let (score, compared) = match &hot.baseline {
        Known::Value(before) if share - before.get() < HOT / 2.0 => return None,
        Known::Value(before) => {
            (0.2 + (share - before.get()) / 2.0, format!("{:.0}% before", before.get() * 100.0))
        }
        // The key may have had another name before: that any key is so hot must be new.
        Known::Missing { .. } => {
            let hottest = hot.hottest_before.value()?.get();
            if share - hottest < HOT / 2.0 {
                return None;
            }
            (0.2 + (share - hottest) / 2.0, format!("the hottest key before: {:.0}%", hottest * 100.0))
        }
    };
    if share < HOT {
        return None;
    }
    let (count, sampled) = (hot.operations, map.sampled?);
    Some(Hypothesis {
        pattern: "hot-key".to_owned(),
        score: score.min(0.6),
        supports: vec![format!(
            "the key {} takes {:.0}% of the operations on the map {} ({count} of {sampled}, estimated); {compared}",
            hot.key,
            share * 100.0,
            map.name
        )],
        would_refute: vec!["requests for other keys fail as often or are as slow".to_owned()],
    })
}

/// A bounded map that has no room for a new key.
fn full_map(notice: &Notice) -> Option<Hypothesis> {
    let map: &MapEvidence = notice.map.value()?;
    let full = map.full.filter(|full| full.get() >= FULL)?;
    let rejected =
        map.shifts.iter().find(|shift| shift.outcome == "rejected" && shift.current > shift.baseline)?;
    let (from, to) = (rejected.baseline.get() * 100.0, rejected.current.get() * 100.0);
    Some(Hypothesis {
        pattern: "full-map".to_owned(),
        score: 0.75,
        supports: vec![
            format!("the map {} is {:.0}% full", map.name, full.get() * 100.0),
            format!("{} is rejected: {from:.1}% before, {to:.1}% now", rejected.op),
        ],
        would_refute: vec![format!("the map {} still rejects keys when it is below its bound", map.name)],
    })
}

/// A region with far more of the bad events than of all events.
fn one_region(notice: &Notice, traffic: &RegionTraffic) -> Option<Hypothesis> {
    let Impact { regions: Known::Value(regions), .. } = &notice.impact else { return None };
    let (region, share) = regions.iter().max_by(|a, b| a.1.get().total_cmp(&b.1.get()))?;
    let (bad, all) = (share.get(), traffic.get(region)?.get());
    (bad >= 0.7 && bad - all >= 0.2).then(|| Hypothesis {
        pattern: "one-region".to_owned(),
        score: 0.3 + 0.3 * (bad - all),
        supports: vec![format!(
            "{:.0}% of the bad events but {:.0}% of all events are in {region}",
            bad * 100.0,
            all * 100.0
        )],
        would_refute: vec![format!("other regions fail as often as {region}")],
    })
}
