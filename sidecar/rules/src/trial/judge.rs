//! Comes in: a history. Goes out: what an objective's rules must say of it, by plain sums over minutes. Never looks at a
//! rule: promtool compares the two.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use mapwarden_contract::Count;

use super::history::{History, Minute};
use crate::alert::{MIN_BAD, WATCHED, seconds};
use crate::subject::{Part, Subject};
use crate::tier::{Tier, rounded};
use crate::window::{SLICE, Window};
use mapwarden_objective::{Alert, Method, Period};
use mapwarden_objective::{Severity, wilson};

/// What is true of a history.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    subject: &'a Subject<'a>,
    /// All and bad events of each minute from 1 on, as the objective counts; none where nothing was measured.
    counts: Vec<Option<(f64, f64)>>,
    is_silent: Vec<bool>,
    firing: BTreeMap<Severity, Vec<bool>>,
}

impl<'a> Judge<'a> {
    /// Rules that are evaluated every minute.
    pub(super) fn new(subject: &'a Subject<'a>, history: &History) -> Self {
        Self::every(1, subject, history)
    }

    /// Rules that are evaluated every so many minutes.
    pub(super) fn every(step: usize, subject: &'a Subject<'a>, history: &History) -> Self {
        let is_silent = history.minutes.iter().map(|minute| *minute == Minute::Silent).collect();
        let counts = (1..=history.minutes.len()).map(|minute| counted(subject, history, minute)).collect();
        let mut judge = Self { subject, counts, is_silent, firing: BTreeMap::new() };
        for severity in Severity::ALL {
            let (mut firing, mut since) = (Vec::new(), None);
            for minute in 1..=history.minutes.len() {
                let was = firing.last().copied().unwrap_or(false);
                if !minute.is_multiple_of(step) {
                    firing.push(was);
                    continue;
                }
                since = judge.holds(severity, minute, was).then(|| since.unwrap_or(minute));
                let alert = judge.alert(severity);
                let waits = usize::try_from(seconds(alert).div_ceil(SLICE)).unwrap_or(usize::MAX);
                firing.push(since.is_some_and(|since| minute - since >= waits));
            }
            judge.firing.insert(severity, firing);
        }
        judge
    }

    /// All and bad events of a window that ends with a minute.
    pub(super) fn sums(&self, window: Window, minute: usize) -> Option<(f64, f64)> {
        let known = self.counts.get(self.first(window, minute)..minute)?.iter().flatten();
        known.copied().reduce(|(all, bad), (more, worse)| (all + more, bad + worse))
    }

    /// The error ratio of a window; none without an event.
    pub(super) fn ratio(&self, window: Window, minute: usize) -> Option<f64> {
        let (all, bad) = self.sums(window, minute)?;
        (all > 0.0).then(|| (bad / all).min(1.0))
    }

    /// What is left of the period's budget.
    pub(super) fn remaining(&self, minute: usize) -> Option<f64> {
        let spent = match &self.subject.periods {
            None => self.ratio(self.subject.period, minute)?,
            Some(_) => {
                let (all, bad) = self.period_sums(minute).filter(|(all, _)| *all > 0.0)?;
                (bad / all).min(1.0)
            }
        };
        Some(1.0 - spent / self.subject.allowed)
    }

    /// All and bad events of the calendar's period until a minute.
    pub(super) fn period_sums(&self, minute: usize) -> Option<(f64, f64)> {
        let known = self.counts.get(self.period_first(minute)?..minute)?.iter().flatten();
        known.copied().reduce(|(all, bad), (more, worse)| (all + more, bad + worse))
    }

    /// The share of the calendar's period until a minute for which slices were measured.
    pub(super) fn period_coverage(&self, minute: usize) -> Option<f64> {
        let first = self.period_first(minute)?;
        let measured = self.is_silent.get(first..minute)?.iter().filter(|silent| !**silent).count();
        let measured = u32::try_from(measured).ok().filter(|measured| *measured > 0)?;
        let elapsed = self.elapsed(minute)?.div_euclid(60) + 1;
        Some(f64::from(measured) / f64::from(i32::try_from(elapsed).ok()?))
    }

