//! The audit log: the author, content and reason of each correction. Comes in: proposals. Goes out: entries, with
//! numbers that only increase. Never changes or removes an entry; old entries that no longer act leave memory, but stay
//! in the store.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher as _;

use mapwarden_contract::UnixNanos;
use serde::Serialize;
use siphasher::sip128::{Hasher128 as _, SipHasher24};
use ulid::Ulid;

use crate::aggregate::timestamp;
use crate::correction::{Action, AuditEntry, Correction, Proposal, ProposalError};

/// How many entries stay in memory, for the API and to recognize repeated requests, in addition to those that act. Each takes up to
/// 3 kB. All of them are in the store.
const IN_MEMORY: usize = 1_000;

/// An entry of the audit log, with its standing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditLine {
    /// The entry.
    #[serde(flatten)]
    pub entry: AuditEntry,
    /// Its standing now.
    pub standing: Standing,
}

/// The standing of a correction. A closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It acts on budgets, or will.
    Active,
    /// It was withdrawn.
    Withdrawn,
    /// No period holds its time any longer.
    Over,
    /// It is a withdrawal, not a correction.
    Withdrawal,
}

/// The entries in memory, by number.
#[derive(Debug, Default)]
pub(super) struct Audit {
    entries: BTreeMap<u64, AuditEntry>,
    withdrawn: BTreeSet<String>,
    next: u64,
    unsaved: BTreeSet<u64>,
}

impl Audit {
    pub(super) fn restore(entries: Vec<(u64, AuditEntry)>) -> Self {
        let entries: BTreeMap<_, _> = entries.into_iter().collect();
        let withdrawn = entries.values().filter_map(withdraws).cloned().collect();
        let next = entries.last_key_value().map_or(0, |(number, _)| number + 1);
        Self { entries, withdrawn, next, unsaved: BTreeSet::new() }
    }

    /// Writes an entry. A repeated request returns the entry that it wrote first, and true.
    pub(super) fn write(
        &mut self,
        proposal: Proposal,
        now: UnixNanos,
    ) -> Result<(AuditEntry, bool), ProposalError> {
        let Proposal { author, reason, key, digest, action } = proposal;
        if let Some(before) = self.entries.values().find(|entry| entry.key == key) {
            return match (before.digest == digest, self.withdrawn.contains(&before.id)) {
                (true, true) => Err(ProposalError::Again(before.id.clone())),
                (true, false) => Ok((before.clone(), true)),
                (false, _) => Err(ProposalError::KeyReused(before.id.clone())),
            };
        }
        if let Action::Withdrawn { withdraws } = &action {
            self.find(withdraws).ok_or_else(|| ProposalError::Unknown(withdraws.clone()))?;
            if !self.withdrawn.insert(withdraws.clone()) {
                return Err(ProposalError::Withdrawn(withdraws.clone()));
            }
        }
        let mut hasher = SipHasher24::new();
        hasher.write(key.as_bytes());
        hasher.write_u64(self.next);
        let id = Ulid::from_parts(now.get() / 1_000_000, hasher.finish128().as_u128()).to_string();
        let entry = AuditEntry { id, recorded: timestamp(now), author, reason, key, digest, action };
        self.entries.insert(self.next, entry.clone());
        self.unsaved.insert(self.next);
        self.next += 1;
        Ok((entry, false))
    }

    /// Returns a correction by the id of its entry.
    fn find(&self, id: &str) -> Option<&Correction> {
        self.entries.values().find(|entry| entry.id == id).and_then(|entry| match &entry.action {
            Action::Booked(correction) => Some(correction),
            Action::Withdrawn { .. } => None,
        })
    }

    /// Returns the correction that an entry books or withdraws.
    pub(super) fn correction_of(&self, entry: &AuditEntry) -> Option<&Correction> {
        self.find(withdraws(entry).unwrap_or(&entry.id))
    }

    /// Returns the corrections that are booked and not withdrawn, with their entries, oldest first.
    pub(super) fn standing(&self) -> impl Iterator<Item = (&AuditEntry, &Correction)> {
        self.entries.values().filter(|entry| !self.withdrawn.contains(&entry.id)).filter_map(|entry| {
            match &entry.action {
                Action::Booked(correction) => Some((entry, correction)),
                Action::Withdrawn { .. } => None,
            }
        })
    }

    /// Whether the log has a request with this key.
    pub(super) fn knows(&self, key: &str) -> bool {
        self.entries.values().any(|entry| entry.key == key)
    }

    /// Returns every entry with its standing, newest first; `acts` says which corrections act.
    pub(super) fn newest_first(&self, acts: impl Fn(&str) -> bool) -> Vec<AuditLine> {
        let standing = |entry: &AuditEntry| match &entry.action {
            Action::Withdrawn { .. } => Standing::Withdrawal,
            Action::Booked(_) if self.withdrawn.contains(&entry.id) => Standing::Withdrawn,
            Action::Booked(_) if acts(&entry.id) => Standing::Active,
            Action::Booked(_) => Standing::Over,
        };
        let lines = self.entries.values().rev();
        lines.map(|entry| AuditLine { standing: standing(entry), entry: entry.clone() }).collect()
    }

    pub(super) fn take_unsaved(&mut self) -> Vec<(u64, AuditEntry)> {
        let unsaved = std::mem::take(&mut self.unsaved);
        unsaved.into_iter().filter_map(|number| Some((number, self.entries.get(&number)?.clone()))).collect()
    }

    pub(super) fn put_back(&mut self, entries: &[(u64, AuditEntry)]) {
        self.unsaved.extend(entries.iter().map(|(number, _)| *number));
    }

    /// Removes from memory the oldest entries that are saved and no longer act, beyond those that stay.
    pub(super) fn forget(&mut self, acts: impl Fn(&str) -> bool) {
        let mut beyond = self.entries.len().saturating_sub(IN_MEMORY);
        if beyond == 0 {
            return;
        }
        let (withdrawn, unsaved) = (&mut self.withdrawn, &self.unsaved);
        self.entries.retain(|number, entry| {
            let goes = beyond > 0 && !acts(&entry.id) && !unsaved.contains(number);
            if goes {
                beyond -= 1;
                withdrawn.remove(&entry.id);
            }
            !goes
        });
    }
}

fn withdraws(entry: &AuditEntry) -> Option<&String> {
    match &entry.action {
        Action::Withdrawn { withdraws } => Some(withdraws),
        Action::Booked(_) => None,
    }
}
