//! One objective: what it promises, every event measured against it, and who met the bad ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use mapwarden::contract::{Count, Nanos, Ratio, UnixNanos};
use serde::{Deserialize, Deserializer, Serialize};

use super::Window;
use super::bounded::OTHER;
use super::calendar::{Bounds, CalendarSums, KeptPeriod};
use super::slices::{Counts, Slices, Until};
use super::terms::Terms;
use super::timeslices::{GRACE, Gathering, Judging, KeptSlice, Verdict};
use super::users::UserRing;
use crate::spec::Period;

/// What an objective promises, and about what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// The service.
    pub service: Arc<str>,
    /// The objective's name, unique within the service.
    pub name: Arc<str>,
    /// The team, where it was told.
    pub team: Option<Arc<str>>,
    /// What is measured.
    pub sli: SliKind,
    /// What it is about.
    pub about: About,
    /// The promised share of good events.
    pub target: Ratio,
}

impl Definition {
    /// The id: `service/name`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.service, self.name)
    }
}

/// What is measured. A closed set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum SliKind {
    /// Events that did not fail.
    Availability,
    /// Events at or below the threshold.
    Latency {
        /// The slowest good event.
        threshold: Nanos,
    },
    /// Lookups that found their key.
    HitRatio,
    /// Seconds at whose end a map's last write was at most so long ago.
    Freshness {
        /// The oldest last write that is still good.
        threshold: Nanos,
    },
}

impl SliKind {
    /// The name as on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Availability => "availability",
            Self::Latency { .. } => "latency",
            Self::HitRatio => "hit_ratio",
            Self::Freshness { .. } => "freshness",
        }
    }
}

/// What an objective is about. A closed set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum About {
    /// A map of the SDK.
    Map(Arc<str>),
    /// A request scope of the SDK.
    Scope(Arc<str>),
    /// A metric that the configuration names.
    Metric(Arc<str>),
    /// What the sidecar sees no single events of: queries, other objectives; in words.
    Derived(Arc<str>),
}

/// Where an event happened: the finest that bad events are told apart by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The service's version, empty where it was not told.
    pub version: Arc<str>,
    /// The region, empty where it was not told.
    pub region: Arc<str>,
}

/// How many places are told apart; events of further ones go to the last place, `other`.
const MAX_PLACES: usize = 64;

/// After how long without an event a place makes room for another one.
const QUIET: Nanos = Nanos::from_secs(3_600);

/// How long a bad event waits for its total.
const DEBT_LIFE: Nanos = Nanos::from_secs(120);

/// One objective and its events.
#[derive(Clone, Debug)]
pub struct Objective {
    /// What it promises.
    pub definition: Definition,
    /// When it was first measured; when it was declared until then.
    pub since: UnixNanos,
    /// All events since then.
    pub totals: Counts,
    /// Those of them that lay ahead of a clock that was set back: in no window any more.
    forgotten: Counts,
    /// Events by time.
    slices: Slices,
    /// Events by place and time.
    places: BTreeMap<Place, Slices>,
    /// Users who met a bad event.
    pub affected: UserRing,
    /// Tenants who met a bad event.
    pub affected_tenants: UserRing,
    /// Until when telemetry accounts for the time.
    pub covered_until: UnixNanos,
    /// Bad events whose totals have not arrived yet, where both are counted by different series; and since when.
    debts: BTreeMap<Place, (u64, UnixNanos)>,
    /// How far apart points lie: the largest time that one of late accounted for.
    interval: Nanos,
    /// Over which time it is kept, and how.
    terms: Terms,
    /// Sums by periods of the calendar, where the terms name one.
    calendar: Option<CalendarSums>,
    /// Slices of time that are not judged yet, where the terms count those.
    gathering: Option<Gathering>,
    /// Until when it was made of its members.
    composed_until: UnixNanos,
}

/// Events of one point.
#[derive(Clone, Copy, Debug)]
pub struct Events {
    /// From when the point accounts for them.
    pub from: UnixNanos,
    /// The end of that time.
    pub to: UnixNanos,
    /// Good events.
    pub good: u64,
    /// Bad events.
    pub bad: u64,
}

