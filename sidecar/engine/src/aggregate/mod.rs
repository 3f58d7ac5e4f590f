//! From observations to counts. Comes in: [`Batch`]es, [`Steps`] of queries and [`Change`]s. Goes out: a [`WindowView`] of
//! one moment: events by window, place and time, maps, requests, dependencies, users, changes. Never reads a clock, does
//! IO or knows what a notice is. One task owns the [`Aggregate`].
//!
//! The data goes one way: an observation's series is found in the series part, the series says what the point adds, and
//! that is counted in the part that the series counts towards: objectives, maps or traffic. The parts do not know each other.

pub mod series;

pub mod ignored;
mod keys;
mod reading;
mod role;
mod sdk_metrics;
mod series_table;

mod composite;
mod configured;
mod definition;
mod kept_objective;
pub mod objective;
mod objective_table;
mod places;
pub mod terms;
pub mod timeslices;

pub mod hot_keys;
pub mod last_values;
mod map_table;
pub mod maps;

pub mod traffic;
mod traffic_table;
pub mod users;

mod example_table;
pub mod examples;

pub mod changes;

mod bounded;
pub mod calendar;
pub mod distribution;
mod ring;
pub mod slot;
pub mod slots;
mod time;
mod unsaved;
mod view;
mod window;

use std::sync::Arc;

use mapwarden_contract::{Nanos, UnixNanos};
use mapwarden_objective::Slo;

pub use self::bounded::OTHER;
pub use self::keys::{MapKey, RequestKey, SPANS, ScopeKey};
pub use self::time::timestamp;
pub use self::unsaved::{ObjectiveSlot, UnsavedCounts};
pub use self::view::WindowView;
pub use self::window::Window;

use self::changes::Changes;
use self::example_table::ExampleTable;
use self::ignored::{Ignored, IgnoredCounts};
use self::map_table::MapTable;
use self::objective::{KeptObjective, Uncounted};
use self::objective_table::ObjectiveTable;
use self::reading::{PointEffect, ReceivedPoint};
use self::role::Role;
use self::series::Mark;
use self::series_table::SeriesTable;
use self::slot::{Level, Slot};
use self::time::Clock;
use self::traffic_table::TrafficTable;
use crate::observation::{Batch, Change, Observation, Request, Resource, UserRole, Users};
use crate::steps::{Progress, Steps};

/// How far ahead of the sidecar's clock a point may lie.
const AHEAD: Nanos = Nanos::from_secs(300);

/// Everything that is known, in parts that own their state. Read through [`Aggregate::at`].
pub struct Aggregate {
    clock: Clock,
    max_series: usize,
    series: SeriesTable,
    objectives: ObjectiveTable,
    maps: MapTable,
    traffic: TrafficTable,
    examples: ExampleTable,
    changes: Changes,
    ignored: IgnoredCounts,
}

impl Aggregate {
    /// Starts to watch at `watching_since`: series that began earlier and were not restored count from their first point
    /// on.
    pub fn new(configured: Vec<Slo>, max_series: usize, watching_since: UnixNanos) -> Self {
        let mut ignored = IgnoredCounts::new();
        Self {
            clock: Clock::new(watching_since),
            max_series,
            series: SeriesTable::new(),
            objectives: ObjectiveTable::new(configured, watching_since, &mut ignored),
            maps: MapTable::new((Arc::from(OTHER), Arc::from(OTHER))),
            traffic: TrafficTable::new(),
            examples: ExampleTable::new(),
            changes: Changes::default(),
            ignored,
        }
    }

    /// Puts back what the store kept, and returns the ids of the objectives that it left out: those that the configuration
    /// no longer has, and those of the SDK without any point for 30 days. `slots` calls its argument with each slot of all
    /// of them. Call before the first batch.
    ///
    /// # Errors
    /// The error of `slots`.
    pub fn restore<E>(
        &mut self,
        objectives: Vec<KeptObjective>,
        marks: Vec<(u128, Mark)>,
        slots: impl FnOnce(&mut dyn FnMut(&str, Level, Slot)) -> Result<(), E>,
    ) -> Result<Vec<String>, E> {
        let gone = self.objectives.restore(objectives, self.clock.watching_since(), slots)?;
        self.series.restore(marks);
        Ok(gone)
    }

    /// Adds a change.
    pub fn announce(&mut self, change: Change) {
        self.changes.add(change);
    }

    /// Takes a batch into account and returns the change that it shows, if any.
    pub fn take(&mut self, batch: &Batch) -> Option<Change> {
        self.set_clock(batch.received);
        self.objectives.declare_all(batch, &mut self.ignored);
        for observation in &batch.observations {
            if let Err(reason) = self.observe(&batch.resource, observation, batch.received) {
                self.ignored.add(reason, 1);
            }
        }
        self.changes.observe(&batch.resource, timestamp(batch.received))
    }

    fn observe(
        &mut self,
        resource: &Resource,
        observation: &Observation,
        received: UnixNanos,
    ) -> Result<(), Ignored> {
        match observation {
            Observation::Point(point) if sdk_metrics::is_objective(point) => {}
            Observation::Point(point) => {
                let watching_since = self.clock.watching_since();
                return self.take_point(&ReceivedPoint { resource, point, received, watching_since });
            }
            Observation::Users(users) => return self.take_users(&resource.service, users),
            Observation::Request(request) => self.take_request(resource, request, received),
            Observation::Call(call) => self.traffic.add_call(&resource.service, call, received),
            Observation::Failure(failure) => self.examples.add_failure(&resource.service, failure),
        }
        Ok(())
    }

