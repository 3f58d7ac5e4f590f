//! What changed before a fault, and how suspicious each change is.

use mapwarden_contract::{Count, Ratio};

use super::Fault;
use super::impact::bad_by;
use crate::aggregate::{OTHER, timestamp};
use crate::notice::{Known, SuspectChange, Suspicion};
use crate::observation::Change;

/// After how many seconds between a change and an onset the nearness counts a third (1/e).
const NEAR: f64 = 600.0;

/// What nearness alone can score; the rest needs the versions to differ.
const NEARNESS: f64 = 0.6;

/// The last three changes of the service, newest first.
pub(in crate::notice) fn recent_changes(fault: &Fault<'_>) -> Known<Vec<SuspectChange>> {
    let service = &fault.objective.definition.service;
    let until = timestamp(fault.until);
    let of_service = fault.view.changes().filter(|change| *change.service == **service && change.at <= until);
    let changes: Vec<_> = of_service.take(3).map(|change| suspect(fault, change)).collect();
    if changes.is_empty() {
        Known::missing("no change of this service is known")
    } else {
        Known::Value(changes)
    }
}

fn suspect(fault: &Fault<'_>, change: &Change) -> SuspectChange {
    let before_onset = timestamp(fault.onset.at).duration_since(change.at).as_secs_f64();
    let (score, why) = score(fault, change, before_onset);
    SuspectChange {
        sha: change.sha.clone().map_or_else(|| Known::missing("not announced"), Known::Value),
        version: change.version.clone().map_or_else(|| Known::missing("not announced"), Known::Value),
        kind: change.kind,
        at: change.at,
        before_onset,
        source: change.source,
        author: change.author.clone(),
        url: change.url.clone(),
        suspicion: in_words(score),
        score: (score * 100.0).round() / 100.0,
        why,
    }
}

fn in_words(score: f64) -> Suspicion {
    if score >= 0.7 {
        Suspicion::High
    } else if score >= 0.4 {
        Suspicion::Medium
    } else {
        Suspicion::Low
    }
}

/// Nearness in time scores up to 0.6; that bad events are found (nearly) only on the change's version adds 0.35,
/// that they are found on other versions takes four fifths away.
fn score(fault: &Fault<'_>, change: &Change, before_onset: f64) -> (f64, String) {
    let slack = fault.onset.uncertainty.as_secs_f64();
    if before_onset < -slack {
        return (0.05, "it came after the onset".to_owned());
    }
    let near = NEARNESS * (-before_onset.max(0.0) / NEAR).exp();
    let nearness = if before_onset.abs() <= slack {
        "as close to the onset as can be told".to_owned()
    } else {
        format!("{before_onset:.0} s before the onset")
    };
    let Some(version) = change.version.as_deref() else { return (near, nearness) };
    let by_version = bad_by(fault, |place| place.version.clone());
    let all: Count = by_version.values().map(|counts| counts.0).sum();
    let own = by_version
        .iter()
        .find(|(known, _)| ***known == *version)
        .map(|(_, counts)| *counts)
        .unwrap_or_default();
    match Ratio::of(own.0, all).map(Ratio::get) {
        Some(share) if share >= 0.95 && is_worse(fault, own) => {
            (near + 0.35, format!("bad events only on {version}, {nearness}"))
        }
        Some(share) if share <= 0.5 && by_version.contains_key(OTHER) => {
            (near, format!("{nearness}; not every version could be told apart"))
        }
        Some(0.0) => (near * 0.2, format!("no bad event on {version}")),
        Some(share) if share <= 0.5 => {
            (near * 0.2, format!("only {:.1}% of the bad events on {version}", share * 100.0))
        }
        Some(share) => (near, format!("{:.0}% of the bad events on {version}, {nearness}", share * 100.0)),
        None => (near, nearness),
    }
}

/// Whether a version fails at least three times as often as the service did before the onset.
fn is_worse(fault: &Fault<'_>, own: (Count, Count)) -> bool {
    let ratio = Ratio::of(own.0, own.1).map_or(0.0, Ratio::get);
    fault.before().error_ratio().is_none_or(|before| ratio > 3.0 * before.get())
}