    /// The index of the first minute of the calendar's period.
    fn period_first(&self, minute: usize) -> Option<usize> {
        let before = usize::try_from(self.elapsed(minute)?.div_euclid(60)).ok()?;
        Some((minute - 1).saturating_sub(before))
    }

    /// For how long the calendar's period has lasted in the middle of a minute's slice, in seconds.
    fn elapsed(&self, minute: usize) -> Option<i64> {
        let (periods, Period::Calendar(calendar)) =
            (self.subject.periods.as_ref()?, &self.subject.slo.period)
        else {
            return None;
        };
        let seconds = i64::try_from(minute).ok()? * 60 - 60 + periods.ahead();
        let now = TimeZone::UTC.to_datetime(Timestamp::from_second(seconds).ok()?);
        let start = super::period::beginning(calendar, now)?;
        Some(now.duration_since(start).as_secs())
    }

    /// The share of a window for which slices were measured.
    pub(super) fn coverage(&self, window: Window, minute: usize) -> Option<f64> {
        let slices = self.is_silent.get(self.first(window, minute)..minute)?;
        let measured = slices.iter().filter(|silent| !**silent).count();
        let measured = u32::try_from(measured).ok().filter(|measured| *measured > 0)?;
        Some(f64::from(measured) / Count::new(window.seconds() / SLICE).as_f64())
    }

    /// Whether there was no slice in the last ten minutes, of which the rules saw some. Not to be asked in the eleventh, which
    /// depends on whether the ends of a range count.
    pub(super) fn is_unmeasured(&self, minute: usize) -> bool {
        if u64::try_from(minute).is_ok_and(|minute| minute < WATCHED) {
            return false;
        }
        let mut last = (minute.saturating_sub(10)..=minute).filter_map(|minute| minute.checked_sub(1));
        last.all(|index| self.is_silent.get(index).copied().unwrap_or(true))
    }

    /// Whether an alert fires at the end of a minute.
    pub(super) fn is_firing(&self, severity: Severity, minute: usize) -> bool {
        let firing = self.firing.get(&severity).zip(minute.checked_sub(1));
        firing.and_then(|(firing, index)| firing.get(index)).copied().unwrap_or(false)
    }

    /// The first minute from one on at whose end an alert fires, or does not.
    pub(super) fn first_that(&self, severity: Severity, from: usize, fires: Firing) -> Option<usize> {
        (from..=self.counts.len()).find(|minute| self.is_firing(severity, *minute) == (fires == Firing::Yes))
    }

    fn first(&self, window: Window, minute: usize) -> usize {
        minute.saturating_sub(usize::try_from(window.seconds() / SLICE).unwrap_or(usize::MAX))
    }

