//! The objectives part: what is declared, by the SDK and by the configuration, and each objective's counts. Comes in:
//! declarations, events, users, steps of queries. Goes out: [`ObjectiveState`]s by id. Never reads a series.

use std::collections::BTreeMap;
use std::sync::Arc;

use mapwarden_contract::{Nanos, UnixNanos};
use mapwarden_objective::Slo;

use super::bounded::OTHER;
use super::composite;
use super::configured;
use super::definition::{About, Definition};
use super::ignored::{Ignored, IgnoredCounts};
use super::objective::{Events, KeptObjective, ObjectiveState, Uncounted};
use super::places::Place;
use super::reading::PointEffect;
use super::role::{EventRule, ObjectiveRole};
use super::sdk_metrics;
use super::slot::{Counts, Level, Slot};
use super::terms::Terms;
use super::unsaved::UnsavedCounts;
use crate::observation::{Batch, IdentityKind, Observation, Point, Resource, Users};
use crate::steps::{Progress, Step};

/// How long an objective of the SDK may be without any point before a restart drops it: the longest window.
const ABANDONED: Nanos = Nanos::from_secs(30 * 86_400);

/// How many objectives are kept; further ones are refused and counted. Each takes some 28 kB with ten series once it is 30
/// days old, and up to 14 kB more for each further place.
const OBJECTIVES: usize = 2_000;

/// How many groups an objective has at most; events of further ones go to the last one, `other`. Raised, more groups have
/// a budget of their own, at some 70 kB each.
const GROUPS: usize = 50;

/// All objectives by id, and the configuration that declares some of them.
pub(super) struct ObjectiveTable {
    configured: Vec<Slo>,
    by_id: BTreeMap<String, ObjectiveState>,
}

impl ObjectiveTable {
    /// Declares the configured objectives as of `now`; groups are declared when their first series is met.
    pub(super) fn new(configured: Vec<Slo>, now: UnixNanos, ignored: &mut IgnoredCounts) -> Self {
        let mut table = Self { configured: Vec::new(), by_id: BTreeMap::new() };
        for slo in configured.iter().filter(|slo| slo.group_by.is_empty()) {
            table.declare(configured::definition(slo), now, ignored);
            if let Some(objective) = table.by_id.get_mut(&slo.id()) {
                objective.set_terms(Terms::of(slo), now);
            }
        }
        table.configured = configured;
        table
    }

