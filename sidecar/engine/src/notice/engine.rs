//! Opens, updates and resolves notices.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use mapwarden_contract::{Count, Nanos, UnixNanos, UserSketch};

use super::alone::Alone;
use super::evidence::Crowd;
use super::onset::{Onset, onset};
use super::open::{Cause, Open, blank};
use super::silence::Silences;
use super::{Event, Notice, NoticeEvent, State, trigger};
use crate::aggregate::objective::ObjectiveState;
use crate::aggregate::slot::{Counts, Level};
use crate::aggregate::users::{REACH, UserRing};
use crate::aggregate::{WindowView, timestamp};
use crate::budget::{BudgetState, Rise, Tier};
use mapwarden_objective::wilson;

/// How long an objective must be kept before its notice is resolved. Lowered, a fault that flickers makes
/// several notices; raised, the all-clear comes later.
const RECOVERY: Nanos = Nanos::from_secs(15);

/// How far back notices count that were resolved and opened again.
const FLICKER: Nanos = Nanos::from_secs(3_600);

/// How often the recovery doubles at most: from 15 s to 8 minutes.
const MAX_DOUBLINGS: usize = 5;

/// The shortest stretch that decides whether a fault still goes on.
const RECENT: Nanos = Nanos::from_secs(10);

/// How many resolved notices are kept.
const RESOLVED: usize = 100;

/// All notices. Stage state: one [`Notices::step`] at a time, which is pure but for what it keeps.
#[derive(Default)]
pub struct Notices {
    open: BTreeMap<String, Open>,
    silences: Silences,
    resolved: VecDeque<Notice>,
    floors: BTreeMap<String, UnixNanos>,
    alone: Alone,
    counters: Counters,
}

/// What notices did since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Opened.
    pub opened: u64,
    /// Updated.
    pub updated: u64,
    /// Resolved.
    pub resolved: u64,
    /// Mandatory parts of resolved notices: (present, missing) by part.
    pub parts: BTreeMap<&'static str, (u64, u64)>,
}

/// A notice as the store keeps it, with the users it goes on counting.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The notice.
    pub notice: Notice,
    /// The tier by which it goes on; none once resolved.
    pub tier: Option<Tier>,
    /// The end of the fault before, in nanoseconds since 1970.
    pub floor: UnixNanos,
    /// The users that it goes on counting.
    pub users: KeptCrowd,
    /// The tenants, likewise.
    pub tenants: KeptCrowd,
}

/// Users or tenants as [`UserSketch::encode`] writes them; empty once a notice is resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptCrowd {
    /// Those who met a bad event.
    pub affected: Vec<u8>,
    /// Those who were there.
    pub active: Vec<u8>,
}

impl KeptCrowd {
    fn of(crowd: &Crowd) -> Self {
        Self { affected: crowd.affected.encode(), active: crowd.active.encode() }
    }

    fn restore(&self) -> Crowd {
        Crowd {
            affected: UserSketch::decode(&self.affected).unwrap_or_default(),
            active: UserSketch::decode(&self.active).unwrap_or_default(),
        }
    }
}

/// One objective under examination.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) id: &'a str,
    pub(super) objective: &'a ObjectiveState,
    pub(super) budget: &'a BudgetState,
    pub(super) view: &'a WindowView<'a>,
}

/// Whether a fault still goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Burning {
    Yes,
    /// Surely not, by these events.
    No(Counts),
    Undecided,
}

impl Notices {
    /// Looks at every objective and says what happened to notices.
    pub fn step(
        &mut self,
        view: &WindowView<'_>,
        budgets: &BTreeMap<String, BudgetState>,
    ) -> Vec<NoticeEvent> {
        let mut events = Vec::new();
        for (id, objective) in view.objectives() {
            let Some(budget) = budgets.get(id) else { continue };
            let case = Case { id, objective, budget, view };
            let happened = match self.open.remove(id) {
                Some(open) => self.go_on(case, open),
                None => self.begin(case),
            };
            let silence = self.silences.look(case);
            for (event, notice) in happened.into_iter().chain(silence) {
                match event {
                    Event::Opened => self.counters.opened += 1,
                    Event::Updated => self.counters.updated += 1,
                    Event::Resolved => {
                        self.counters.resolved += 1;
                        self.resolved.push_front(notice.clone());
                        self.resolved.truncate(RESOLVED);
                    }
                }
                events.push(NoticeEvent { event, notice: Arc::new(notice) });
            }
        }
        events.extend(self.end_orphans(view));
        events
    }

