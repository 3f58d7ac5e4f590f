//! Opens, updates and resolves notices. Comes in: the view and the budgets of one moment. Goes out: transitions of notices.
//! Never measures evidence: an open notice does.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use mapwarden_contract::{Nanos, UnixNanos};

use super::burning::{Burning, burning, current_tier, firing, is_recovered, last_bad, quieter};
use super::content::{Notice, NoticeEvent, NoticeState, Transition};
use super::counters::NoticeCounters;
use super::evaluated::EvaluatedObjective;
use super::evidence::ImpactSketches;
use super::no_data::NoDataNotices;
use super::onset::{Onset, onset};
use super::open_notice::{OpenNotice, OpeningCause, blank};
use super::stored::{StoredNotice, StoredSketches};
use super::trigger::Trigger;
use super::unconfirmed::UnconfirmedNotices;
use crate::aggregate::users::{REACH, UserRing};
use crate::aggregate::{WindowView, timestamp};
use crate::budget::{BudgetState, SequentialState, Tier};

/// How long an objective must be met before its notice is resolved. Lowered, a fault that flickers makes several notices;
/// raised, the resolution comes later.
const RECOVERY: Nanos = Nanos::from_secs(15);

/// How far back notices count that were resolved and opened again.
const FLICKER: Nanos = Nanos::from_secs(3_600);

/// How often the recovery doubles at most: from 15 s to 8 minutes.
const MAX_DOUBLINGS: usize = 5;

/// How many resolved notices are kept.
const RESOLVED: usize = 100;

/// All notices. Stage state: one [`Notices::step`] at a time, a pure function of its arguments and this state.
#[derive(Default)]
pub struct Notices {
    open: BTreeMap<String, OpenNotice>,
    no_data: NoDataNotices,
    resolved: VecDeque<Notice>,
    floors: BTreeMap<String, UnixNanos>,
    unconfirmed: UnconfirmedNotices,
    counters: NoticeCounters,
}

impl Notices {
    /// Evaluates every objective and returns what happened to notices.
    pub fn step(
        &mut self,
        view: &WindowView<'_>,
        budgets: &BTreeMap<String, BudgetState>,
    ) -> Vec<NoticeEvent> {
        let mut events = Vec::new();
        for (id, objective) in view.objectives() {
            let Some(budget) = budgets.get(id) else { continue };
            let evaluated = EvaluatedObjective { id, objective, budget, view };
            let of_fault = match self.open.remove(id) {
                Some(open) => self.go_on(evaluated, open),
                None => self.begin(evaluated),
            };
            let of_silence = self.no_data.step(evaluated);
            for (transition, notice) in of_fault.into_iter().chain(of_silence) {
                events.push(self.record(transition, notice));
            }
        }
        events.extend(self.end_orphans(view));
        events
    }

    /// Counts a transition, and keeps the notice once it is resolved.
    fn record(&mut self, event: Transition, notice: Notice) -> NoticeEvent {
        self.counters.count(event);
        if event == Transition::Resolved {
            self.resolved.push_front(notice.clone());
            self.resolved.truncate(RESOLVED);
        }
        NoticeEvent { event, notice: Arc::new(notice) }
    }

    /// Ends the notices of objectives that no longer exist: renamed, or taken out of the configuration.
    fn end_orphans(&mut self, view: &WindowView<'_>) -> Vec<NoticeEvent> {
        let known: BTreeSet<&String> = view.objectives().map(|(id, _)| id).collect();
        self.unconfirmed.keep(|slo| known.contains(slo));
        let of_faults = self.open.extract_if(.., |slo, _| !known.contains(slo));
        let mut orphans: Vec<Notice> = of_faults.map(|(_, open)| open.notice).collect();
        orphans.extend(self.no_data.take_orphans(|slo| known.contains(slo)));
        let ended = orphans.into_iter().map(|mut notice| {
            notice.resolve(timestamp(view.now), "; ended because the objective no longer exists");
            if !notice.is_no_data() {
                self.counters.count_parts(&notice);
            }
            self.record(Transition::Resolved, notice)
        });
        ended.collect()
    }

