//! Corrections of budgets. Comes in: `POST /api/v1/corrections` and `POST /api/v1/corrections/{id}/withdraw`. Goes out: a
//! [`Proposal`] to the state's owner, and the [`AuditEntry`] of the audit log that it became, once that is saved. Never
//! changes a budget, and never changes or removes an entry: a withdrawal is an entry of its own.

mod pattern;
mod recurrence;

pub use self::pattern::ObjectivePattern;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The longest single exclusion: beyond the reach of the slots of 31 days, its events cannot be separated from others.
const MAX_SINGLE: SignedDuration = SignedDuration::from_hours(31 * 24);

/// The longest exclusion that recurs. Raised, a rule of a line may silence more of a year.
const MAX_RECURRING: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How many occurrences a rule may have in a year from its start on. Raised, each objective that it is about keeps more
/// boundaries (64 bytes each, two for each occurrence of the last month).
const MAX_A_YEAR: u16 = 1_500;

/// A correction of the budgets of some objectives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Correction {
    /// Which objectives.
    pub slo: ObjectivePattern,
    /// What is corrected.
    #[serde(flatten)]
    pub kind: CorrectionKind,
}

/// What a correction corrects. A closed set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum CorrectionKind {
    /// Events of some time count neither as good nor as bad.
    Exclusion(Exclusion),
    /// Bad events that telemetry did not see.
    Deduction(Booking),
    /// Bad events that telemetry saw, but that are forgiven.
    Refund(Booking),
}

/// Bad events that are added or forgiven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booking {
    /// When they happened: they count in the periods that hold this moment.
    pub at: Timestamp,
    /// How many.
    pub events: u64,
}

/// A time in which events do not count, once or repeatedly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exclusion {
    /// Where it begins, the first time.
    pub from: Timestamp,
    /// Where it ends, the first time: this moment is not part of it any more.
    pub to: Timestamp,
    /// When it recurs, as RFC 5545 writes it: `FREQ=WEEKLY;BYDAY=SA`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rrule: Option<String>,
    /// The IANA time zone of the rule, e.g. `Europe/Berlin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    zone: Option<String>,
    /// What alerts do meanwhile, where it was booked before it begins.
    #[serde(default)]
    pub alerts: ExclusionAlerts,
}

/// What alerts do during an exclusion that was booked before it begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExclusionAlerts {
    /// No tier fires and no notice opens.
    #[default]
    Suppress,
    /// They go on.
    Keep,
}

/// When an exclusion recurs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recurrence {
    /// As RFC 5545 writes it, without `RRULE:`.
    pub rule: String,
    /// The IANA name of the time zone.
    pub zone: String,
}

impl Exclusion {
    /// Returns an exclusion.
    ///
    /// # Errors
    /// A field's name and what is wrong with it: an end that is not after the start, a length above 31 days (7 where it
    /// recurs), a rule that is not RFC 5545's, is finer than hours, has more than 1,500 occurrences a year, or does not
    /// begin with `from`; a zone that is not known.
    pub fn new(
        from: Timestamp,
        to: Timestamp,
        recurrence: Option<Recurrence>,
        alerts: ExclusionAlerts,
    ) -> Result<Self, (&'static str, String)> {
        let length = to.duration_since(from);
        if length <= SignedDuration::ZERO {
            return Err(("to", format!("{to} is not after `from`, {from}")));
        }
        let (most, days) = if recurrence.is_some() { (MAX_RECURRING, 7) } else { (MAX_SINGLE, 31) };
        if length > most {
            return Err((
                "to",
                format!("the exclusion is longer than {days} days: accepted is at most that"),
            ));
        }
        if let Some(Recurrence { rule, zone }) = &recurrence {
            let zone = TimeZone::get(zone).map_err(|_| {
                ("zone", format!("`{zone}` is not a time zone: accepted is an IANA name, e.g. Europe/Berlin"))
            })?;
            let year = from.saturating_add(SignedDuration::from_hours(366 * 24));
            let starts = recurrence::starts(rule, &zone, from, (from, year.unwrap_or(from)), MAX_A_YEAR)
                .map_err(|problem| ("rrule", problem))?;
            if starts.first() != Some(&from) {
                let first = starts.first().map_or_else(|| "no time at all".to_owned(), Timestamp::to_string);
                return Err((
                    "rrule",
                    format!(
                        "`{rule}` begins with {first}: accepted is a rule that begins with `from`, {from}"
                    ),
                ));
            }
        }
        let (rrule, zone) = recurrence.map(|recurrence| (recurrence.rule, recurrence.zone)).unzip();
        Ok(Self { from, to, rrule, zone, alerts })
    }

