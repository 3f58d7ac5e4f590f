//! Comes in: a history. Goes out: the values that the rules of an objective must record for it, by plain sums over
//! minutes. Never reads a rule: promtool compares the two.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use mapwarden_contract::Count;
use mapwarden_objective::{MIN_BAD, Period, Severity, wilson};

use super::history::{History, Minute};
use super::time_slices::{is_quiet, share, verdict};
use crate::alert::{WATCHED, seconds};
use crate::resolved::{CompositeMember, ResolvedSlo};
use crate::tier::{RuleTier, rounded};
use crate::window::{RuleWindow, SLOT};

/// The expected values of a history.
#[derive(Debug)]
pub(super) struct Oracle<'a> {
    objective: &'a ResolvedSlo<'a>,
    /// All and bad events of each minute from 1 on, as the objective counts; none where nothing was measured.
    counts: Vec<Option<(f64, f64)>>,
    is_silent: Vec<bool>,
    firing: BTreeMap<Severity, Vec<bool>>,
}

impl<'a> Oracle<'a> {
    /// Returns the expected values of rules that are evaluated every minute.
    pub(super) fn new(objective: &'a ResolvedSlo<'a>, history: &History) -> Self {
        Self::every(1, objective, history)
    }

    /// Returns the expected values of rules that are evaluated every `step` minutes.
    pub(super) fn every(step: usize, objective: &'a ResolvedSlo<'a>, history: &History) -> Self {
        let is_silent = history.minutes.iter().map(|minute| *minute == Minute::Silent).collect();
        let counts = (1..=history.minutes.len()).map(|minute| counted(objective, history, minute)).collect();
        let mut oracle = Self { objective, counts, is_silent, firing: BTreeMap::new() };
        for severity in Severity::ALL {
            let (mut firing, mut since) = (Vec::new(), None);
            for minute in 1..=history.minutes.len() {
                let was = firing.last().copied().unwrap_or(false);
                if !minute.is_multiple_of(step) {
                    firing.push(was);
                    continue;
                }
                since = oracle.holds(severity, minute, was).then(|| since.unwrap_or(minute));
                let alert = objective.slo.alerting.alert(severity);
                let waits = usize::try_from(seconds(alert).div_ceil(SLOT)).unwrap_or(usize::MAX);
                firing.push(since.is_some_and(|since| minute - since >= waits));
            }
            oracle.firing.insert(severity, firing);
        }
        oracle
    }

    /// Returns all and bad events of a window that ends with a minute.
    pub(super) fn sums(&self, window: RuleWindow, minute: usize) -> Option<(f64, f64)> {
        let known = self.counts.get(self.first(window, minute)..minute)?.iter().flatten();
        known.copied().reduce(|(all, bad), (more, worse)| (all + more, bad + worse))
    }

    /// Returns the error ratio of a window; none without an event.
    pub(super) fn ratio(&self, window: RuleWindow, minute: usize) -> Option<f64> {
        let (all, bad) = self.sums(window, minute)?;
        (all > 0.0).then(|| (bad / all).min(1.0))
    }

    /// Returns the remaining budget of the period.
    pub(super) fn remaining(&self, minute: usize) -> Option<f64> {
        let spent = match &self.objective.periods {
            None => self.ratio(self.objective.period, minute)?,
            Some(_) => {
                let (all, bad) = self.period_sums(minute).filter(|(all, _)| *all > 0.0)?;
                (bad / all).min(1.0)
            }
        };
        Some(1.0 - spent / self.objective.allowed)
    }

    /// Returns all and bad events of the calendar period until a minute.
    pub(super) fn period_sums(&self, minute: usize) -> Option<(f64, f64)> {
        let known = self.counts.get(self.period_first(minute)?..minute)?.iter().flatten();
        known.copied().reduce(|(all, bad), (more, worse)| (all + more, bad + worse))
    }

    /// Returns the share of the calendar period until a minute for which slots were measured.
    pub(super) fn period_coverage(&self, minute: usize) -> Option<f64> {
        let first = self.period_first(minute)?;
        let measured = self.is_silent.get(first..minute)?.iter().filter(|silent| !**silent).count();
        let measured = u32::try_from(measured).ok().filter(|measured| *measured > 0)?;
        let elapsed = self.elapsed(minute)?.div_euclid(60) + 1;
        Some(f64::from(measured) / f64::from(i32::try_from(elapsed).ok()?))
    }

    /// Returns the index of the first minute of the calendar period.
    fn period_first(&self, minute: usize) -> Option<usize> {
        let before = usize::try_from(self.elapsed(minute)?.div_euclid(60)).ok()?;
        Some((minute - 1).saturating_sub(before))
    }

    /// Returns the seconds from the beginning of the calendar period to the middle of the slot of a minute.
    fn elapsed(&self, minute: usize) -> Option<i64> {
        let (periods, Period::Calendar(calendar)) =
            (self.objective.periods.as_ref()?, &self.objective.slo.period)
        else {
            return None;
        };
        let seconds = i64::try_from(minute).ok()? * 60 - 60 + periods.ahead();
        let now = TimeZone::UTC.to_datetime(Timestamp::from_second(seconds).ok()?);
        let start = super::period::beginning(calendar, now)?;
        Some(now.duration_since(start).as_secs())
    }