    /// Opens a notice, if a tier or the sequential test fires and the objective still burns.
    fn begin(&mut self, evaluated: EvaluatedObjective<'_>) -> Option<(Transition, Notice)> {
        let EvaluatedObjective { id, objective, budget, view } = evaluated;
        let floor = self.floors.get(id).copied().unwrap_or(UnixNanos::EPOCH);
        let is_new = |tier: Tier| match burning(tier, objective, floor, view.now) {
            Burning::Yes => true,
            Burning::Undecided => floor == UnixNanos::EPOCH,
            Burning::No(_) => false,
        };
        let fired = firing(budget).find(|tier| is_new(*tier));
        let louder =
            |state: &&SequentialState| fired.is_none_or(|tier| state.tier.severity() > tier.severity());
        let sequential = self.sequential(id, budget, view.now).filter(louder);
        let cause = match (sequential.filter(|state| is_new(state.tier)), fired) {
            (Some(state), _) => OpeningCause { tier: state.tier, trigger: Trigger::sequential(state) },
            (None, Some(tier)) => OpeningCause { tier, trigger: Trigger::tier(tier) },
            (None, None) => return None,
        };
        let onset = onset(objective.slots(), objective.interval(), floor, view.now)?;
        // Users are kept for ten minutes: of an older fault, the first ones are not known, and `since` is later.
        let users_since = UserRing::slot_start(onset.at.max(view.now.before(REACH)));
        let mut open = OpenNotice {
            notice: blank(id, objective, &cause, view.now),
            tier: cause.tier,
            onset,
            floor,
            users_since,
            users: ImpactSketches::default(),
            tenants: ImpactSketches::default(),
            burning_at: view.now,
            opened_at: view.now,
            updates_sent: 0,
        };
        open.refresh(evaluated);
        let notice = open.notice.clone();
        self.open.insert(id.to_owned(), open);
        Some((Transition::Opened, notice))
    }

    /// Updates or resolves an open notice.
    fn go_on(
        &mut self,
        evaluated: EvaluatedObjective<'_>,
        mut open: OpenNotice,
    ) -> Option<(Transition, Notice)> {
        let EvaluatedObjective { id, objective, budget, view } = evaluated;
        let (is_louder, is_firing) = self.raise(id, budget, view.now, &mut open);
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
        open.refresh(evaluated);
        let recovery = self.recovery(id, view.now);
        if !goes_on && is_recovered(objective, open.burning_at, recovery, view.now) {
            open.notice.resolve(timestamp(view.now), "");
            self.counters.count_parts(&open.notice);
            self.floors.insert(id.to_owned(), open.burning_at);
            self.unconfirmed.note(&open.notice, view.now);
            return Some((Transition::Resolved, open.notice));
        }
        let is_due = open.is_due(view.now);
        open.skip_to(view.now);
        let updated = (is_due || is_louder).then(|| (Transition::Updated, open.notice.clone()));
        self.open.insert(id.to_owned(), open);
        updated
    }

    /// Takes the loudest tier that fires into an open notice, and notes the tier that joined the sequential test. Returns
    /// whether the notice became louder, and whether its tier fires.
    fn raise(&self, id: &str, budget: &BudgetState, now: UnixNanos, open: &mut OpenNotice) -> (bool, bool) {
        open.tier = current_tier(open.tier, budget);
        let sequential = self.sequential(id, budget, now);
        let firing_now = || firing(budget).chain(sequential.map(|state| state.tier));
        let louder = firing_now().find(|tier| tier.severity() > open.tier.severity());
        open.tier = louder.unwrap_or(open.tier);
        let joined = firing(budget).find(|tier| tier.severity() >= open.tier.severity());
        // A quieter tier opened the notice: only the sequential test says that it is as loud as this.
        if let (Some(_), None, Some(state)) = (louder, joined, sequential) {
            open.notice.trigger = Some(Trigger::sequential(state));
        }
        if let Some(trigger) = &mut open.notice.trigger {
            trigger.tier = trigger.tier.take().or_else(|| Some(joined?.name().into_owned()));
        }
        (louder.is_some(), firing_now().any(|tier| tier == open.tier))
    }