    /// Ends the notices whose objective is no more: renamed, or taken out of the configuration.
    fn end_orphans(&mut self, view: &WindowView<'_>) -> Vec<NoticeEvent> {
        let known: BTreeSet<&String> = view.objectives().map(|(id, _)| id).collect();
        self.alone.keep(|slo| known.contains(slo));
        let orphans: Vec<_> = self.open.extract_if(.., |slo, _| !known.contains(slo)).collect();
        let silent = self.silences.orphans(|slo| known.contains(slo));
        let ended = orphans.into_iter().map(|(_, open)| open.notice).chain(silent).map(|mut notice| {
            notice.state = State::Resolved;
            notice.resolved = Some(timestamp(view.now));
            notice.summary.push_str("; ended because the objective is no more");
            self.counters.resolved += 1;
            if !trigger::is_of_silence(&notice) {
                self.counters.count_parts(&notice);
            }
            self.resolved.push_front(notice.clone());
            self.resolved.truncate(RESOLVED);
            NoticeEvent { event: Event::Resolved, notice: Arc::new(notice) }
        });
        ended.collect()
    }

    fn begin(&mut self, case: Case<'_>) -> Option<(Event, Notice)> {
        let Case { id, objective, budget, view } = case;
        let floor = self.floors.get(id).copied().unwrap_or(UnixNanos::EPOCH);
        let is_new = |tier: Tier| match burning(tier, objective, floor, view.now) {
            Burning::Yes => true,
            Burning::Undecided => floor == UnixNanos::EPOCH,
            Burning::No(_) => false,
        };
        let fired = firing(budget).find(|tier| is_new(*tier));
        let louder = |rise: &&Rise| fired.is_none_or(|tier| rise.tier.severity() > tier.severity());
        let rise = self.risen(id, budget, view.now).filter(louder).filter(|rise| is_new(rise.tier));
        let cause = match (rise, fired) {
            (Some(rise), _) => Cause { tier: rise.tier, trigger: trigger::risen(rise) },
            (None, Some(tier)) => Cause { tier, trigger: trigger::fired(tier) },
            (None, None) => return None,
        };
        let tier = cause.tier;
        let onset = onset(objective.slots(), objective.interval(), floor, view.now)?;
        // Users are kept for ten minutes: of an older fault, the first ones are not known, and `since` says so.
        let users_since = UserRing::slot_start(onset.at.max(view.now.before(REACH)));
        let mut open = Open {
            notice: blank(id, objective, &cause, view.now),
            tier,
            onset,
            floor,
            users_since,
            users: Crowd::default(),
            tenants: Crowd::default(),
            burning_at: view.now,
            opened_at: view.now,
            told: 0,
        };
        open.refresh(case);
        let notice = open.notice.clone();
        self.open.insert(id.to_owned(), open);
        Some((Event::Opened, notice))
    }

    fn go_on(&mut self, case: Case<'_>, mut open: Open) -> Option<(Event, Notice)> {
        let Case { id, objective, budget, view } = case;
        open.tier = agreed(open.tier, budget);
        let rise = self.risen(id, budget, view.now);
        let firing_now = || firing(budget).chain(rise.map(|rise| rise.tier));
        let louder = firing_now().find(|tier| tier.severity() > open.tier.severity());
        open.tier = louder.unwrap_or(open.tier);
        let agrees = |tier: &Tier| tier.severity() >= open.tier.severity();
        let agreed = firing(budget).find(agrees);
        // A quieter tier had opened it: that it is as loud as this, only the test says.
        if let (Some(_), None, Some(rise)) = (louder, agreed, rise) {
            open.notice.trigger = Some(trigger::risen(rise));
        }
        let is_firing = firing_now().any(|tier| tier == open.tier);
        if let Some(trigger) = &mut open.notice.trigger {
            trigger.tier = trigger.tier.take().or_else(|| Some(agreed?.name().into_owned()));
        }
        let goes_on = match burning(open.tier, objective, open.floor, view.now) {
            Burning::Yes => true,
            Burning::No(counts) => {
                let quieter = quieter(open.tier, objective, budget, &counts);
                open.tier = quieter.unwrap_or(open.tier);
                quieter.is_some()
            }
            Burning::Undecided => is_firing,
        };
        if goes_on {
            open.burning_at = open.burning_at.max(last_bad(open.tier, objective, view.now));
        }
        open.refresh(case);
        let recovery = self.recovery(id, view.now);
        if !goes_on && is_recovered(objective, open.burning_at, recovery, view.now) {
            open.notice.state = State::Resolved;
            open.notice.resolved = Some(timestamp(view.now));
            self.counters.count_parts(&open.notice);
            self.floors.insert(id.to_owned(), open.burning_at);
            self.alone.note(&open.notice, view.now);
            return Some((Event::Resolved, open.notice));
        }
        let is_due = open.is_due(view.now);
        open.skip_to(view.now);
        let told = (is_due || louder.is_some()).then(|| (Event::Updated, open.notice.clone()));
        self.open.insert(id.to_owned(), open);
        told
    }

