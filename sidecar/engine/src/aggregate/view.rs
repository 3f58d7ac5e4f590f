//! The stage's output: everything that is known, at one moment. Comes in: the parts of the aggregate. Goes out: what they
//! hold, by key. Never changes them.

use std::sync::Arc;

use mapwarden_contract::UnixNanos;

use super::changes::Changes;
use super::definition::About;
use super::example_table::ExampleTable;
use super::examples::Examples;
use super::ignored::{Ignored, IgnoredCounts};
use super::keys::{MapKey, RequestKey};
use super::map_table::MapTable;
use super::maps::Map;
use super::objective::ObjectiveState;
use super::objective_table::ObjectiveTable;
use super::series_table::SeriesTable;
use super::traffic::{Audience, Dependency, Traffic};
use super::traffic_table::TrafficTable;
use crate::observation::Change;

/// Everything that is known, at one moment.
#[derive(Clone, Copy)]
pub struct WindowView<'a> {
    /// The moment.
    pub now: UnixNanos,
    pub(super) series: &'a SeriesTable,
    pub(super) objectives: &'a ObjectiveTable,
    pub(super) maps: &'a MapTable,
    pub(super) traffic: &'a TrafficTable,
    pub(super) examples: &'a ExampleTable,
    pub(super) changes: &'a Changes,
    pub(super) ignored: &'a IgnoredCounts,
}

impl<'a> WindowView<'a> {
    /// Every objective by id.
    pub fn objectives(&self) -> impl Iterator<Item = (&'a String, &'a ObjectiveState)> + use<'a> {
        self.objectives.iter()
    }

    /// Every map by service and name.
    pub fn maps(&self) -> impl Iterator<Item = (&'a MapKey, &'a Map)> + use<'a> {
        self.maps.iter()
    }

    /// Requests by service, scope and region.
    pub fn requests(&self) -> impl Iterator<Item = (&'a RequestKey, &'a Traffic)> + use<'a> {
        self.traffic.requests()
    }

    /// Traces of single events of a map, a scope or a metric.
    pub fn examples(&self, service: &Arc<str>, about: &About) -> Option<&'a Examples> {
        self.examples.get(service, about)
    }

    /// The users of a scope.
    pub fn audience(&self, service: &Arc<str>, scope: &str) -> Option<&'a Audience> {
        self.traffic.audience(&(service.clone(), Arc::from(scope)))
    }

    /// Every dependency by name.
    pub fn dependencies(&self) -> impl Iterator<Item = (&'a Arc<str>, &'a Dependency)> + use<'a> {
        self.traffic.dependencies()
    }

    /// All changes, newest first.
    pub fn changes(&self) -> impl Iterator<Item = &'a Change> + use<'a> {
        self.changes.newest_first()
    }

    /// How many series are held, hot keys included.
    pub fn series(&self) -> usize {
        self.series.len() + self.maps.hot_keys()
    }

    /// Points left out, by reason; every reason is there.
    pub fn ignored(&self) -> impl Iterator<Item = (Ignored, u64)> + use<'a> {
        self.ignored.iter()
    }

    /// Cumulative series that began again.
    pub const fn resets(&self) -> u64 {
        self.series.resets()
    }
}