/// What the store keeps of an objective beside its slices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// What it promises.
    pub definition: Definition,
    /// When it was first measured.
    pub since: u64,
    /// All events since then.
    pub totals: Counts,
    /// Until when telemetry accounts for the time.
    pub covered_until: u64,
    /// Sums by periods of the calendar; rows of before there were any end before.
    #[serde(deserialize_with = "told_or_none")]
    pub calendar: Vec<KeptPeriod>,
    /// Slices of time that are not judged yet; likewise.
    #[serde(deserialize_with = "told_or_none")]
    pub gathering: Vec<KeptSlice>,
    /// Events that a clock which was set back made forget, at most one sum; likewise.
    #[serde(deserialize_with = "told_or_none")]
    pub forgotten: Vec<Counts>,
}

/// Reads what stands at the end of newer rows only.
fn told_or_none<'de, D: Deserializer<'de>, T: Deserialize<'de>>(row: D) -> Result<Vec<T>, D::Error> {
    Ok(Vec::deserialize(row).unwrap_or_default())
}

impl Objective {
    /// An objective that is measured from `since` on.
    pub fn new(definition: Definition, since: UnixNanos) -> Self {
        Self {
            definition,
            since,
            totals: Counts::default(),
            forgotten: Counts::default(),
            slices: Slices::for_budget(),
            places: BTreeMap::new(),
            affected: UserRing::default(),
            affected_tenants: UserRing::default(),
            covered_until: since,
            debts: BTreeMap::new(),
            interval: Nanos::ZERO,
            terms: Terms::default(),
            calendar: None,
            gathering: None,
            composed_until: since,
        }
    }

    /// Its terms.
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Puts it under other terms, as of `now`. A calendar that it was not under before begins with the slices since the
    /// start of the period.
    pub fn agree(&mut self, terms: Terms, now: UnixNanos) {
        self.slices.reach(terms.length());
        match &terms.period {
            Period::Rolling(_) => self.calendar = None,
            Period::Calendar(calendar) => {
                if self.calendar.as_ref().is_none_or(|sums| sums.calendar() != calendar) {
                    self.calendar = Some(CalendarSums::new(calendar.clone()));
                    self.restore_calendar(&[], now);
                }
            }
        }
        let judging = terms.judging();
        if self.judging() != judging {
            self.gathering = judging.map(Gathering::new);
        }
        self.terms = terms;
    }

    /// How slices of time are judged; none where every event counts.
    pub(super) fn judging(&self) -> Option<Judging> {
        self.gathering.as_ref().map(Gathering::judging)
    }

    /// How long the slices of time are that are counted; none where every event counts.
    pub fn slice(&self) -> Option<Nanos> {
        self.judging().map(Judging::slice)
    }

    /// All events but those that a clock which was set back made forget: what windows of any length may hold.
    pub fn counted(&self) -> Counts {
        let Counts { good, bad, covered } = self.totals;
        let forgotten = self.forgotten;
        let covered = covered.saturating_sub(forgotten.covered);
        Counts { good: good - forgotten.good, bad: bad - forgotten.bad, covered }
    }

    /// Whether every event counts, and not slices of time.
    pub const fn counts_events(&self) -> bool {
        self.gathering.is_none()
    }

    /// Until when a composite objective was made of its members.
    pub(super) const fn composed_until(&self) -> UnixNanos {
        self.composed_until
    }

    /// Until when its slices hold everything, but for late events.
    pub(super) fn judged_until(&self, now: UnixNanos) -> UnixNanos {
        match (&self.gathering, self.terms.members.is_empty()) {
            (None, _) => now,
            (Some(gathering), true) => {
                let width = gathering.judging().slice().get();
                // The grace of whoever reads is on top of ours.
                UnixNanos::new(now.before(GRACE).get() / width * width) + GRACE
            }
            (Some(_), false) => self.composed_until + GRACE,
        }
    }

