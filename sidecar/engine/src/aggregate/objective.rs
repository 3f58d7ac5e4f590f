//! One objective and its counts. Comes in: events with their place and time, users, terms. Goes out: events by time and
//! place, the sums of its period, who met the bad ones. Never knows which series they came from.

use std::collections::BTreeMap;

use mapwarden_contract::{Count, Nanos, Ratio, UnixNanos};

use super::calendar::{Bounds, CalendarSums, KeptPeriod};
pub use super::definition::{About, Definition, SliKind};
pub use super::kept_objective::KeptObjective;
pub use super::places::Place;
use super::places::Places;
use super::slot::Counts;
use super::slots::{Slots, Until};
use super::terms::Terms;
use super::timeslices::{GRACE, JudgedTimeslice, KeptTimeslice, OpenTimeslices, TimesliceRule};
use super::users::UserRing;
use super::window::Window;
use mapwarden_objective::Period;

/// How long a bad event waits for its total.
const DEBT_LIFE: Nanos = Nanos::from_secs(120);

/// One objective and its events.
#[derive(Clone, Debug)]
pub struct ObjectiveState {
    /// What it is about, and its target.
    pub definition: Definition,
    /// When it was first measured; when it was declared until then.
    pub since: UnixNanos,
    /// All events since then.
    pub totals: Counts,
    /// Those of them that lay ahead of a clock that was set back, and are in no window any more.
    forgotten: Counts,
    /// Events by time.
    slots: Slots,
    /// Events by place and time.
    places: Places,
    /// Users who met a bad event.
    pub affected: UserRing,
    /// Tenants who met a bad event.
    pub affected_tenants: UserRing,
    /// Until when telemetry accounts for the time.
    pub covered_until: UnixNanos,
    /// Bad events and since when they wait for their totals, where different series count the two.
    debts: BTreeMap<Place, (u64, UnixNanos)>,
    /// How far apart points lie: the largest time that a recent one accounts for.
    interval: Nanos,
    /// Over which period it is evaluated, and how.
    terms: Terms,
    /// Sums by periods of the calendar, where the terms name one.
    calendar: Option<CalendarSums>,
    /// Time slices that are not judged yet, where the terms count those.
    timeslices: Option<OpenTimeslices>,
    /// Until when it is composed of its members.
    composed_until: UnixNanos,
    /// From which time on it changed since the last commit.
    unsaved_from: Option<UnixNanos>,
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

/// Events that do not count as they were reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uncounted {
    /// Bad events for which no total has come in time.
    pub bad_above_total: u64,
    /// Events of time slices that were judged already.
    pub late: u64,
}

impl Uncounted {
    pub(super) const fn add(&mut self, other: Self) {
        self.bad_above_total += other.bad_above_total;
        self.late += other.late;
    }
}

impl ObjectiveState {
    /// An objective that is measured from `since` on.
    pub fn new(definition: Definition, since: UnixNanos) -> Self {
        Self {
            definition,
            since,
            totals: Counts::default(),
            forgotten: Counts::default(),
            slots: Slots::for_budget(),
            places: Places::default(),
            affected: UserRing::default(),
            affected_tenants: UserRing::default(),
            covered_until: since,
            debts: BTreeMap::new(),
            interval: Nanos::ZERO,
            terms: Terms::default(),
            calendar: None,
            timeslices: None,
            composed_until: since,
            unsaved_from: None,
        }
    }

    /// Notes that something changed, of this time or later.
    pub(super) fn touch(&mut self, from: UnixNanos) {
        self.unsaved_from = Some(self.unsaved_from.map_or(from, |known| known.min(from)));
    }

    /// From which time on it changed since the last call.
    pub(super) const fn take_unsaved(&mut self) -> Option<UnixNanos> {
        self.unsaved_from.take()
    }

    /// Its terms.
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Changes the terms as of `now`. A calendar that is new begins with the slots since the start of the period.
    pub fn set_terms(&mut self, terms: Terms, now: UnixNanos) {
        self.slots.reach(terms.length());
        match &terms.period {
            Period::Rolling(_) => self.calendar = None,
            Period::Calendar(calendar) => {
                if self.calendar.as_ref().is_none_or(|sums| sums.calendar() != calendar) {
                    self.calendar = Some(CalendarSums::new(calendar.clone()));
                    self.restore_calendar(&[], now);
                }
            }
        }
        let rule = terms.timeslice_rule();
        if self.timeslice_rule() != rule {
            self.timeslices = rule.map(OpenTimeslices::new);
            // Time slices are not events of a place.
            self.places.divide(&self.slots);
        }
        self.terms = terms;
    }

    /// How time slices are judged; none where every event counts.
    pub(super) fn timeslice_rule(&self) -> Option<TimesliceRule> {
        self.timeslices.as_ref().map(OpenTimeslices::rule)
    }

    /// How long the time slices are that are counted; none where every event counts.
    pub fn timeslice(&self) -> Option<Nanos> {
        self.timeslice_rule().map(TimesliceRule::length)
    }

    /// All events but those that were forgotten because the clock was set back: what windows of any length may hold.
    pub fn counted(&self) -> Counts {
        self.totals.less(&self.forgotten)
    }