    /// Whether it may occur after a moment; a rule is not expanded for this.
    pub fn may_come_after(&self, moment: Timestamp) -> bool {
        self.rrule.is_some() || self.to > moment
    }

    /// Returns the occurrences that overlap `[since, until)`, ascending. A rule that is no longer valid (a zone that is
    /// gone) occurs once.
    pub fn occurrences(&self, since: Timestamp, until: Timestamp) -> Vec<(Timestamp, Timestamp)> {
        let length = self.to.duration_since(self.from);
        let touches =
            |start: &Timestamp| *start < until && start.saturating_add(length).is_ok_and(|end| end > since);
        let zone = self.zone.as_deref().and_then(|zone| TimeZone::get(zone).ok());
        let starts = match (&self.rrule, zone) {
            (Some(rule), Some(zone)) => {
                let reach = (since.saturating_sub(length).unwrap_or(since), until);
                recurrence::starts(rule, &zone, self.from, reach, MAX_A_YEAR)
                    .unwrap_or_else(|_| vec![self.from])
            }
            (Some(_) | None, None) | (None, Some(_)) => vec![self.from],
        };
        let starts = starts.into_iter().filter(touches);
        starts.map(|start| (start, start.saturating_add(length).unwrap_or(start))).collect()
    }
}

/// A request to write into the audit log.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// Who requests it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// What identifies a repeated request: the caller's idempotency key, else the digest.
    pub key: String,
    /// A digest of the whole request.
    pub digest: String,
    /// What the entry is to do.
    pub action: Action,
}

/// One line of the audit log. Never changed and never removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// A ULID.
    pub id: String,
    /// When it was written, by this sidecar's clock.
    pub recorded: Timestamp,
    /// Who requested it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// What identifies a repeated request.
    pub key: String,
    /// A digest of the whole request.
    pub digest: String,
    /// What the entry does.
    #[serde(flatten)]
    pub action: Action,
}

/// What an entry of the audit log does. A closed set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "lowercase")]
pub enum Action {
    /// It books a correction.
    Booked(Correction),
    /// It withdraws one: budgets are as if it had never been booked.
    Withdrawn {
        /// The id of the entry that booked it.
        withdraws: String,
    },
}

/// An entry that is in the audit log, and saved where there is a store.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WrittenEntry {
    /// The entry.
    #[serde(flatten)]
    pub entry: AuditEntry,
    /// The objectives that match it now; others may follow.
    pub objectives: Vec<String>,
    /// Whether the request repeats an earlier one, and changes nothing.
    pub is_repeated: bool,
}

/// Why a proposal is refused. A closed set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposalError {
    /// There is no such correction.
    #[error("there is no correction `{0}`")]
    Unknown(String),
    /// It is withdrawn already.
    #[error("correction `{0}` is withdrawn already")]
    Withdrawn(String),
    /// It was booked by the same request and withdrawn since.
    #[error(
        "the same request booked `{0}`, which is withdrawn: accepted is another Idempotency-Key to book it again"
    )]
    Again(String),
    /// The key was used for something else.
    #[error("the idempotency key was used for `{0}`, which asks for something else")]
    KeyReused(String),
    /// There are too many corrections at once.
    #[error("{0} corrections act at the same time: accepted is one more when some are over or withdrawn")]
    Full(usize),
}