    /// Judges the slices of time that are over, and says from when on slices changed.
    pub(super) fn advance(&mut self, now: UnixNanos) -> Option<UnixNanos> {
        let verdicts = self.gathering.as_mut()?.judge(now);
        verdicts.iter().for_each(|verdict| self.hear(verdict));
        verdicts.first().map(|verdict| verdict.start)
    }

    /// Takes what a composite objective's members did, and says from when on slices changed.
    pub(super) fn compose(&mut self, verdicts: &[Verdict], until: UnixNanos) -> Option<UnixNanos> {
        self.composed_until = self.composed_until.max(until);
        for verdict in verdicts {
            if self.totals == Counts::default() {
                self.since = verdict.start;
            }
            self.covered_until = self.covered_until.max(verdict.start + verdict.counts.covered);
            self.hear(verdict);
        }
        verdicts.first().map(|verdict| verdict.start)
    }

    /// Takes a judged slice of time: its parts in its last second, its measured time from its start on.
    fn hear(&mut self, verdict: &Verdict) {
        let Some(judging) = self.judging() else { return };
        let Verdict { start, counts: Counts { good, bad, covered } } = *verdict;
        let last = (start + judging.slice()).before(Nanos::new(1));
        self.totals.add(&verdict.counts);
        self.slices.add(last, good, bad);
        self.slices.cover(start, start + covered);
        if let Some(calendar) = &mut self.calendar {
            calendar.add(last, &Counts { good, bad, covered: Nanos::ZERO });
            calendar.cover(start, start + covered);
        }
    }

    /// Counts as evidence: where a slice of time is of many parts, they are not as many events.
    pub fn as_evidence(&self, counts: Counts) -> Counts {
        let unit = self.judging().map_or(1, Judging::unit);
        let whole = |count: Count| Count::new(count.get() / unit);
        let bad = whole(counts.bad);
        Counts { good: whole(counts.total()) - bad, bad, ..counts }
    }

    /// Puts back the sums that the store kept, once its slices are there.
    pub(crate) fn restore_sums(&mut self, calendar: &[KeptPeriod], gathering: &[KeptSlice], now: UnixNanos) {
        self.restore_calendar(calendar, now);
        if let Some(known) = &mut self.gathering {
            known.restore(gathering);
        }
    }

    fn restore_calendar(&mut self, kept: &[KeptPeriod], now: UnixNanos) {
        if let Some(calendar) = &self.calendar {
            let mut sums = CalendarSums::new(calendar.calendar().clone());
            sums.restore(kept, now, |bounds| {
                self.slices.between(bounds.start, Until::Before(bounds.end), now)
            });
            self.calendar = Some(sums);
        }
    }

    /// The period of the budget at `now`, and what happened in it.
    pub fn period(&self, now: UnixNanos) -> (Bounds, Counts) {
        let length = self.terms.length();
        let rolling = || {
            let bounds = Bounds { start: now.before(length), end: now };
            (bounds, self.slices.window(Window::new(length), now))
        };
        self.calendar.as_ref().and_then(|sums| sums.period(now)).unwrap_or_else(rolling)
    }

    /// Counts events at a place, and says for how many bad events no total has come in time.
    pub fn count(&mut self, events: Events, place: &Place) -> u64 {
        let Events { from, to, good, bad } = events;
        if self.covered_until == self.since && self.totals == Counts::default() {
            self.since = from;
            self.covered_until = from;
        } else {
            self.interval = Nanos::new(self.interval.get() / 8 * 7).max(to.since(from));
        }
        self.cover(from, to);
        let (paid, unmatched) = self.pay(place, good, to);
        let (good, bad) = (Count::new(good - paid), Count::new(bad));
        if let Some(gathering) = &mut self.gathering {
            gathering.add(to, &Counts { good, bad, covered: Nanos::ZERO });
            self.place(place, to).add(to, good, bad);
        } else if good > Count::ZERO || bad > Count::ZERO {
            self.totals.good += good;
            self.totals.bad += bad;
            self.slices.add(to, good, bad);
            if let Some(calendar) = &mut self.calendar {
                calendar.add(to, &Counts { good, bad, covered: Nanos::ZERO });
            }
            self.place(place, to).add(to, good, bad);
        }
        unmatched
    }