    /// The rise of which the sequential test alone would tell. It asks for twice the cost for each notice of the last 30
    /// days that it opened and no tier of its severity ever joined: what heals by itself wakes nobody every night.
    fn risen<'a>(&self, slo: &str, budget: &'a BudgetState, now: UnixNanos) -> Option<&'a Rise> {
        budget.rise.as_ref().filter(|rise| rise.is_firing(self.alone.times(slo, now)))
    }

    /// How long the objective must be kept: twice as long for each of its notices that was resolved within the
    /// last hour, so that a fault that comes and goes is one notice, not one a minute.
    fn recovery(&self, slo: &str, now: UnixNanos) -> Nanos {
        let hour_ago = timestamp(now.before(FLICKER));
        let again = self.resolved.iter().filter(|notice| {
            notice.slo == slo && notice.resolved > Some(hour_ago) && !trigger::is_of_silence(notice)
        });
        let times = again.count().min(MAX_DOUBLINGS);
        (0..times).fold(RECOVERY, |recovery, _| Nanos::new(recovery.get() * 2))
    }

    /// Every notice: open ones first, then the resolved, each newest first.
    pub fn all(&self) -> Vec<Notice> {
        let faults = self.open.values().map(|open| &open.notice);
        let mut open: Vec<_> = faults.chain(self.silences.all()).cloned().collect();
        open.sort_by(|a, b| b.id.cmp(&a.id));
        open.into_iter().chain(self.resolved.iter().cloned()).collect()
    }

    /// The id of the open notice of an objective.
    pub fn of(&self, slo: &str) -> Option<&str> {
        self.open.get(slo).map(|open| open.notice.id.as_str())
    }

    /// Since when the fault goes on for which a notice is open.
    pub fn onset(&self, slo: &str) -> Option<UnixNanos> {
        self.open.get(slo).map(|open| open.onset.at)
    }

    /// What notices did.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What the store keeps of a notice.
    pub fn keep(&self, notice: &Notice) -> Kept {
        let notice = notice.clone();
        match self.open.get(&notice.slo).filter(|open| open.notice.id == notice.id) {
            Some(open) => Kept {
                notice,
                tier: Some(open.tier),
                floor: open.floor,
                users: KeptCrowd::of(&open.users),
                tenants: KeptCrowd::of(&open.tenants),
            },
            None => Kept {
                notice,
                tier: None,
                floor: UnixNanos::EPOCH,
                users: KeptCrowd::default(),
                tenants: KeptCrowd::default(),
            },
        }
    }

    /// Puts back what the store kept, in any order.
    pub fn restore(&mut self, kept: Vec<Kept>) {
        for Kept { notice, tier, floor, users, tenants } in kept {
            let times =
                |time: jiff::Timestamp| UnixNanos::new(u64::try_from(time.as_nanosecond()).unwrap_or(0));
            if trigger::is_of_silence(&notice) {
                match notice.state {
                    State::Open => self.silences.restore(notice),
                    State::Resolved => self.resolved.push_back(notice),
                }
                continue;
            }
            if notice.state == State::Resolved {
                let floor = self.floors.entry(notice.slo.clone()).or_default();
                *floor = (*floor).max(times(notice.impact.until));
                self.alone.note(&notice, times(notice.resolved.unwrap_or(notice.updated)));
                self.resolved.push_back(notice);
                continue;
            }
            let quietest = || Tier::ALL.into_iter().rev().find(|tier| tier.severity() == notice.severity);
            let mut open = Open {
                tier: tier.or_else(quietest).unwrap_or(Tier::SLOW_TICKET),
                onset: Onset { at: times(notice.onset), uncertainty: notice.onset_uncertainty },
                floor,
                users_since: times(notice.impact.since),
                users: users.restore(),
                tenants: tenants.restore(),
                burning_at: times(notice.updated),
                opened_at: times(notice.opened),
                told: 0,
                notice,
            };
            open.skip_to(open.burning_at);
            self.open.insert(open.notice.slo.clone(), open);
        }
        self.resolved.make_contiguous().sort_by(|a, b| b.id.cmp(&a.id));
        self.resolved.truncate(RESOLVED);
    }
}

