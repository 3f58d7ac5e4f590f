//! What changed before a fault, and how suspicious each change is.

use jiff::Timestamp;
use mapwarden_contract::{Count, Ratio};
use serde::{Deserialize, Serialize};

use super::fault::ObservedFault;
use crate::aggregate::{OTHER, timestamp};
use crate::notice::known::Known;
use crate::observation::{Change, ChangeKind, ChangeSource};

/// The number of seconds between a change and an onset after which its closeness counts a third (1/e).
const NEAR: f64 = 600.0;

/// The most that closeness in time alone scores; the rest needs the versions to differ.
const NEARNESS: f64 = 0.6;

/// A change of the service, and how suspicious it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SuspectChange {
    /// The commit.
    pub sha: Known<String>,
    /// The version.
    pub version: Known<String>,
    /// The kind of change.
    pub kind: ChangeKind,
    /// When it was made.
    pub at: Timestamp,
    /// How long before the onset, in seconds; negative when it came after.
    pub before_onset: f64,
    /// How it became known.
    pub source: ChangeSource,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Where to read about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// A score, never an assertion.
    pub suspicion: Suspicion,
    /// The score in [0, 1].
    pub score: f64,
    /// What the score rests on.
    pub why: String,
}

/// A score in words: low below 0.4, high from 0.7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Suspicion {
    /// Below 0.4.
    Low,
    /// From 0.4 to below 0.7.
    Medium,
    /// 0.7 and above.
    High,
}

/// Returns the last three changes of the service, newest first.
pub(in crate::notice) fn recent_changes(fault: &ObservedFault<'_>) -> Known<Vec<SuspectChange>> {
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

fn suspect(fault: &ObservedFault<'_>, change: &Change) -> SuspectChange {
    let before_onset = timestamp(fault.onset.at).duration_since(change.at).as_secs_f64();
    let (score, why) = score(fault, change, before_onset);
    SuspectChange {
        sha: Known::or_missing(change.sha.clone(), "not announced"),
        version: Known::or_missing(change.version.clone(), "not announced"),
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

/// Closeness in time scores up to 0.6. Bad events (nearly) only on the change's version add 0.35; bad events on other
/// versions take four fifths away.
fn score(fault: &ObservedFault<'_>, change: &Change, before_onset: f64) -> (f64, String) {
    let slack = fault.onset.uncertainty.as_secs_f64();
    if before_onset < -slack {
        return (0.05, "it came after the onset".to_owned());
    }
    let near = NEARNESS * (-before_onset.max(0.0) / NEAR).exp();
    let nearness = if before_onset.abs() <= slack {
        "at the onset, within its uncertainty".to_owned()
    } else {
        format!("{before_onset:.0} s before the onset")
    };
    let Some(version) = change.version.as_deref() else { return (near, nearness) };
    let by_version = fault.events_by(|place| place.version.clone());
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
            (near, format!("{nearness}; there are too many versions to count each"))
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
fn is_worse(fault: &ObservedFault<'_>, own: (Count, Count)) -> bool {
    let ratio = Ratio::of(own.0, own.1).map_or(0.0, Ratio::get);
    fault.before().error_ratio().is_none_or(|before| ratio > 3.0 * before.get())
}
