//! The metrics of the SDK. Comes in: received points. Goes out: what they declare and what their series count towards, by
//! the contract. Never knows the configuration.

use std::sync::Arc;

use mapwarden_contract::names::{attribute, wire};
use mapwarden_contract::{Nanos, Ratio, Verdict};

use super::definition::{About, Definition, SliKind};
use super::ignored::Ignored;
use super::keys::MapKey;
use super::places::Place;
use super::role::{EventRule, MapCounts, MapGauge, MapRole, ObjectiveRole, Role, TrafficRole};
use crate::observation::{Completion, Point, PointValue, Resource};

/// Whether a point declares an objective.
pub(super) fn is_objective(point: &Point) -> bool {
    &*point.metric == wire::OBJECTIVE.name
}

/// Whether a point reports a hot key. Which keys are hot changes all the time: they are bounded by the map, and are no
/// series of their own.
pub(super) fn is_hot_key(point: &Point) -> bool {
    &*point.metric == wire::MAP_HOT_KEY_OPERATIONS.name
}

/// Returns the map and the key that a point of a hot key is about; none where it breaks the contract.
pub(super) fn hot_key(resource: &Resource, point: &Point) -> Option<(MapKey, Arc<str>)> {
    let get = |name| point.attribute(name).cloned();
    Some(((resource.service.clone(), get(attribute::MAP)?), get(attribute::KEY)?))
}

/// Returns the objective that a point declares; none where it breaks the contract.
pub(super) fn definition(resource: &Resource, point: &Point) -> Option<Definition> {
    let PointValue::Gauge(target) = point.value else { return None };
    let target = Ratio::new(target).ok().filter(|target| target.get() > 0.0 && target.get() < 1.0)?;
    let get = |name| point.attribute(name);
    let threshold = || get(attribute::THRESHOLD)?.parse().ok().map(Nanos::new);
    let sli = match &**get(attribute::SLI)? {
        "availability" => SliKind::Availability,
        "hit_ratio" => SliKind::HitRatio,
        "latency" => SliKind::Latency { threshold: threshold()? },
        "freshness" => SliKind::Freshness { threshold: threshold()? },
        _ => return None,
    };
    let about = match (get(attribute::MAP), get(attribute::SCOPE)) {
        (Some(map), None) => About::Map(map.clone()),
        (None, Some(scope)) => About::Scope(scope.clone()),
        (Some(_), Some(_)) | (None, None) => return None,
    };
    let (service, name) = (resource.service.clone(), get(attribute::SLO)?.clone());
    Some(Definition { service, name, team: resource.team.clone(), sli, about, target })
}

/// Returns the role of a series of the SDK's metrics; none for every other metric. `is_known` is whether an objective is
/// declared.
///
/// # Errors
/// The point breaks the contract, or its objective is not declared.
pub(super) fn role(
    resource: &Resource,
    point: &Point,
    is_known: impl Fn(&str) -> bool,
) -> Result<Option<Role>, Ignored> {
    if &*point.metric != wire::SLI_EVENTS.name {
        let traffic = traffic_role(resource, point)?.map(Role::Traffic);
        return Ok(match traffic {
            Some(role) => Some(role),
            None => map_counts(resource, point)?
                .map(|(map, counts)| Role::Map(MapRole { map: (resource.service.clone(), map), counts })),
        });
    }
    let slo = format!("{}/{}", resource.service, need(point, attribute::SLO)?);
    if !is_known(&slo) {
        return Err(Ignored::UnknownObjective);
    }
    let verdict = need(point, attribute::VERDICT)?;
    let verdict = Verdict::ALL.into_iter().find(|known| *verdict == *known.name());
    let rule = EventRule::All(verdict.ok_or(Ignored::Malformed)?);
    Ok(Some(Role::Objective(ObjectiveRole { slo, place: Place::of(resource, point), rule })))
}

fn need(point: &Point, name: &str) -> Result<Arc<str>, Ignored> {
    point.attribute(name).cloned().ok_or(Ignored::Malformed)
}

fn traffic_role(resource: &Resource, point: &Point) -> Result<Option<TrafficRole>, Ignored> {
    let caller = || resource.service.clone();
    let dependency = || need(point, attribute::DEPENDENCY);
    let completion = || match &*need(point, attribute::OUTCOME)? {
        wire::OK => Ok(Completion::Ok),
        wire::FAILED => Ok(Completion::Failed),
        wire::CANCELLED => Ok(Completion::Cancelled),
        _ => Err(Ignored::Malformed),
    };
    let scope = || {
        let region = point.attribute(attribute::REGION).cloned().unwrap_or_else(|| Arc::from(""));
        need(point, attribute::SCOPE).map(|scope| (resource.service.clone(), scope, region))
    };
    let metric = &*point.metric;
    let role = if metric == wire::REQUESTS.name {
        TrafficRole::Requests(scope()?, completion()?)
    } else if metric == wire::REQUEST_DURATION.name {
        TrafficRole::RequestTimes(scope()?)
    } else if metric == wire::DEPENDENCY_CALLS.name {
        TrafficRole::Calls { dependency: dependency()?, caller: caller(), completion: completion()? }
    } else if metric == wire::DEPENDENCY_DURATION.name {
        TrafficRole::CallTimes { dependency: dependency()?, caller: caller() }
    } else {
        return Ok(None);
    };
    Ok(Some(role))
}

/// Returns the map's name and what a series reports of it.
fn map_counts(resource: &Resource, point: &Point) -> Result<Option<(Arc<str>, MapCounts)>, Ignored> {
    let need = |name| need(point, name);
    let gauge = |gauge| MapCounts::Gauge { sender: resource.id, gauge };
    let metric = &*point.metric;
    let counts = if metric == wire::MAP_OPERATIONS.name {
        MapCounts::Operations((need(attribute::OP)?, need(attribute::OUTCOME)?))
    } else if metric == wire::MAP_DURATION.name {
        MapCounts::Times(need(attribute::OP)?)
    } else if metric == wire::MAP_ENTRIES.name {
        gauge(MapGauge::Entries)
    } else if metric == wire::MAP_MAX_ENTRIES.name {
        gauge(MapGauge::MaxEntries)
    } else if metric == wire::MAP_LAST_WRITE.name {
        gauge(MapGauge::LastWrite)
    } else if metric == wire::MAP_GUARD_HELD.name {
        gauge(MapGauge::GuardHeld)
    } else if metric == wire::MAP_RETRIES.name {
        MapCounts::Retries
    } else if metric == wire::MAP_FAILURES.name {
        MapCounts::Failures((need(attribute::OP)?, need(attribute::ERROR_TYPE)?))
    } else if metric == wire::MAP_SAMPLED_OPERATIONS.name {
        MapCounts::Sampled
    } else if metric == wire::MAP_SCOPE_OPERATIONS.name {
        MapCounts::SampledIn(need(attribute::SCOPE)?)
    } else {
        return Ok(None);
    };
    Ok(Some((need(attribute::MAP)?, counts)))
}