    /// Counts bad events whose totals are counted by another series: each takes one good event of its place away,
    /// now or when it arrives.
    pub fn count_bad_of_total(&mut self, events: Events, place: &Place) -> u64 {
        if events.bad > 0 {
            let debt = self.debts.entry(place.clone()).or_insert((0, events.to));
            debt.0 = debt.0.saturating_add(events.bad);
        }
        self.count(events, place)
    }

    /// Takes good events for the bad ones of a place; a debt that is too old is let go.
    fn pay(&mut self, place: &Place, good: u64, now: UnixNanos) -> (u64, u64) {
        let Some((debt, since)) = self.debts.get_mut(place) else { return (0, 0) };
        let paid = good.min(*debt);
        *debt -= paid;
        let is_old = now.since(*since) > DEBT_LIFE;
        let unmatched = if is_old { *debt } else { 0 };
        if *debt == 0 || is_old {
            self.debts.remove(place);
        }
        (paid, unmatched)
    }

    fn cover(&mut self, from: UnixNanos, to: UnixNanos) {
        let from = from.max(self.covered_until);
        if to > from {
            self.covered_until = to;
            if let Some(gathering) = &mut self.gathering {
                gathering.cover(from, to);
                return;
            }
            self.slices.cover(from, to);
            if let Some(calendar) = &mut self.calendar {
                calendar.cover(from, to);
            }
            self.totals.covered = Nanos::new(self.totals.covered.get().saturating_add(to.since(from).get()));
        }
    }

    /// The slices of a place. Where there are too many, one that has been quiet for long makes room.
    fn place(&mut self, place: &Place, now: UnixNanos) -> &mut Slices {
        let is_full = self.places.len() >= MAX_PLACES && !self.places.contains_key(place);
        if is_full {
            let newest = |slices: &Slices| slices.newest().unwrap_or(UnixNanos::EPOCH);
            let quietest = self.places.iter().map(|(place, slices)| (newest(slices), place)).min();
            if let Some((_, quietest)) = quietest.filter(|(last, _)| now.since(*last) > QUIET) {
                let quietest = quietest.clone();
                self.places.remove(&quietest);
            }
        }
        let has_room = self.places.len() < MAX_PLACES || self.places.contains_key(place);
        let other = || Place { version: Arc::from(OTHER), region: Arc::from(OTHER) };
        self.places.entry(if has_room { place.clone() } else { other() }).or_insert_with(Slices::for_places)
    }

    /// Forgets what happened after `now`.
    pub fn forget_after(&mut self, now: UnixNanos) {
        if let (Some(calendar), Some(newest)) = (&mut self.calendar, self.slices.newest()) {
            let next = now + Nanos::from_secs(1);
            let until = calendar.period(now).map_or(newest, |(bounds, _)| bounds.end);
            let gone = if newest >= next {
                self.slices.between(next, Until::Before(until), newest)
            } else {
                Counts::default()
            };
            calendar.forget_after(now, &gone);
        }
        if let Some(newest) = self.slices.newest() {
            let next = now + Nanos::from_secs(1);
            if newest >= next {
                self.forgotten.add(&self.slices.between(next, Until::Through(newest), newest));
            }
        }
        if let Some(gathering) = &mut self.gathering {
            gathering.forget_after(now);
        }
        self.composed_until = self.composed_until.min(now);
        self.slices.forget_after(now);
        self.places.values_mut().for_each(|slices| slices.forget_after(now));
        self.affected.forget_after(now);
        self.affected_tenants.forget_after(now);
        self.covered_until = self.covered_until.min(now);
        self.since = self.since.min(now);
        self.debts.clear();
    }

    /// How far apart its points lie: an event happened up to this long before the slot that it is counted in.
    pub fn interval(&self) -> Nanos {
        self.judging().map_or(self.interval, |judging| judging.slice().max(self.interval))
    }

    /// Events in a window.
    pub fn window(&self, window: Window, now: UnixNanos) -> Counts {
        self.slices.window(window, now)
    }

