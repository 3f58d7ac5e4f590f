//! What stands of the audit log: corrections with their times worked out. Comes in: entries. Goes out: what acts on one
//! objective. Never looks at events.

use jiff::{SignedDuration, Timestamp};
use mapwarden_contract::{Count, Nanos, UnixNanos};

use super::Maintenance;
use super::audit::Audit;
use super::cuts::REACH;
use super::exclusion::Stretch;
use crate::aggregate::timestamp;
use crate::correction::{Action, Booking, CorrectionKind, Exclusion, ExclusionAlerts, ObjectivePattern};

/// How many corrections act or are planned at once. Raised, each objective is compared with more of them each second.
pub(super) const MOST: usize = 500;

/// How far ahead occurrences are worked out; as long as that, a stretch that was worked out is good.
const AHEAD: SignedDuration = SignedDuration::from_hours(2 * 24);

/// After how long occurrences are worked out again: half of what they were worked out ahead.
const AGAIN: Nanos = Nanos::from_secs(86_400);

/// Corrections that are not withdrawn and not over, oldest first.
#[derive(Debug, Default)]
pub(super) struct Booked {
    all: Vec<Acting>,
    looked_at: UnixNanos,
}

/// One of them.
#[derive(Debug)]
struct Acting {
    id: String,
    slo: ObjectivePattern,
    recorded: UnixNanos,
    effect: Effect,
}

/// What it does.
#[derive(Debug)]
enum Effect {
    Excludes { alerts: ExclusionAlerts, times: Vec<Stretch> },
    Deducts { at: UnixNanos, events: Count },
    Refunds { at: UnixNanos, events: Count },
}

/// What acts on one objective in one period.
#[derive(Debug, Default)]
pub(super) struct Effects {
    pub(super) ids: Vec<String>,
    pub(super) deducted: Count,
    pub(super) refunded: Count,
    pub(super) exclusions: Vec<Stretch>,
}

impl Booked {
    /// Works out what stands of a log.
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
                all.push(Acting { id, slo, recorded: nanos(entry.recorded), effect });
            }
        }
        Self { all, looked_at: now }
    }

    /// Whether it has to be worked out again: once a day, and when the clock was set back, times come near or are over.
    pub(super) fn is_due(&self, now: UnixNanos) -> bool {
        now.since(self.looked_at) >= AGAIN || now < self.looked_at
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

    /// What acts on an objective in a period.
    pub(super) fn acting(&self, slo: &str, period: Stretch) -> Effects {
        let mut effects = Effects::default();
        for Acting { id, slo: _, recorded: _, effect } in
            self.all.iter().filter(|acting| acting.slo.matches(slo))
        {
            let before = (effects.deducted, effects.refunded, effects.exclusions.len());
            match effect {
                Effect::Deducts { at, events } if period.holds(*at) => effects.deducted += *events,
                Effect::Refunds { at, events } if period.holds(*at) => effects.refunded += *events,
                Effect::Deducts { .. } | Effect::Refunds { .. } => {}
                Effect::Excludes { alerts: _, times } => {
                    effects.exclusions.extend(times.iter().filter(|time| time.touches(period)));
                }
            }
            if before != (effects.deducted, effects.refunded, effects.exclusions.len()) {
                effects.ids.push(id.clone());
            }
        }
        effects
    }

    /// The planned maintenance that goes on; of several, the one that ends last.
    pub(super) fn maintenance(&self, slo: &str, now: UnixNanos) -> Option<Maintenance> {
        let planned = self.planned(slo, Stretch { from: now, to: now + Nanos::new(1) });
        let until = planned.map(|(id, time)| Maintenance { correction: id.to_owned(), until: time.to });
        until.max_by_key(|maintenance| maintenance.until)
    }

    /// Whether any maintenance was planned for a time between two others.
    pub(super) fn is_planned(&self, slo: &str, from: UnixNanos, to: UnixNanos) -> bool {
        self.planned(slo, Stretch { from, to: to + Nanos::new(1) }).next().is_some()
    }

    /// What was booked before it began, and suppresses alerts.
    fn planned(&self, slo: &str, within: Stretch) -> impl Iterator<Item = (&str, &Stretch)> {
        self.all.iter().flat_map(move |acting| {
            let times = match &acting.effect {
                Effect::Excludes { alerts: ExclusionAlerts::Suppress, times } => times.as_slice(),
                Effect::Excludes { alerts: ExclusionAlerts::Keep, .. }
                | Effect::Deducts { .. }
                | Effect::Refunds { .. } => &[],
            };
            let planned =
                times.iter().filter(move |time| time.from >= acting.recorded && time.touches(within));
            planned.filter(move |_| acting.slo.matches(slo)).map(|time| (acting.id.as_str(), time))
        })
    }
}

/// The times of an exclusion that a period may hold, or will soon; none where there are none and it is over.
fn excludes(exclusion: &Exclusion, now: UnixNanos) -> Option<Effect> {
    let since = timestamp(now.before(REACH));
    let until = timestamp(now).saturating_add(AHEAD).unwrap_or(Timestamp::MAX);
    let times = exclusion.occurrences(since, until).into_iter();
    let times: Vec<_> = times.map(|(from, to)| Stretch { from: nanos(from), to: nanos(to) }).collect();
    let is_over = times.is_empty() && !exclusion.may_come_after(until);
    (!is_over).then_some(Effect::Excludes { alerts: exclusion.alerts, times })
}

fn books(at: Timestamp, now: UnixNanos) -> bool {
    now.since(nanos(at)) < REACH
}

fn nanos(at: Timestamp) -> UnixNanos {
    UnixNanos::new(u64::try_from(at.as_nanosecond()).unwrap_or(0))
}