    /// Whether every event counts, and not time slices.
    pub const fn counts_events(&self) -> bool {
        self.timeslices.is_none()
    }

    /// Until when a composite objective is composed of its members.
    pub(super) const fn composed_until(&self) -> UnixNanos {
        self.composed_until
    }

    /// Until when its slots hold everything, but for late events.
    pub(super) fn judged_until(&self, now: UnixNanos) -> UnixNanos {
        match (&self.timeslices, self.terms.members.is_empty()) {
            (None, _) => now,
            (Some(timeslices), true) => {
                let width = timeslices.rule().length().get();
                // The reader waits for a grace of its own.
                UnixNanos::new(now.before(GRACE).get() / width * width) + GRACE
            }
            (Some(_), false) => self.composed_until + GRACE,
        }
    }

    /// Judges the time slices that are over, and keeps the sums of the usual windows up to date.
    pub(super) fn advance(&mut self, now: UnixNanos) {
        if let Some(timeslices) = &mut self.timeslices {
            timeslices.judge(now).iter().for_each(|verdict| self.count_timeslice(verdict));
        }
        let usual = Window::ALL.into_iter().filter(|window| window.length() <= self.terms.length());
        usual.for_each(|window| self.slots.keep_window(window, now));
    }

    /// Counts the judged time slices of a composite objective.
    pub(super) fn compose(&mut self, verdicts: &[JudgedTimeslice], until: UnixNanos) {
        self.composed_until = self.composed_until.max(until);
        for verdict in verdicts {
            if self.totals == Counts::default() {
                self.since = verdict.start;
            }
            self.covered_until = self.covered_until.max(verdict.start + verdict.counts.covered);
            self.count_timeslice(verdict);
        }
    }

    /// Counts a judged time slice: its parts in its last second, its measured time from its start on.
    fn count_timeslice(&mut self, verdict: &JudgedTimeslice) {
        let Some(rule) = self.timeslice_rule() else { return };
        let JudgedTimeslice { start, counts: Counts { good, bad, covered } } = *verdict;
        let last = (start + rule.length()).before(Nanos::new(1));
        self.touch(start);
        self.totals.add(&verdict.counts);
        self.slots.add(last, good, bad);
        self.slots.cover(start, start + covered);
        if let Some(calendar) = &mut self.calendar {
            calendar.add(last, &Counts { good, bad, covered: Nanos::ZERO });
            calendar.cover(start, start + covered);
        }
    }

    /// Returns counts as evidence: the parts of one time slice are not independent events.
    pub fn as_evidence(&self, counts: Counts) -> Counts {
        let unit = self.timeslice_rule().map_or(1, TimesliceRule::unit);
        let whole = |count: Count| Count::new(count.get() / unit);
        let bad = whole(counts.bad);
        Counts { good: whole(counts.total()) - bad, bad, ..counts }
    }

    /// Puts back the sums that the store kept, once its slots are there.
    pub(crate) fn restore_sums(
        &mut self,
        calendar: &[KeptPeriod],
        timeslices: &[KeptTimeslice],
        now: UnixNanos,
    ) {
        self.restore_calendar(calendar, now);
        if let Some(known) = &mut self.timeslices {
            known.restore(timeslices);
        }
    }

    fn restore_calendar(&mut self, kept: &[KeptPeriod], now: UnixNanos) {
        if let Some(calendar) = &self.calendar {
            let mut sums = CalendarSums::new(calendar.calendar().clone());
            sums.restore(kept, now, |bounds| {
                self.slots.between(bounds.start, Until::Before(bounds.end), now)
            });
            self.calendar = Some(sums);
        }
    }

    /// The period of the budget at `now`, and what happened in it.
    pub fn period(&self, now: UnixNanos) -> (Bounds, Counts) {
        self.period_with(now, |window| self.slots.window(window, now))
    }

    /// The same, with windows that the caller has summed already.
    pub(crate) fn period_with(&self, now: UnixNanos, sum: impl Fn(Window) -> Counts) -> (Bounds, Counts) {
        let length = self.terms.length();
        let rolling = || (Bounds { start: now.before(length), end: now }, sum(Window::new(length)));
        self.calendar.as_ref().and_then(|sums| sums.period(now)).unwrap_or_else(rolling)
    }

    /// Counts events at a place, and returns what could not be counted.
    pub fn count(&mut self, events: Events, place: &Place) -> Uncounted {
        let Events { from, to, good, bad } = events;
        self.touch(from);
        if self.covered_until == self.since && self.totals == Counts::default() {
            self.since = from;
            self.covered_until = from;
        } else {
            self.interval = Nanos::new(self.interval.get() / 8 * 7).max(to.since(from));
        }
        let (paid, unmatched) = self.pay(place, good, to);
        let (good, bad) = (Count::new(good - paid), Count::new(bad));
        if self.timeslices.is_some() {
            self.places.of_part(place, to).add(to, good, bad);
        } else if good > Count::ZERO || bad > Count::ZERO {
            if self.totals.total() == Count::ZERO {
                self.places.begin(place);
            }
            let slots = self.places.of_event(place, &self.slots, to);
            slots.into_iter().for_each(|slots| slots.add(to, good, bad));
        }
        self.cover(from, to);
        let mut late = 0;
        if let Some(timeslices) = &mut self.timeslices {
            late = timeslices.add(to, &Counts { good, bad, covered: Nanos::ZERO });
        } else if good > Count::ZERO || bad > Count::ZERO {
            self.totals.good += good;
            self.totals.bad += bad;
            self.slots.add(to, good, bad);
            if let Some(calendar) = &mut self.calendar {
                calendar.add(to, &Counts { good, bad, covered: Nanos::ZERO });
            }
        }
        Uncounted { bad_above_total: unmatched, late }
    }