impl Counters {
    fn count_parts(&mut self, notice: &Notice) {
        let sli = notice.slis.first().is_some_and(|sli| sli.delta.value().is_some());
        let parts = [
            ("sli_delta", sli),
            ("recent_changes", notice.recent_changes.value().is_some()),
            ("impact", notice.impact.affected_users.value().is_some()),
            ("dependencies", notice.dependencies.value().is_some()),
        ];
        for (part, is_present) in parts {
            let (present, missing) = self.parts.entry(part).or_default();
            *(if is_present { present } else { missing }) += 1;
        }
    }
}

/// The objective's own tier of that name; where it has none, after a restart or under other terms, the quietest of the
/// same severity.
fn agreed(tier: Tier, budget: &BudgetState) -> Tier {
    let own = || budget.tiers.iter().map(|state| state.tier);
    let named = own().find(|own| own.name() == tier.name());
    named.or_else(|| own().rfind(|own| own.severity() == tier.severity())).unwrap_or(tier)
}

fn firing(budget: &BudgetState) -> impl Iterator<Item = Tier> {
    budget.tiers.iter().filter(|state| state.is_firing).map(|state| state.tier)
}

/// Whether the burn rate of the last seconds is surely above or below a tier's factor. The stretch is doubled
/// until that can be told, up to the tier's short window, and never reaches back before `floor`.
fn burning(tier: Tier, objective: &ObjectiveState, floor: UnixNanos, now: UnixNanos) -> Burning {
    let mut span = RECENT;
    while span <= tier.short().length() {
        let from = now.before(span).max(floor);
        let counts = objective.slots().since(from, now);
        let evidence = objective.as_evidence(counts);
        if let Some((lower, upper)) = wilson(evidence.bad, evidence.total()) {
            if lower.get() > limit(tier, objective) {
                return Burning::Yes;
            }
            if upper.get() < limit(tier, objective) {
                return Burning::No(counts);
            }
        }
        span = Nanos::new(span.get() * 2);
    }
    Burning::Undecided
}

/// The error ratio above which a tier burns.
fn limit(tier: Tier, objective: &ObjectiveState) -> f64 {
    tier.factor() * objective.definition.target.complement().get()
}

/// Whether events surely burn a tier.
fn is_over(tier: Tier, objective: &ObjectiveState, counts: &Counts) -> bool {
    let evidence = objective.as_evidence(*counts);
    wilson(evidence.bad, evidence.total()).is_some_and(|(lower, _)| lower.get() > limit(tier, objective))
}

/// The tier of the same severity that fires and that the events which speak against `tier` surely burn: the
/// fault has grown quieter, but is not over.
fn quieter(tier: Tier, objective: &ObjectiveState, budget: &BudgetState, counts: &Counts) -> Option<Tier> {
    firing(budget)
        .filter(|other| other.severity() == tier.severity())
        .find(|other| is_over(*other, objective, counts))
}

/// The end of the last second of the recent stretch that surely burned; where seconds hold too few events to be
/// sure, of the last one with a bad event; now, where there is none.
fn last_bad(tier: Tier, objective: &ObjectiveState, now: UnixNanos) -> UnixNanos {
    let slots = || objective.slots().at_level(Level::Second, now.before(RECENT));
    let sure = slots().filter(|(_, counts)| is_over(tier, objective, counts)).last();
    let last = sure.or_else(|| slots().filter(|(_, counts)| counts.bad > Count::ZERO).last());
    last.map_or(now, |(start, _)| (start + Level::Second.width()).min(now))
}

/// Whether the objective has been kept, and measured, for long enough since the fault last went on.
fn is_recovered(objective: &ObjectiveState, burning_at: UnixNanos, recovery: Nanos, now: UnixNanos) -> bool {
    let quiet = now.since(burning_at);
    let covered = objective.slots().since(burning_at, now).covered;
    quiet >= recovery && covered.get() >= quiet.get() / 2
}