    const fn alert(&self, severity: Severity) -> &'a Alert {
        match severity {
            Severity::Page => &self.subject.slo.alerting.page,
            Severity::Ticket => &self.subject.slo.alerting.ticket,
        }
    }

    /// Whether an alert's condition is true at the end of a minute.
    fn holds(&self, severity: Severity, minute: usize, was: bool) -> bool {
        if self.alert(severity).is_disabled {
            return false;
        }
        let tiers = || self.subject.tiers.iter().filter(|tier| tier.severity == severity);
        let Some(shortest) = tiers().map(|tier| tier.short).min() else { return false };
        let recent = self.is_silent.get(self.first(shortest, minute)..minute).unwrap_or_default();
        let is_unmeasured = recent.iter().all(|silent| *silent);
        tiers().any(|tier| self.burns(tier, minute)) || is_unmeasured && was
    }

    /// Whether all but the long window's burn asks for an alert.
    pub(super) fn burns_but_for_long(&self, tier: &Tier, minute: usize) -> bool {
        self.is_over(tier, tier.short, minute)
            && !self.is_over(tier, tier.long, minute)
            && self.is_evident(tier, minute)
    }

    /// Whether a tier, and no other one of its severity, asks for an alert.
    pub(super) fn burns_alone(&self, tier: &Tier, minute: usize) -> bool {
        let burning = self.subject.tiers.iter().filter(|other| self.burns(other, minute));
        burning.filter(|other| other.severity == tier.severity).eq([tier])
    }

    fn burns(&self, tier: &Tier, minute: usize) -> bool {
        self.is_over(tier, tier.long, minute)
            && self.is_over(tier, tier.short, minute)
            && self.is_evident(tier, minute)
    }

    /// Whether a window burns faster than a tier allows.
    pub(super) fn is_over(&self, tier: &Tier, window: Window, minute: usize) -> bool {
        let limit = rounded(tier.factor * self.subject.allowed);
        self.ratio(window, minute).is_some_and(|ratio| ratio > limit)
    }

    /// Whether there are enough bad events, and too many to be chance.
    fn is_evident(&self, tier: &Tier, minute: usize) -> bool {
        let allowed = self.subject.allowed;
        let is_sure = || {
            let (all, bad) = self.sums(tier.long, minute).unwrap_or_default();
            let lower = wilson(whole(bad), whole(all)).map(|interval| interval.0.get());
            bad >= f64::from(MIN_BAD) && lower.is_some_and(|lower| lower > allowed)
        };
        !self.subject.is_counted || is_sure()
    }
}

/// Which way an alert goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Firing {
    Yes,
    No,
}

/// What a minute adds: its events, or at the end of a slice of time that slice. What is composed of others counts minutes.
fn counted(subject: &Subject<'_>, history: &History, minute: usize) -> Option<(f64, f64)> {
    let slice = subject.timeslice();
    if slice.is_none() && subject.parts.is_empty() {
        let (good, bad) = history.minute(minute)?.events()?;
        return Some((f64::from(good + bad), f64::from(bad)));
    }
    let share = share(history, minute, slice)?;
    Some((1.0, verdict(subject.slo.method, composed(subject, share))))
}

/// The share of bad events of the slice that ends with a minute: 0 of none where half of it was measured, and none elsewhere.
pub(super) fn share(history: &History, minute: usize, slice: Option<Window>) -> Option<f64> {
    let length = slice.map_or(Ok(1), |slice| usize::try_from(slice.seconds() / SLICE)).ok()?;
    if minute == 0 || length == 0 || !minute.is_multiple_of(length) {
        return None;
    }
    let measured: Vec<_> =
        (minute + 1 - length..=minute).filter_map(|minute| history.minute(minute)?.events()).collect();
    let (good, bad) = measured.iter().fold((0, 0), |(good, bad), (more, worse)| (good + more, bad + worse));
    match good + bad {
        0 => (2 * measured.len() >= length).then_some(0.0),
        all => Some(f64::from(bad) / f64::from(all)),
    }
}

/// How bad a slice is.
pub(super) fn verdict(method: Method, share: f64) -> f64 {
    match method {
        Method::Timeslices { target, .. } => f64::from(u8::from(share > target.complement().get())),
        Method::Occurrences | Method::RatioTimeslices { .. } => share,
    }
}

/// The share of bad events of the whole, of whose parts the first has that share; without weights, the second, too.
fn composed(subject: &Subject<'_>, of_first: f64) -> f64 {
    let Some(first) = subject.parts.first() else { return of_first };
    let heard = (0..).zip(&subject.parts).filter(|(index, _)| !super::feed::is_quiet(subject, *index));
    let all: f64 = heard.filter_map(|(_, part)| part.weight).sum();
    let is_missed = |part: &Part<'_>| verdict(part.slo.method, of_first) > part.allowed();
    match first.weight {
        Some(weight) => weight * verdict(first.slo.method, of_first) / all,
        None => f64::from(u8::from(subject.parts.iter().take(2).any(is_missed))),
    }
}

/// Shares of slices add up to what is rarely whole; a bound is asked for the whole below.
pub(super) fn whole(count: f64) -> Count {
    let seconds = std::time::Duration::try_from_secs_f64(count + 1e-9).unwrap_or_default();
    Count::new(seconds.as_secs())
}