    /// The sequential test's state, where it fires. It asks for twice the cost for each unconfirmed notice of the last 30
    /// days: a fault that heals by itself does not page every night.
    fn sequential<'a>(
        &self,
        slo: &str,
        budget: &'a BudgetState,
        now: UnixNanos,
    ) -> Option<&'a SequentialState> {
        let factor = self.unconfirmed.cost_factor(slo, now);
        budget.sequential.as_ref().filter(|state| state.is_firing(factor))
    }

    /// How long the objective must be met: twice as long for each of its notices that was resolved within the last hour, so
    /// that a fault that comes and goes is one notice, not one a minute.
    fn recovery(&self, slo: &str, now: UnixNanos) -> Nanos {
        let hour_ago = timestamp(now.before(FLICKER));
        let again = self
            .resolved
            .iter()
            .filter(|notice| notice.slo == slo && notice.resolved > Some(hour_ago) && !notice.is_no_data());
        let times = again.count().min(MAX_DOUBLINGS);
        (0..times).fold(RECOVERY, |recovery, _| Nanos::new(recovery.get() * 2))
    }

    /// Returns every notice: open ones first, then the resolved, each newest first.
    pub fn all(&self) -> Vec<Notice> {
        let faults = self.open.values().map(|open| &open.notice);
        let mut open: Vec<_> = faults.chain(self.no_data.all()).cloned().collect();
        open.sort_by(|a, b| b.id.cmp(&a.id));
        open.into_iter().chain(self.resolved.iter().cloned()).collect()
    }

    /// Returns the id of an objective's open notice.
    pub fn of(&self, slo: &str) -> Option<&str> {
        self.open.get(slo).map(|open| open.notice.id.as_str())
    }

    /// Returns the onset of the fault of an objective's open notice.
    pub fn onset(&self, slo: &str) -> Option<UnixNanos> {
        self.open.get(slo).map(|open| open.onset.at)
    }

    /// Returns the counts of what happened to notices.
    pub const fn counters(&self) -> &NoticeCounters {
        &self.counters
    }

    /// Returns what the store keeps of a notice.
    pub fn keep(&self, notice: &Notice) -> StoredNotice {
        let notice = notice.clone();
        match self.open.get(&notice.slo).filter(|open| open.notice.id == notice.id) {
            Some(open) => StoredNotice {
                notice,
                tier: Some(open.tier),
                floor: open.floor,
                users: StoredSketches::of(&open.users),
                tenants: StoredSketches::of(&open.tenants),
            },
            None => StoredNotice::resolved(notice),
        }
    }

    /// Puts back what the store kept, in any order.
    pub fn restore(&mut self, stored: Vec<StoredNotice>) {
        for stored in stored {
            match (stored.notice.is_no_data(), stored.notice.state) {
                (true, NoticeState::Open) => self.no_data.restore(stored.notice),
                (true, NoticeState::Resolved) => self.resolved.push_back(stored.notice),
                (false, NoticeState::Open) => self.restore_open(stored),
                (false, NoticeState::Resolved) => self.restore_resolved(stored.notice),
            }
        }
        self.resolved.make_contiguous().sort_by(|a, b| b.id.cmp(&a.id));
        self.resolved.truncate(RESOLVED);
    }

    fn restore_resolved(&mut self, notice: Notice) {
        let floor = self.floors.entry(notice.slo.clone()).or_default();
        *floor = (*floor).max(nanos(notice.impact.until));
        self.unconfirmed.note(&notice, nanos(notice.resolved.unwrap_or(notice.updated)));
        self.resolved.push_back(notice);
    }

    fn restore_open(&mut self, stored: StoredNotice) {
        let StoredNotice { notice, tier, floor, users, tenants } = stored;
        let quietest = || Tier::ALL.into_iter().rev().find(|tier| tier.severity() == notice.severity);
        let mut open = OpenNotice {
            tier: tier.or_else(quietest).unwrap_or(Tier::SLOW_TICKET),
            onset: Onset { at: nanos(notice.onset), uncertainty: notice.onset_uncertainty },
            floor,
            users_since: nanos(notice.impact.since),
            users: users.restore(),
            tenants: tenants.restore(),
            burning_at: nanos(notice.updated),
            opened_at: nanos(notice.opened),
            updates_sent: 0,
            notice,
        };
        open.skip_to(open.burning_at);
        self.open.insert(open.notice.slo.clone(), open);
    }
}

fn nanos(time: jiff::Timestamp) -> UnixNanos {
    UnixNanos::new(u64::try_from(time.as_nanosecond()).unwrap_or(0))
}