    /// Counts bad events while another series counts all events: each takes one good event of its place away, now or when it
    /// arrives.
    pub fn count_bad_of_total(&mut self, events: Events, place: &Place) -> Uncounted {
        if events.bad > 0 {
            let debt = self.debts.entry(place.clone()).or_insert((0, events.to));
            debt.0 = debt.0.saturating_add(events.bad);
        }
        self.count(events, place)
    }

    /// Takes good events for the bad ones of a place; a debt that is too old is dropped.
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
            if let Some(timeslices) = &mut self.timeslices {
                timeslices.cover(from, to);
                return;
            }
            self.slots.cover(from, to);
            if let Some(calendar) = &mut self.calendar {
                calendar.cover(from, to);
            }
            self.totals.covered = Nanos::new(self.totals.covered.get().saturating_add(to.since(from).get()));
        }
    }

    /// Forgets what happened after `now`.
    pub fn forget_after(&mut self, now: UnixNanos) {
        if let (Some(calendar), Some(newest)) = (&mut self.calendar, self.slots.newest()) {
            let next = now + Nanos::from_secs(1);
            let until = calendar.period(now).map_or(newest, |(bounds, _)| bounds.end);
            let gone = if newest >= next {
                self.slots.between(next, Until::Before(until), newest)
            } else {
                Counts::default()
            };
            calendar.forget_after(now, &gone);
        }
        if let Some(newest) = self.slots.newest() {
            let next = now + Nanos::from_secs(1);
            if newest >= next {
                self.forgotten.add(&self.slots.between(next, Until::Through(newest), newest));
            }
        }
        if let Some(timeslices) = &mut self.timeslices {
            timeslices.forget_after(now);
        }
        self.composed_until = self.composed_until.min(now);
        self.slots.forget_after(now);
        self.places.forget_after(now);
        self.affected.forget_after(now);
        self.affected_tenants.forget_after(now);
        self.covered_until = self.covered_until.min(now);
        self.since = self.since.min(now);
        self.debts.clear();
    }

    /// How far apart its points lie: an event happened up to this long before the slot that it is counted in.
    pub fn interval(&self) -> Nanos {
        self.timeslice_rule().map_or(self.interval, |rule| rule.length().max(self.interval))
    }

    /// Events in a window.
    pub fn window(&self, window: Window, now: UnixNanos) -> Counts {
        self.slots.window(window, now)
    }

    /// Events by time.
    pub const fn slots(&self) -> &Slots {
        &self.slots
    }

    /// Events by place and time.
    pub fn places(&self) -> impl Iterator<Item = (&Place, &Slots)> {
        self.places.iter(&self.slots)
    }

    /// The share of the last `span`, since the objective is known, that telemetry accounts for; none where that time is too
    /// short (two seconds, twice the shortest interval of a sender).
    pub fn coverage(&self, covered: Nanos, span: Nanos, now: UnixNanos) -> Option<Ratio> {
        let known = now.since(self.since).get().min(span.get());
        (known > 2_000_000_000).then(|| Ratio::of(Count::new(covered.get()), Count::new(known))).flatten()
    }

    /// Returns what the store keeps.
    pub fn keep(&self) -> KeptObjective {
        KeptObjective {
            definition: self.definition.clone(),
            since: self.since.get(),
            totals: self.totals,
            covered_until: self.covered_until.get(),
            calendar: self.calendar.as_ref().map_or_else(Vec::new, CalendarSums::keep),
            timeslices: self.timeslices.as_ref().map_or_else(Vec::new, OpenTimeslices::keep),
            forgotten: Some(self.forgotten).filter(|sum| *sum != Counts::default()).into_iter().collect(),
            only_place: self.places.only().cloned().into_iter().collect(),
        }
    }

    /// Returns what the store kept, before its slots are put back.
    pub fn restore(kept: KeptObjective) -> Self {
        let mut objective = Self::new(kept.definition, UnixNanos::new(kept.since));
        objective.totals = kept.totals;
        objective.forgotten = kept.forgotten.first().copied().unwrap_or_default();
        objective.places = Places::restore(kept.only_place.into_iter().next());
        objective.covered_until = UnixNanos::new(kept.covered_until);
        objective.composed_until = objective.covered_until;
        objective
    }

    /// The slots, to put back what the store kept.
    pub fn slots_mut(&mut self) -> &mut Slots {
        &mut self.slots
    }
}

#[cfg(test)]
#[path = "objective_tests.rs"]
mod tests;
