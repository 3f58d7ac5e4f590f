//! The stage's output: everything that is known, at one moment.

use std::sync::Arc;

use mapwarden_contract::UnixNanos;

use super::examples::Examples;
use super::maps::Map;
use super::objective::{About, ObjectiveState};
use super::series::Ignored;
use super::traffic::{Audience, Dependency, Traffic};
use super::{Aggregate, MapKey, RequestKey};
use crate::observation::Change;

/// Everything that is known, at one moment.
#[derive(Clone, Copy)]
pub struct WindowView<'a> {
    pub(super) known: &'a Aggregate,
    /// The moment.
    pub now: UnixNanos,
}

impl<'a> WindowView<'a> {
    /// Every objective by id.
    pub fn objectives(&self) -> impl Iterator<Item = (&'a String, &'a ObjectiveState)> + use<'a> {
        self.known.objectives.iter()
    }

    /// Every map by service and name.
    pub fn maps(&self) -> impl Iterator<Item = (&'a MapKey, &'a Map)> + use<'a> {
        self.known.maps.iter()
    }

    /// Requests by service, scope and region.
    pub fn requests(&self) -> impl Iterator<Item = (&'a RequestKey, &'a Traffic)> + use<'a> {
        self.known.requests.iter()
    }

    /// Traces of single events of a map, a scope or a metric.
    pub fn examples(&self, service: &Arc<str>, about: &About) -> Option<&'a Examples> {
        self.known.examples.get(&(service.clone(), about.clone()))
    }

    /// The users of a scope.
    pub fn audience(&self, service: &Arc<str>, scope: &str) -> Option<&'a Audience> {
        self.known.audiences.get(&(service.clone(), Arc::from(scope)))
    }

    /// Every dependency by name.
    pub fn dependencies(&self) -> impl Iterator<Item = (&'a Arc<str>, &'a Dependency)> + use<'a> {
        self.known.dependencies.iter()
    }

    /// All changes, newest first.
    pub fn changes(&self) -> impl Iterator<Item = &'a Change> + use<'a> {
        self.known.changes.newest_first()
    }

    /// How many series are held, hot keys included.
    pub fn series(&self) -> usize {
        self.known.held()
    }

    /// Points left out, by reason; every reason is there.
    pub fn ignored(&self) -> impl Iterator<Item = (Ignored, u64)> + use<'a> {
        self.known.ignored.iter().map(|(reason, count)| (*reason, *count))
    }

    /// Cumulative series that began again.
    pub const fn resets(&self) -> u64 {
        self.known.resets
    }
}