    /// Finds the point's series, and counts what it adds in the part that each role of the series belongs to. A series
    /// without a role is not held.
    fn take_point(&mut self, received: &ReceivedPoint<'_>) -> Result<(), Ignored> {
        if received.point.time > received.received + AHEAD {
            return Err(Ignored::FromTheFuture);
        }
        if sdk_metrics::is_hot_key(received.point) {
            let is_full = self.held_series() >= self.max_series;
            return self.maps.take_hot_key(received, is_full);
        }
        let id = SeriesTable::id(received.resource, received.point);
        if !self.series.holds(id) && !self.open_series(id, received)? {
            return Ok(());
        }
        let mut uncounted = Uncounted::default();
        self.series.take(id, received, &mut self.ignored, |role, effect| {
            match role {
                Role::Objective(role) => uncounted.add(self.objectives.count(role, effect)),
                Role::Map(role) => self.maps.count(role, effect),
                Role::Traffic(role) => self.traffic.count(role, effect),
            }
            if let PointEffect::Increase(point) = effect
                && !point.exemplars.is_empty()
            {
                let definition = |slo: &str| self.objectives.get(slo).map(|known| &known.definition);
                self.examples.add_exemplars(role, point.exemplars, definition);
            }
        });
        self.ignore(uncounted);
        Ok(())
    }

    /// Opens the series of a point; false where it has no role.
    fn open_series(&mut self, id: u128, received: &ReceivedPoint<'_>) -> Result<bool, Ignored> {
        let ReceivedPoint { resource, point, received: now, .. } = *received;
        let of_sdk = sdk_metrics::role(resource, point, |slo| self.objectives.get(slo).is_some())?;
        let roles: Vec<Role> = match of_sdk {
            Some(role) => vec![role],
            None => {
                let roles = self.objectives.roles(resource, point, now, &mut self.ignored);
                roles.into_iter().map(Role::Objective).collect()
            }
        };
        if roles.is_empty() {
            return Ok(false);
        }
        if self.held_series() >= self.max_series {
            return Err(Ignored::TooManySeries);
        }
        let birth = self.maps.birth(&roles, received);
        self.series.open(id, roles, birth);
        Ok(true)
    }

    /// How many series are held, hot keys included.
    fn held_series(&self) -> usize {
        self.series.len() + self.maps.hot_keys()
    }

    fn take_users(&mut self, service: &Arc<str>, users: &Users) -> Result<(), Ignored> {
        match &users.role {
            UserRole::Affected { slo } => self.objectives.add_affected(&format!("{service}/{slo}"), users),
            UserRole::Active { scope } => {
                self.traffic.add_active(service, scope, users);
                Ok(())
            }
        }
    }

    fn take_request(&mut self, resource: &Resource, request: &Request, received: UnixNanos) {
        self.examples.add_request(&resource.service, request, received);
        self.traffic.add_request(resource, request, received);
    }

    /// Takes steps of a queried objective into account and returns how far it is measured. A step that lies before is a
    /// duplicate: the objective's own progress is the only one, so that a server that is asked twice counts once.
    pub fn take_steps(&mut self, steps: &Steps) -> Progress {
        self.set_clock(steps.received);
        for step in &steps.steps {
            match self.objectives.count_step(&steps.slo, step) {
                Ok(uncounted) => self.ignore(uncounted),
                Err(reason) => self.ignored.add(reason, 1),
            }
        }
        self.objectives.progress(&steps.slo)
    }

    fn ignore(&mut self, uncounted: Uncounted) {
        let Uncounted { bad_above_total, late } = uncounted;
        self.ignored.add(Ignored::BadAboveTotal, bad_above_total);
        self.ignored.add(Ignored::AfterSlice, late);
    }

    /// Judges the time slices that are over at `now`, then the objectives that are made of others. Call before the state
    /// is evaluated.
    pub fn advance(&mut self, now: UnixNanos) {
        self.objectives.advance(now);
    }

    /// Everything that is known, at `now`.
    pub const fn at(&self, now: UnixNanos) -> WindowView<'_> {
        let Self { clock: _, max_series: _, series, objectives, maps, traffic, examples, changes, ignored } =
            self;
        WindowView { now, series, objectives, maps, traffic, examples, changes, ignored }
    }

    /// Returns what changed since the last call.
    pub fn unsaved(&mut self) -> UnsavedCounts {
        let mut unsaved = UnsavedCounts::default();
        self.objectives.take_unsaved(&mut unsaved);
        self.series.take_unsaved(&mut unsaved);
        unsaved
    }

    /// Takes back what the store did not take: the next [`Aggregate::unsaved`] has it again, at the value that it has then.
    pub fn redirty(&mut self, unsaved: &UnsavedCounts) {
        self.objectives.redirty(unsaved);
        self.series.redirty();
    }

    /// Moves the clock on. Where it was set back, what lies ahead of it can neither be summed nor compared with, so it is
    /// forgotten, and series go on from now.
    fn set_clock(&mut self, received: UnixNanos) {
        if self.clock.advance(received) {
            self.objectives.forget_after(received);
            self.maps.forget_after(received);
            self.examples.forget_after(received);
            self.traffic.forget_after(received);
            self.series.forget_after(received);
        }
    }

    /// Forgets series that have been silent: for an hour, or for a day where a budget depends on them. Returns the ids of
    /// the latter's marks, because the store has them.
    pub fn forget_silent(&mut self, now: UnixNanos) -> Vec<u128> {
        self.maps.forget_silent(now);
        self.series.forget_silent(now)
    }
}
