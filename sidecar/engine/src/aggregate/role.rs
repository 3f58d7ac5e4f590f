//! What a series counts towards: objectives, a map, requests, calls. Found once, when the series is met.

use std::sync::Arc;

use mapwarden_contract::{Nanos, Verdict};

use super::keys::{MapKey, RequestKey};
use super::maps::{OpError, OpOutcome};
use super::objective::Events;
use super::places::Place;
use super::reading::PointIncrease;
use super::series::Increase;
use crate::observation::Completion;

/// One thing that a series counts towards. A closed set, one variant per part of the aggregate.
#[derive(Clone, Debug)]
pub(super) enum Role {
    /// Events of an objective.
    Objective(ObjectiveRole),
    /// Something about a map.
    Map(MapRole),
    /// Requests of a scope or calls to a dependency.
    Traffic(TrafficRole),
}

/// A series of an objective's events.
#[derive(Clone, Debug)]
pub(super) struct ObjectiveRole {
    /// The objective's id.
    pub(super) slo: String,
    /// Where the events happened.
    pub(super) place: Place,
    /// Which of them are good.
    pub(super) rule: EventRule,
}

/// Which events of a series are good.
#[derive(Clone, Copy, Debug)]
pub(super) enum EventRule {
    /// Every event has this verdict.
    All(Verdict),
    /// Bad events; another series counts all events.
    BadOfTotal,
    /// Good up to the threshold, bad above.
    UpTo(Nanos),
}

/// A series of a map.
#[derive(Clone, Debug)]
pub(super) struct MapRole {
    /// The map.
    pub(super) map: MapKey,
    /// What the series reports of it.
    pub(super) counts: MapCounts,
}

/// What a series reports of a map.
#[derive(Clone, Debug)]
pub(super) enum MapCounts {
    /// Operations by outcome.
    Operations(OpOutcome),
    /// Times of an operation.
    Times(Arc<str>),
    /// The map's present state in one process.
    Gauge {
        /// The process.
        sender: u64,
        /// Which state.
        gauge: MapGauge,
    },
    /// Closure retries.
    Retries,
    /// Failed operations by type of error.
    Failures(OpError),
    /// Operations on single keys, estimated.
    Sampled,
    /// The same within a request scope.
    SampledIn(Arc<str>),
}

/// What a gauge reports of a map.
#[derive(Clone, Copy, Debug)]
pub(super) enum MapGauge {
    /// How many entries it has.
    Entries,
    /// How many it takes at most.
    MaxEntries,
    /// When it was last written.
    LastWrite,
    /// For how long guards kept it from freeing.
    GuardHeld,
}

/// A series of requests or calls.
#[derive(Clone, Debug)]
pub(super) enum TrafficRole {
    /// Requests that ended this way.
    Requests(RequestKey, Completion),
    /// Times of requests.
    RequestTimes(RequestKey),
    /// Calls to a dependency by a service that ended this way.
    Calls {
        /// The dependency.
        dependency: Arc<str>,
        /// The service.
        caller: Arc<str>,
        /// How they ended.
        completion: Completion,
    },
    /// Times of such calls.
    CallTimes {
        /// The dependency.
        dependency: Arc<str>,
        /// The service.
        caller: Arc<str>,
    },
}

impl Role {
    /// The threshold that divides the role's events.
    pub(super) const fn threshold(&self) -> Option<Nanos> {
        match self {
            Self::Objective(ObjectiveRole { rule: EventRule::UpTo(threshold), .. }) => Some(*threshold),
            Self::Objective(ObjectiveRole { rule: EventRule::All(_) | EventRule::BadOfTotal, .. })
            | Self::Map(_)
            | Self::Traffic(_) => None,
        }
    }
}

impl EventRule {
    /// The events that a point adds to its objective.
    pub(super) fn events(self, point: &PointIncrease<'_>) -> Events {
        let Increase { events, part, from, is_reset: _ } = point.increase;
        let (good, bad) = match self {
            Self::All(Verdict::Good) => (events, 0),
            Self::All(Verdict::Bad) | Self::BadOfTotal => (0, events),
            Self::UpTo(_) => (part, events - part),
        };
        Events { from: from.min(point.time), to: point.time, good, bad }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_takes_at_most_80_bytes() {
        // Each series has one at least, and there are many series.
        assert!(size_of::<Role>() <= 80, "{}", size_of::<Role>());
    }
}