    /// Returns the share of a window for which slots were measured.
    pub(super) fn coverage(&self, window: RuleWindow, minute: usize) -> Option<f64> {
        let slots = self.is_silent.get(self.first(window, minute)..minute)?;
        let measured = slots.iter().filter(|silent| !**silent).count();
        let measured = u32::try_from(measured).ok().filter(|measured| *measured > 0)?;
        Some(f64::from(measured) / Count::new(window.seconds() / SLOT).as_f64())
    }

    /// Whether there was no slot in the last ten minutes, of which the rules were evaluated in some. The eleventh
    /// minute is not tested: it depends on whether the ends of a range count.
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

    /// Returns the first minute from `from` on at the end of which an alert fires, or does not fire.
    pub(super) fn first_that(&self, severity: Severity, from: usize, fires: Firing) -> Option<usize> {
        (from..=self.counts.len()).find(|minute| self.is_firing(severity, *minute) == (fires == Firing::Yes))
    }

    fn first(&self, window: RuleWindow, minute: usize) -> usize {
        minute.saturating_sub(usize::try_from(window.seconds() / SLOT).unwrap_or(usize::MAX))
    }

    /// Whether an alert's condition is true at the end of a minute.
    fn holds(&self, severity: Severity, minute: usize, was: bool) -> bool {
        if self.objective.slo.alerting.alert(severity).is_disabled {
            return false;
        }
        let tiers = || self.objective.tiers.iter().filter(|tier| tier.severity == severity);
        let Some(shortest) = tiers().map(|tier| tier.short).min() else { return false };
        let recent = self.is_silent.get(self.first(shortest, minute)..minute).unwrap_or_default();
        let is_unmeasured = recent.iter().all(|silent| *silent);
        tiers().any(|tier| self.burns(tier, minute)) || is_unmeasured && was
    }

    /// Whether all conditions of an alert hold, except the burn of the long window.
    pub(super) fn burns_but_for_long(&self, tier: &RuleTier, minute: usize) -> bool {
        self.is_over(tier, tier.short, minute)
            && !self.is_over(tier, tier.long, minute)
            && self.is_evident(tier, minute)
    }

    /// Whether a tier fires, and no other of its severity.
    pub(super) fn burns_alone(&self, tier: &RuleTier, minute: usize) -> bool {
        let burning = self.objective.tiers.iter().filter(|other| self.burns(other, minute));
        burning.filter(|other| other.severity == tier.severity).eq([tier])
    }

    fn burns(&self, tier: &RuleTier, minute: usize) -> bool {
        self.is_over(tier, tier.long, minute)
            && self.is_over(tier, tier.short, minute)
            && self.is_evident(tier, minute)
    }

    /// Whether the burn rate of a window exceeds the factor of a tier.
    pub(super) fn is_over(&self, tier: &RuleTier, window: RuleWindow, minute: usize) -> bool {
        let limit = rounded(tier.factor * self.objective.allowed);
        self.ratio(window, minute).is_some_and(|ratio| ratio > limit)
    }

    /// Whether there are enough bad events, and more than chance explains.
    fn is_evident(&self, tier: &RuleTier, minute: usize) -> bool {
        let allowed = self.objective.allowed;
        let is_sure = || {
            let (all, bad) = self.sums(tier.long, minute).unwrap_or_default();
            let lower = wilson(whole(bad), whole(all)).map(|interval| interval.0.get());
            bad >= MIN_BAD.as_f64() && lower.is_some_and(|lower| lower > allowed)
        };
        !self.objective.is_counted || is_sure()
    }
}

/// Whether an alert fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Firing {
    Yes,
    No,
}

/// Returns the counts of a minute: its events, or at the end of a time slice that time slice. A composite counts
/// minutes.
fn counted(objective: &ResolvedSlo<'_>, history: &History, minute: usize) -> Option<(f64, f64)> {
    let slice = objective.time_slice();
    if slice.is_none() && objective.members.is_empty() {
        let (good, bad) = history.minute(minute)?.events()?;
        return Some((f64::from(good + bad), f64::from(bad)));
    }
    let share = share(history, minute, slice)?;
    Some((1.0, verdict(objective.slo.method, composed(objective, share))))
}

/// Returns the share of bad events of a composite, of which the first member has the share `of_first`; without weights,
/// the second has it too.
fn composed(objective: &ResolvedSlo<'_>, of_first: f64) -> f64 {
    let Some(first) = objective.members.first() else { return of_first };
    let with_events = (0..).zip(&objective.members).filter(|(index, _)| !is_quiet(objective, *index));
    let all: f64 = with_events.filter_map(|(_, member)| member.weight).sum();
    let is_missed = |member: &CompositeMember<'_>| verdict(member.slo.method, of_first) > member.allowed();
    match first.weight {
        Some(weight) => weight * verdict(first.slo.method, of_first) / all,
        None => f64::from(u8::from(objective.members.iter().take(2).any(is_missed))),
    }
}

/// Rounds down: sums of shares are rarely whole, and the confidence bound needs whole counts.
pub(super) fn whole(count: f64) -> Count {
    let seconds = std::time::Duration::try_from_secs_f64(count + 1e-9).unwrap_or_default();
    Count::new(seconds.as_secs())
}