    /// Events by time.
    pub const fn slices(&self) -> &Slices {
        &self.slices
    }

    /// Events by place and time.
    pub fn places(&self) -> impl Iterator<Item = (&Place, &Slices)> {
        self.places.iter()
    }

    /// Share of the last `span`, since the objective is known, for which telemetry arrived; none where that
    /// time is too short to say (two seconds, twice the shortest interval of a sender).
    pub fn coverage(&self, covered: Nanos, span: Nanos, now: UnixNanos) -> Option<Ratio> {
        let known = now.since(self.since).get().min(span.get());
        (known > 2_000_000_000).then(|| Ratio::of(Count::new(covered.get()), Count::new(known))).flatten()
    }

    /// What the store keeps.
    pub fn keep(&self) -> Kept {
        Kept {
            definition: self.definition.clone(),
            since: self.since.get(),
            totals: self.totals,
            covered_until: self.covered_until.get(),
            calendar: self.calendar.as_ref().map_or_else(Vec::new, CalendarSums::keep),
            gathering: self.gathering.as_ref().map_or_else(Vec::new, Gathering::keep),
            forgotten: Some(self.forgotten).filter(|sum| *sum != Counts::default()).into_iter().collect(),
        }
    }

    /// What the store kept, before its slices are put back.
    pub fn restore(kept: Kept) -> Self {
        let mut objective = Self::new(kept.definition, UnixNanos::new(kept.since));
        objective.totals = kept.totals;
        objective.forgotten = kept.forgotten.first().copied().unwrap_or_default();
        objective.covered_until = UnixNanos::new(kept.covered_until);
        objective.composed_until = objective.covered_until;
        objective
    }

    /// Puts back a slice that the store kept.
    pub fn slices_mut(&mut self) -> &mut Slices {
        &mut self.slices
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objective() -> Objective {
        let definition = Definition {
            service: Arc::from("shop"),
            name: Arc::from("availability"),
            team: None,
            sli: SliKind::Availability,
            about: About::Scope(Arc::from("checkout")),
            target: Ratio::new(0.99).unwrap(),
        };
        Objective::new(definition, at(0))
    }

    fn at(second: u64) -> UnixNanos {
        UnixNanos::new((1_800_000_000 + second) * 1_000_000_000)
    }

    fn place(version: &str) -> Place {
        Place { version: Arc::from(version), region: Arc::from("") }
    }

    #[test]
    fn places_add_up_to_the_whole() {
        let mut objective = objective();
        for second in 1..=100 {
            let events =
                Events { from: at(second - 1), to: at(second), good: 7, bad: u64::from(second > 90) };
            objective.count(events, &place(&format!("v{second}")));
        }
        let now = at(100);
        let whole = objective.slices().since(at(0), now);
        let parts: Count = objective.places().map(|(_, slices)| slices.since(at(0), now).total()).sum();
        assert_eq!(whole.total(), Count::new(710));
        assert_eq!(parts, whole.total());
        assert_eq!(objective.places().count(), 65);
        assert_eq!(objective.coverage(whole.covered, Nanos::from_secs(300), now), Some(Ratio::ONE));
    }

    #[test]
    fn bad_events_that_arrive_before_their_totals_never_make_good_negative() {
        let mut objective = objective();
        let events = |good, bad| Events { from: at(0), to: at(1), good, bad };
        objective.count_bad_of_total(events(0, 5), &place(""));
        objective.count(events(3, 0), &place(""));
        objective.count(events(10, 0), &place(""));
        assert_eq!((objective.totals.good.get(), objective.totals.bad.get()), (8, 5));
    }

    #[test]
    fn silence_is_not_covered() {
        let mut objective = objective();
        let events = |from, to| Events { from: at(from), to: at(to), good: 1, bad: 0 };
        objective.count(events(0, 10), &place(""));
        objective.count(events(90, 100), &place(""));
        let covered = objective.window(Window::M5, at(100)).covered;
        assert_eq!(objective.coverage(covered, Nanos::from_secs(300), at(100)), Ratio::new(0.2).ok());
    }
}
