//! Objectives that the configuration declares. Comes in: their declarations and received points. Goes out: definitions,
//! groups, and which series count towards which objective. Never counts anything.

use std::sync::Arc;

use mapwarden_contract::Verdict;
use mapwarden_contract::names::attribute;
use mapwarden_objective::{Indicator, Selector, Slo};

use super::definition::{About, Definition, SliKind};
use super::places::Place;
use super::role::{EventRule, ObjectiveRole};
use super::terms::Terms;
use crate::observation::{Point, Resource};

/// Returns the definition of a declared objective.
pub(super) fn definition(slo: &Slo) -> Definition {
    let metric = |selector: &Selector| About::Metric(Arc::from(selector.metric.as_str()));
    let (sli, about) = match &slo.indicator {
        Indicator::Events { total, bad: _ } => (SliKind::Availability, metric(total)),
        Indicator::Latency { series, threshold } => {
            (SliKind::Latency { threshold: *threshold }, metric(series))
        }
        Indicator::Queried(queried) => {
            let source = queried.source.as_deref().unwrap_or("the default source");
            (SliKind::Availability, About::Derived(format!("queries of {source}").into()))
        }
        Indicator::Composite { members } => {
            let members: Vec<&str> = members.iter().map(|member| member.slo.as_str()).collect();
            (SliKind::Availability, About::Derived(format!("objectives {}", members.join(", ")).into()))
        }
    };
    Definition {
        service: Arc::from(slo.service.as_str()),
        name: Arc::from(slo.name.as_str()),
        team: None,
        sli,
        about,
        target: slo.target,
    }
}

/// Returns the declaration of the group with this id; none where the configuration has no such groups.
pub(super) fn grouped<'a>(slos: &'a [Slo], id: &str) -> Option<&'a Slo> {
    let is_of = |slo: &&Slo| {
        let rest = id.strip_prefix(&slo.id());
        !slo.group_by.is_empty() && rest.is_some_and(|rest| rest.starts_with('{') && rest.ends_with('}'))
    };
    slos.iter().find(is_of)
}

/// Returns the definition and the terms of the group with this id; none where the configuration has no such groups.
pub(super) fn group(slos: &[Slo], id: &str) -> Option<(Definition, Terms)> {
    let slo = grouped(slos, id)?;
    let name = id.strip_prefix(slo.service.as_str())?.strip_prefix('/')?;
    Some((Definition { name: Arc::from(name), ..definition(slo) }, Terms::of(slo)))
}

/// Returns the roles of a series, one for each objective that it counts towards.
pub(super) fn roles(slos: &[Slo], resource: &Resource, point: &Point) -> Vec<ObjectiveRole> {
    let place = Place::of(resource, point);
    let role = |slo: &Slo| {
        let rule = rule(slo, point)?;
        let slo = format!("{}{}", slo.id(), group_suffix(slo, resource, point));
        Some(ObjectiveRole { slo, place: place.clone(), rule })
    };
    slos.iter().filter(|slo| *slo.service == *resource.service).filter_map(role).collect()
}

/// Returns the group of an objective that a series belongs to, as its id ends: `{region=eu,tier=}`; empty where there are
/// no groups.
fn group_suffix(slo: &Slo, resource: &Resource, point: &Point) -> String {
    if slo.group_by.is_empty() {
        return String::new();
    }
    let value = |label: &String| {
        let of_resource = match label.as_str() {
            "service.version" => resource.version.as_ref(),
            "service.instance.id" => resource.instance.as_ref(),
            "deployment.environment.name" => resource.environment.as_ref(),
            attribute::CLOUD_REGION => resource.region.as_ref(),
            _ => None,
        };
        let value = point.attribute(label).or(of_resource);
        format!("{label}={}", value.map_or("", |value| &**value))
    };
    format!("{{{}}}", slo.group_by.iter().map(value).collect::<Vec<_>>().join(","))
}

/// Returns which events of a point's series are good; none where the series does not count towards the objective.
fn rule(slo: &Slo, point: &Point) -> Option<EventRule> {
    match &slo.indicator {
        Indicator::Events { total, bad } => match (selects(total, point), selects(bad, point)) {
            (true, true) => Some(EventRule::All(Verdict::Bad)),
            (true, false) => Some(EventRule::All(Verdict::Good)),
            (false, true) => Some(EventRule::BadOfTotal),
            (false, false) => None,
        },
        Indicator::Latency { series, threshold } => {
            selects(series, point).then_some(EventRule::UpTo(*threshold))
        }
        Indicator::Queried(_) | Indicator::Composite { .. } => None,
    }
}

fn selects(selector: &Selector, point: &Point) -> bool {
    *selector.metric == *point.metric
        && selector.matching.iter().all(|matcher| {
            point.attribute(&matcher.attribute).is_some_and(|value| match matcher.pattern.strip_suffix('*') {
                Some(prefix) => value.starts_with(prefix),
                None => **value == *matcher.pattern,
            })
        })
}
