//! One objective under simulated traffic: the sidecar's own slots and its own evaluation, without the sidecar.

use std::sync::Arc;

use mapwarden_contract::{Ratio, UnixNanos};
use mapwarden_engine::aggregate::objective::{About, Definition, Events, ObjectiveState, Place, SliKind};
use mapwarden_engine::budget::{BudgetState, evaluate};

use crate::traffic::Traffic;

/// The target: the share of good events.
pub(crate) const TARGET: f64 = 0.999;

/// The share that may be bad.
pub(crate) const ALLOWED: f64 = 1.0 - TARGET;

/// The start of the simulation, in seconds since 1970.
const BEGIN: u64 = 1_800_000_000;

/// An objective that takes counts and returns its budget.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    objective: ObjectiveState,
    place: Place,
    /// Seconds since 1970.
    now: u64,
    state: Option<BudgetState>,
}

impl Subject {
    /// Returns an objective without any event.
    pub(crate) fn new() -> Self {
        let definition = Definition {
            service: Arc::from("shop"),
            name: Arc::from("availability"),
            team: None,
            sli: SliKind::Availability,
            about: About::Scope(Arc::from("checkout")),
            target: Ratio::new(TARGET).expect("a ratio"),
        };
        let place = Place { version: Arc::from(""), region: Arc::from("") };
        Self { objective: ObjectiveState::new(definition, at(BEGIN)), place, now: BEGIN, state: None }
    }

    /// Advances by a second, with its events in one point.
    pub(crate) fn pass(&mut self, traffic: &mut Traffic) {
        let (good, bad) = traffic.second();
        let (from, to) = (at(self.now), at(self.now + 1));
        self.objective.count(Events { from, to, good, bad }, &self.place);
        self.now += 1;
    }

    /// Returns the budget at this moment.
    pub(crate) fn budget(&mut self) -> &BudgetState {
        let state = evaluate(&self.objective, self.state.as_ref(), at(self.now));
        self.state.insert(state)
    }
}

fn at(second: u64) -> UnixNanos {
    UnixNanos::new(second * 1_000_000_000)
}
