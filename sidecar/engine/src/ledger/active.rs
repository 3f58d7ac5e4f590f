//! The corrections that act, with the times of their exclusions. Comes in: the audit log. Goes out: the corrections of one
//! objective in one period. Never counts events.

use jiff::{SignedDuration, Timestamp};
use mapwarden_contract::{Count, Nanos, UnixNanos};

use super::audit::Audit;
use super::boundaries::REACH;
use super::state::Maintenance;
use super::time_range::TimeRange;
use crate::aggregate::timestamp;
use crate::correction::{Action, Booking, CorrectionKind, Exclusion, ExclusionAlerts, ObjectivePattern};

/// How many corrections may act or be planned at once. Raised, each objective is compared with more of them each
/// second.
pub(super) const MOST: usize = 500;

/// How far ahead the occurrences of an exclusion are computed.
const AHEAD: SignedDuration = SignedDuration::from_hours(2 * 24);

/// How often occurrences are computed again: half of how far ahead they reach.
const AGAIN: Nanos = Nanos::from_secs(86_400);

/// The corrections that are neither withdrawn nor over, oldest first.
#[derive(Debug, Default)]
pub(super) struct ActiveCorrections {
    all: Vec<ActiveCorrection>,
    computed_at: UnixNanos,
}

/// A correction that acts, with the times of its exclusion.
#[derive(Debug)]
struct ActiveCorrection {
    id: String,
    slo: ObjectivePattern,
    recorded: UnixNanos,
    effect: Effect,
}

/// What a correction does.
#[derive(Debug)]
enum Effect {
    Excludes { alerts: ExclusionAlerts, times: Vec<TimeRange> },
    Deducts { at: UnixNanos, events: Count },
    Refunds { at: UnixNanos, events: Count },
}

/// What the corrections of one objective do in one period.
#[derive(Debug, Default)]
pub(super) struct Effects {
    pub(super) ids: Vec<String>,
    pub(super) deducted: Count,
    pub(super) refunded: Count,
    pub(super) exclusions: Vec<TimeRange>,
}

impl ActiveCorrections {
    /// Returns the corrections of a log that act.
    pub(super) fn of(audit: &Audit, now: UnixNanos) -> Self {
        let mut all = Vec::new();
        for (entry, correction) in audit.standing() {
            let effect =
                match &correction.kind {
                    CorrectionKind::Exclusion(exclusion) => excludes(exclusion, now),
                    CorrectionKind::Deduction(Booking { at, events }) => books(*at, now)
                        .then(|| Effect::Deducts { at: nanos(*at), events: Count::new(*events) }),
                    CorrectionKind::Refund(Booking { at, events }) => books(*at, now)
                        .then(|| Effect::Refunds { at: nanos(*at), events: Count::new(*events) }),
                };
            if let Some(effect) = effect {
                let (id, slo) = (entry.id.clone(), correction.slo.clone());
                all.push(ActiveCorrection { id, slo, recorded: nanos(entry.recorded), effect });
            }
        }
        Self { all, computed_at: now }
    }

    /// Whether the occurrences must be computed again: once a day, and when the clock was set back.
    pub(super) fn is_due(&self, now: UnixNanos) -> bool {
        now.since(self.computed_at) >= AGAIN || now < self.computed_at
    }

    pub(super) fn has_room(&self, action: &Action) -> bool {
        match action {
            Action::Booked(_) => self.all.len() < MOST,
            Action::Withdrawn { .. } => true,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn holds(&self, id: &str) -> bool {
        self.all.iter().any(|acting| acting.id == id)
    }

    /// Returns what the corrections of an objective do in a period.
    pub(super) fn acting(&self, slo: &str, period: TimeRange) -> Effects {
        let mut effects = Effects::default();
        for ActiveCorrection { id, slo: _, recorded: _, effect } in
            self.all.iter().filter(|acting| acting.slo.matches(slo))
        {
            let before = (effects.deducted, effects.refunded, effects.exclusions.len());
            match effect {
                Effect::Deducts { at, events } if period.holds(*at) => effects.deducted += *events,
                Effect::Refunds { at, events } if period.holds(*at) => effects.refunded += *events,
                Effect::Deducts { .. } | Effect::Refunds { .. } => {}
                Effect::Excludes { alerts: _, times } => {
                    effects.exclusions.extend(times.iter().filter(|time| time.overlaps(period)));
                }
            }
            if before != (effects.deducted, effects.refunded, effects.exclusions.len()) {
                effects.ids.push(id.clone());
            }
        }
        effects
    }

    /// Returns the planned maintenance that is going on; of several, the one with the latest end.
    pub(super) fn maintenance(&self, slo: &str, now: UnixNanos) -> Option<Maintenance> {
        let planned = self.planned(slo, TimeRange { from: now, to: now + Nanos::new(1) });
        let until = planned.map(|(id, time)| Maintenance { correction: id.to_owned(), until: time.to });
        until.max_by_key(|maintenance| maintenance.until)
    }

    /// Whether any maintenance was planned for a time between `from` and `to`.
    pub(super) fn is_planned(&self, slo: &str, from: UnixNanos, to: UnixNanos) -> bool {
        self.planned(slo, TimeRange { from, to: to + Nanos::new(1) }).next().is_some()
    }

    /// Returns the exclusions that were booked before they began and suppress alerts.
    fn planned(&self, slo: &str, within: TimeRange) -> impl Iterator<Item = (&str, &TimeRange)> {
        self.all.iter().flat_map(move |acting| {
            let times = match &acting.effect {
                Effect::Excludes { alerts: ExclusionAlerts::Suppress, times } => times.as_slice(),
                Effect::Excludes { alerts: ExclusionAlerts::Keep, .. }
                | Effect::Deducts { .. }
                | Effect::Refunds { .. } => &[],
            };
            let planned =
                times.iter().filter(move |time| time.from >= acting.recorded && time.overlaps(within));
            planned.filter(move |_| acting.slo.matches(slo)).map(|time| (acting.id.as_str(), time))
        })
    }
}

/// Returns the times of an exclusion that a period may hold now or soon; none once it is over.
fn excludes(exclusion: &Exclusion, now: UnixNanos) -> Option<Effect> {
    let since = timestamp(now.before(REACH));
    let until = timestamp(now).saturating_add(AHEAD).unwrap_or(Timestamp::MAX);
    let times = exclusion.occurrences(since, until).into_iter();
    let times: Vec<_> = times.map(|(from, to)| TimeRange { from: nanos(from), to: nanos(to) }).collect();
    let is_over = times.is_empty() && !exclusion.may_come_after(until);
    (!is_over).then_some(Effect::Excludes { alerts: exclusion.alerts, times })
}

fn books(at: Timestamp, now: UnixNanos) -> bool {
    now.since(nanos(at)) < REACH
}

fn nanos(at: Timestamp) -> UnixNanos {
    UnixNanos::new(u64::try_from(at.as_nanosecond()).unwrap_or(0))
}