    pub(super) fn get(&self, id: &str) -> Option<&ObjectiveState> {
        self.by_id.get(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &ObjectiveState)> {
        self.by_id.iter()
    }

    /// Takes what a batch declares: objectives, and the team of its service.
    pub(super) fn declare_all(&mut self, batch: &Batch, ignored: &mut IgnoredCounts) {
        self.learn_team(&batch.resource, batch.received, ignored);
        for observation in &batch.observations {
            if let Observation::Point(point) = observation
                && sdk_metrics::is_objective(point)
            {
                match sdk_metrics::definition(&batch.resource, point) {
                    Some(definition) => self.declare(definition, batch.received, ignored),
                    None => ignored.add(Ignored::Malformed, 1),
                }
            }
        }
    }

    fn declare(&mut self, definition: Definition, now: UnixNanos, ignored: &mut IgnoredCounts) {
        let id = definition.id();
        let is_full = self.by_id.len() >= OBJECTIVES;
        match self.by_id.get_mut(&id) {
            Some(known) if known.definition == definition => {}
            Some(known) => {
                known.definition = definition;
                known.touch(now);
            }
            None if is_full => ignored.add(Ignored::TooManySeries, 1),
            None => {
                let mut objective = ObjectiveState::new(definition, now);
                objective.touch(now);
                self.by_id.insert(id, objective);
            }
        }
    }

    /// Gives the configured objectives of a sender's service the sender's team; declarations of the SDK carry their own.
    fn learn_team(&mut self, resource: &Resource, now: UnixNanos, ignored: &mut IgnoredCounts) {
        let is_new = |known: &&Definition| {
            matches!(known.about, About::Metric(_) | About::Derived(_))
                && known.service == resource.service
                && resource.team.is_some()
                && known.team != resource.team
        };
        let known = self.by_id.values().map(|objective| &objective.definition).filter(is_new);
        let with_team = |known: &Definition| Definition { team: resource.team.clone(), ..known.clone() };
        let changed: Vec<_> = known.map(with_team).collect();
        changed.into_iter().for_each(|definition| self.declare(definition, now, ignored));
    }

    /// Returns the roles of a series in configured objectives, and declares the groups that they need.
    pub(super) fn roles(
        &mut self,
        resource: &Resource,
        point: &Point,
        now: UnixNanos,
        ignored: &mut IgnoredCounts,
    ) -> Vec<ObjectiveRole> {
        let mut roles = configured::roles(&self.configured, resource, point);
        roles.iter_mut().for_each(|role| self.open_group(&mut role.slo, now, ignored));
        roles
    }

    /// Declares the group with this id; where there are [`GROUPS`], the id becomes that of the last one.
    fn open_group(&mut self, id: &mut String, now: UnixNanos, ignored: &mut IgnoredCounts) {
        if self.by_id.contains_key(id) {
            return;
        }
        let Some(slo) = configured::grouped(&self.configured, id) else { return };
        let prefix = format!("{}{{", slo.id());
        let known = self.by_id.range(prefix.clone()..).take_while(|(id, _)| id.starts_with(&prefix));
        if known.count() >= GROUPS - 1 {
            *id = format!("{prefix}{OTHER}}}");
        }
        let Some((definition, terms)) = configured::group(&self.configured, id) else { return };
        self.declare(definition, now, ignored);
        if let Some(objective) = self.by_id.get_mut(id).filter(|known| *known.terms() != terms) {
            objective.set_terms(terms, now);
        }
    }

    /// Counts what a point adds, and returns what could not be counted.
    pub(super) fn count(&mut self, role: &ObjectiveRole, effect: &PointEffect<'_>) -> Uncounted {
        let (Some(objective), PointEffect::Increase(point)) = (self.by_id.get_mut(&role.slo), effect) else {
            return Uncounted::default();
        };
        let events = role.rule.events(point);
        match role.rule {
            EventRule::BadOfTotal => objective.count_bad_of_total(events, &role.place),
            EventRule::All(_) | EventRule::UpTo(_) => objective.count(events, &role.place),
        }
    }

    /// Counts a step of a queried objective, and returns what could not be counted. The answer of a server has no place.
    ///
    /// # Errors
    /// The objective is not known, or the step lies before what is counted.
    pub(super) fn count_step(&mut self, slo: &str, step: &Step) -> Result<Uncounted, Ignored> {
        match self.progress(slo) {
            Progress::Until(until) if step.from < until => return Err(Ignored::Duplicate),
            Progress::Never | Progress::Until(_) => {}
            Progress::Unknown => return Err(Ignored::UnknownObjective),
        }
        let objective = self.by_id.get_mut(slo).ok_or(Ignored::UnknownObjective)?;
        let Step { from, to, good, bad } = *step;
        let nowhere = Place { version: Arc::from(""), region: Arc::from("") };
        Ok(objective.count(Events { from, to, good, bad }, &nowhere))
    }

    /// How far an objective is measured.
    pub(super) fn progress(&self, slo: &str) -> Progress {
        match self.by_id.get(slo) {
            None => Progress::Unknown,
            Some(objective) if objective.totals == Counts::default() => Progress::Never,
            Some(objective) => Progress::Until(objective.covered_until),
        }
    }

    /// Adds users or tenants who met a bad event.
    ///
    /// # Errors
    /// The objective is not known.
    pub(super) fn add_affected(&mut self, id: &str, users: &Users) -> Result<(), Ignored> {
        let objective = self.by_id.get_mut(id).ok_or(Ignored::UnknownObjective)?;
        match users.who {
            IdentityKind::User => &mut objective.affected,
            IdentityKind::Tenant => &mut objective.affected_tenants,
        }
        .merge(users.slot, &users.sketch);
        Ok(())
    }

    /// Judges the time slices that are over at `now`, then the objectives that are made of others.
    pub(super) fn advance(&mut self, now: UnixNanos) {
        let single = self.by_id.values_mut().filter(|known| known.terms().members.is_empty());
        single.for_each(|objective| objective.advance(now));
        let composites = self.by_id.iter().filter(|(_, known)| !known.terms().members.is_empty());
        let judged: Vec<_> = composites
            .filter_map(|(id, known)| {
                let (verdicts, until) = composite::judge(known, |slo| self.by_id.get(slo), now)?;
                Some((id.clone(), verdicts, until))
            })
            .collect();
        for (id, verdicts, until) in judged {
            if let Some(objective) = self.by_id.get_mut(&id) {
                objective.compose(&verdicts, until);
            }
        }
    }

    /// Adds everything that changed since the last call.
    pub(super) fn take_unsaved(&mut self, unsaved: &mut UnsavedCounts) {
        for (id, objective) in &mut self.by_id {
            let Some(from) = objective.take_unsaved() else { continue };
            let shared: Arc<str> = Arc::from(id.as_str());
            unsaved.since.push((id.clone(), from));
            unsaved.objectives.push((id.clone(), objective.keep()));
            for level in Level::ALL {
                for (start, counts) in objective.slots().at_level(level, from) {
                    let number = start.get() / level.width().get();
                    unsaved.slots.push((shared.clone(), level, Slot { number, counts }));
                }
            }
        }
        // A tree is written fastest in its own order; objectives are in theirs already.
        unsaved.slots.sort_by_key(|(_, level, slot)| (*level, slot.number));
    }

    /// Marks as unsaved what a failed commit had.
    pub(super) fn redirty(&mut self, unsaved: &UnsavedCounts) {
        for (id, since) in &unsaved.since {
            if let Some(objective) = self.by_id.get_mut(id) {
                objective.touch(*since);
            }
        }
    }

    /// Puts back what the store kept, and returns the ids of the objectives that it left out: those that the configuration
    /// no longer has, and those of the SDK without any point for 30 days. `slots` calls its argument with every slot.
    ///
    /// # Errors
    /// The error of `slots`.
    pub(super) fn restore<E>(
        &mut self,
        kept: Vec<KeptObjective>,
        now: UnixNanos,
        slots: impl FnOnce(&mut dyn FnMut(&str, Level, Slot)) -> Result<(), E>,
    ) -> Result<Vec<String>, E> {
        let (mut gone, mut sums) = (Vec::new(), Vec::new());
        for kept in kept {
            let id = kept.definition.id();
            if self.is_gone(&kept, now) {
                gone.push(id);
                continue;
            }
            let known = self.by_id.get(&id).map(|known| (known.definition.clone(), known.terms().clone()));
            let (definition, terms) = known
                .or_else(|| configured::group(&self.configured, &id))
                .unwrap_or_else(|| (kept.definition.clone(), Terms::default()));
            sums.push((definition.id(), kept.calendar.clone(), kept.timeslices.clone()));
            let mut objective = ObjectiveState::restore(KeptObjective { definition, ..kept });
            objective.set_terms(terms, now);
            self.by_id.insert(objective.definition.id(), objective);
        }
        slots(&mut |id, level, slot| {
            if let Some(objective) = self.by_id.get_mut(id) {
                objective.slots_mut().restore(level, slot);
            }
        })?;
        for (id, calendar, timeslices) in sums {
            if let Some(objective) = self.by_id.get_mut(&id) {
                objective.restore_sums(&calendar, &timeslices, now);
            }
        }
        Ok(gone)
    }

    /// Whether nothing counts towards a kept objective any more.
    fn is_gone(&self, kept: &KeptObjective, now: UnixNanos) -> bool {
        let id = kept.definition.id();
        let is_configured =
            self.by_id.contains_key(&id) || configured::grouped(&self.configured, &id).is_some();
        !is_configured
            && match kept.definition.about {
                About::Metric(_) | About::Derived(_) => true,
                About::Map(_) | About::Scope(_) => now.since(UnixNanos::new(kept.covered_until)) >= ABANDONED,
            }
    }

    pub(super) fn forget_after(&mut self, now: UnixNanos) {
        self.by_id.values_mut().for_each(|objective| objective.forget_after(now));
    }
}
