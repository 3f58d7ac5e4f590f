//! What a series is for: which objectives, maps, requests and dependencies its points count towards.

use std::collections::BTreeMap;
use std::hash::Hasher as _;
use std::sync::Arc;

use mapwarden_contract::names::{attribute, wire};
use mapwarden_contract::{Nanos, Ratio, UnixNanos, Verdict};
use siphasher::sip128::{Hasher128 as _, SipHasher24};

use super::distribution::Distribution;
use super::objective::{About, Definition, Events, ObjectiveState, Place, SliKind};
use super::series::{Ignored, Increase, Mark, Reading};
use super::{MapKey, RequestKey};
use crate::observation::{
    Attributes, Buckets, Completion, Exemplar, Histogram, Point, PointValue, Resource, Temporality,
};
use mapwarden_objective::{Indicator, Selector, Slo};

/// How a series counts towards an objective.
#[derive(Clone, Copy, Debug)]
pub(super) enum SloRole {
    /// Every event has this verdict.
    All(Verdict),
    /// Bad events whose totals another series counts.
    BadOfTotal,
    /// Good up to the threshold, bad above.
    UpTo(Nanos),
}

/// One thing that a series counts towards.
#[derive(Clone, Debug)]
pub(super) enum Role {
    /// Events of an objective.
    Slo { slo: String, place: Place, counts: SloRole },
    /// Operations of a map.
    MapOperation(MapKey, (Arc<str>, Arc<str>)),
    /// Times of a map's operation.
    MapDuration(MapKey, Arc<str>),
    /// Something that one process tells of a map's present.
    MapGauge(MapKey, u64, MapGauge),
    /// Closure retries of a map.
    MapRetries(MapKey),
    /// Operations of a map that failed, by operation and type of error.
    MapFailures(MapKey, (Arc<str>, Arc<str>)),
    /// Operations on single keys of a map, estimated.
    MapSampled(MapKey),
    /// The same within a request scope.
    MapScope(MapKey, Arc<str>),
    /// Requests by service, scope, region.
    Requests(RequestKey, Completion),
    /// Times of such requests.
    RequestDuration(RequestKey),
    /// Calls to a dependency by a service.
    Calls(Arc<str>, Arc<str>, Completion),
    /// Times of such calls.
    CallDuration(Arc<str>, Arc<str>),
}

/// What a gauge tells of a map.
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

/// What a point adds, ready for every role.
pub(super) struct Applied<'a> {
    /// What its series increased by, in our time.
    pub(super) increase: Increase,
    /// The end of the time that it accounts for, in our time.
    pub(super) time: UnixNanos,
    /// The times it adds, for a histogram.
    pub(super) times: Option<Distribution>,
    /// Single events of it that a trace tells about.
    pub(super) exemplars: &'a [Exemplar],
}

impl Role {
    /// The threshold that divides the role's events.
    fn threshold(&self) -> Option<Nanos> {
        if let Self::Slo { counts: SloRole::UpTo(threshold), .. } = self { Some(*threshold) } else { None }
    }
}

impl SloRole {
    /// The events that a point adds to the role's objective.
    pub(super) fn events(self, applied: &Applied<'_>) -> Events {
        let Increase { events, part, from, is_reset: _ } = applied.increase;
        let (good, bad) = match self {
            Self::All(Verdict::Good) => (events, 0),
            Self::All(Verdict::Bad) | Self::BadOfTotal => (0, events),
            Self::UpTo(_) => (part, events - part),
        };
        Events { from: from.min(applied.time), to: applied.time, good, bad }
    }
}

/// Whether a point declares an objective.
pub(super) fn is_objective(point: &Point) -> bool {
    &*point.metric == wire::OBJECTIVE.name
}

/// Whether a point tells of a hot key. Which keys are hot changes all the time: they are bounded by the map, and
/// are no series of their own.
pub(super) fn is_hot_key(point: &Point) -> bool {
    &*point.metric == wire::MAP_HOT_KEY_OPERATIONS.name
}

/// The map and the key that a point of a hot key is about; none where it does not keep the contract.
pub(super) fn hot_key(resource: &Resource, point: &Point) -> Option<(MapKey, Arc<str>)> {
    let get = |name| value_of(&point.attributes, name).cloned();
    Some(((resource.service.clone(), get(attribute::MAP)?), get(attribute::KEY)?))
}

/// The objective that a point declares; none where it does not keep the contract.
pub(super) fn definition(resource: &Resource, point: &Point) -> Option<Definition> {
    let PointValue::Gauge(target) = point.value else { return None };
    let target = Ratio::new(target).ok().filter(|target| target.get() > 0.0 && target.get() < 1.0)?;
    let get = |name| value_of(&point.attributes, name);
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

/// The objective that the configuration declares.
pub(super) fn definition_of(slo: &Slo) -> Definition {
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

/// What tells a series from every other one, the same after a restart. A cumulative series is told apart by its
/// start, too (OTLP's single-writer rule): two processes that name no instance are two series, and what begins
/// again begins anew.
pub(super) fn series_id(resource: &Resource, point: &Point) -> u128 {
    let mut hasher = SipHasher24::new();
    hasher.write_u64(resource.id);
    if is_cumulative(&point.value) {
        hasher.write_u64(point.start.get());
    }
    for text in
        std::iter::once(&point.metric).chain(point.attributes.iter().flat_map(|(name, value)| [name, value]))
    {
        hasher.write(text.as_bytes());
        hasher.write_u8(0xff);
    }
    hasher.finish128().as_u128()
}

fn is_cumulative(value: &PointValue) -> bool {
    match value {
        PointValue::Sum { temporality, .. } | PointValue::Histogram { temporality, .. } => {
            *temporality == Temporality::Cumulative
        }
        PointValue::Gauge(_) => false,
    }
}

/// Everything that a series counts towards.
pub(super) fn roles_of(
    resource: &Resource,
    point: &Point,
    configured: &[Slo],
    objectives: &BTreeMap<String, ObjectiveState>,
) -> Result<Vec<Role>, Ignored> {
    if let Some(role) = our_role(resource, point, objectives)? {
        return Ok(vec![role]);
    }
    let place = place(resource, point);
    let of_service = configured.iter().filter(|slo| *slo.service == *resource.service);
    let id = |slo: &Slo| format!("{}{}", slo.id(), group(slo, resource, point));
    Ok(of_service.filter_map(|slo| configured_role(slo, point, &place, || id(slo))).collect())
}

/// The group of an objective that a series belongs to, as its name ends: `{region=eu,tier=}`; empty where there are no
/// groups.
fn group(slo: &Slo, resource: &Resource, point: &Point) -> String {
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
        let value = value_of(&point.attributes, label).or(of_resource);
        format!("{label}={}", value.map_or("", |value| &**value))
    };
    format!("{{{}}}", slo.group_by.iter().map(value).collect::<Vec<_>>().join(","))
}

fn configured_role(slo: &Slo, point: &Point, place: &Place, id: impl Fn() -> String) -> Option<Role> {
    let counts = match &slo.indicator {
        Indicator::Events { total, bad } => match (selects(total, point), selects(bad, point)) {
            (true, true) => Some(SloRole::All(Verdict::Bad)),
            (true, false) => Some(SloRole::All(Verdict::Good)),
            (false, true) => Some(SloRole::BadOfTotal),
            (false, false) => None,
        },
        Indicator::Latency { series, threshold } => {
            selects(series, point).then_some(SloRole::UpTo(*threshold))
        }
        Indicator::Queried(_) | Indicator::Composite { .. } => None,
    };
    Some(Role::Slo { slo: id(), place: place.clone(), counts: counts? })
}

fn selects(selector: &Selector, point: &Point) -> bool {
    *selector.metric == *point.metric
        && selector.matching.iter().all(|matcher| {
            value_of(&point.attributes, &matcher.attribute).is_some_and(|value| {
                match matcher.pattern.strip_suffix('*') {
                    Some(prefix) => value.starts_with(prefix),
                    None => **value == *matcher.pattern,
                }
            })
        })
}

/// The role of one of our own metrics; none for every other metric.
fn our_role(
    resource: &Resource,
    point: &Point,
    objectives: &BTreeMap<String, ObjectiveState>,
) -> Result<Option<Role>, Ignored> {
    let need = |name| value_of(&point.attributes, name).cloned().ok_or(Ignored::Malformed);
    let service = || resource.service.clone();
    let completion = || match &*need(attribute::OUTCOME)? {
        wire::OK => Ok(Completion::Ok),
        wire::FAILED => Ok(Completion::Failed),
        wire::CANCELLED => Ok(Completion::Cancelled),
        _ => Err(Ignored::Malformed),
    };
    let scope = || {
        let region = value_of(&point.attributes, attribute::REGION).cloned().unwrap_or_else(|| Arc::from(""));
        need(attribute::SCOPE).map(|scope| (service(), scope, region))
    };
    let metric = &*point.metric;
    let role = if metric == wire::SLI_EVENTS.name {
        let slo = format!("{}/{}", resource.service, need(attribute::SLO)?);
        if !objectives.contains_key(&slo) {
            return Err(Ignored::UnknownObjective);
        }
        let verdict = need(attribute::VERDICT)?;
        let verdict =
            Verdict::ALL.into_iter().find(|known| *verdict == *known.name()).ok_or(Ignored::Malformed)?;
        Role::Slo { slo, place: place(resource, point), counts: SloRole::All(verdict) }
    } else if metric == wire::REQUESTS.name {
        Role::Requests(scope()?, completion()?)
    } else if metric == wire::REQUEST_DURATION.name {
        Role::RequestDuration(scope()?)
    } else if metric == wire::DEPENDENCY_CALLS.name {
        Role::Calls(need(attribute::DEPENDENCY)?, service(), completion()?)
    } else if metric == wire::DEPENDENCY_DURATION.name {
        Role::CallDuration(need(attribute::DEPENDENCY)?, service())
    } else {
        return map_role(resource, point);
    };
    Ok(Some(role))
}

/// The role of one of our own metrics of maps; none for every other metric.
fn map_role(resource: &Resource, point: &Point) -> Result<Option<Role>, Ignored> {
    let need = |name| value_of(&point.attributes, name).cloned().ok_or(Ignored::Malformed);
    let map = || need(attribute::MAP).map(|map| (resource.service.clone(), map));
    let gauge = |gauge| Ok(Role::MapGauge(map()?, resource.id, gauge));
    let metric = &*point.metric;
    let role = if metric == wire::MAP_OPERATIONS.name {
        Role::MapOperation(map()?, (need(attribute::OP)?, need(attribute::OUTCOME)?))
    } else if metric == wire::MAP_DURATION.name {
        Role::MapDuration(map()?, need(attribute::OP)?)
    } else if metric == wire::MAP_ENTRIES.name {
        gauge(MapGauge::Entries)?
    } else if metric == wire::MAP_MAX_ENTRIES.name {
        gauge(MapGauge::MaxEntries)?
    } else if metric == wire::MAP_LAST_WRITE.name {
        gauge(MapGauge::LastWrite)?
    } else if metric == wire::MAP_GUARD_HELD.name {
        gauge(MapGauge::GuardHeld)?
    } else if metric == wire::MAP_RETRIES.name {
        Role::MapRetries(map()?)
    } else if metric == wire::MAP_FAILURES.name {
        Role::MapFailures(map()?, (need(attribute::OP)?, need(attribute::ERROR_TYPE)?))
    } else if metric == wire::MAP_SAMPLED_OPERATIONS.name {
        Role::MapSampled(map()?)
    } else if metric == wire::MAP_SCOPE_OPERATIONS.name {
        Role::MapScope(map()?, need(attribute::SCOPE)?)
    } else {
        return Ok(None);
    };
    Ok(Some(role))
}

fn place(resource: &Resource, point: &Point) -> Place {
    let region = value_of(&point.attributes, attribute::REGION)
        .or_else(|| value_of(&point.attributes, attribute::CLOUD_REGION))
        .or(resource.region.as_ref());
    Place {
        version: resource.version.clone().unwrap_or_else(|| Arc::from("")),
        region: region.cloned().unwrap_or_else(|| Arc::from("")),
    }
}

fn value_of<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a Arc<str>> {
    attributes.iter().find(|attribute| *attribute.0 == *name).map(|attribute| &attribute.1)
}

/// Some roles of a series that are counted by one mark: all that need no threshold, or those of one threshold.
#[derive(Clone, Debug)]
pub(super) struct Track {
    /// What divides the values of a histogram into good and bad.
    pub(super) threshold: Option<Nanos>,
    /// What is counted.
    pub(super) roles: Vec<Role>,
    /// How far it was counted.
    pub(super) mark: Option<Mark>,
}

impl Track {
    /// Whether a budget depends on it.
    pub(super) fn is_slo(&self) -> bool {
        self.roles.iter().any(|role| matches!(role, Role::Slo { .. }))
    }

    /// What tells the track from every other one, the same after a restart: a threshold that was changed has no
    /// mark and begins with what comes.
    pub(super) fn id(&self, series: u128) -> u128 {
        let Some(threshold) = self.threshold else { return series };
        let mut hasher = SipHasher24::new();
        hasher.write(&series.to_be_bytes());
        hasher.write_u64(threshold.get());
        hasher.finish128().as_u128()
    }
}

/// Parts roles into tracks.
pub(super) fn tracks(roles: Vec<Role>) -> Vec<Track> {
    let mut tracks: Vec<Track> = Vec::new();
    for role in roles {
        let threshold = role.threshold();
        match tracks.iter_mut().find(|track| track.threshold == threshold) {
            Some(track) => track.roles.push(role),
            None => tracks.push(Track { threshold, roles: vec![role], mark: None }),
        }
    }
    // There are many series, and nearly all have one.
    tracks.shrink_to_fit();
    tracks
}

/// A point as a reading of whole events; none for a gauge.
///
/// # Errors
/// The threshold is not a bound of the point's histogram.
pub(super) fn reading(
    point: &Point,
    threshold: Option<Nanos>,
    received: UnixNanos,
) -> Result<Option<Reading>, Ignored> {
    let time = if point.time == UnixNanos::EPOCH { received } else { point.time };
    let reading =
        |temporality, value, part| Some(Reading { temporality, start: point.start, time, value, part });
    match &point.value {
        PointValue::Gauge(_) => Ok(None),
        PointValue::Sum { temporality, value } => Ok(reading(*temporality, whole(*value), 0)),
        PointValue::Histogram { temporality, histogram } => {
            let part = match threshold {
                Some(threshold) => good_up_to(histogram, threshold).ok_or(Ignored::ThresholdOffBound)?,
                None => 0,
            };
            Ok(reading(*temporality, histogram.count.get(), part))
        }
    }
}

/// How many values of a histogram are at most the threshold; none where no bound lies there, within a
/// millionth, because a count between bounds would be invented.
fn good_up_to(histogram: &Histogram, threshold: Nanos) -> Option<u64> {
    let threshold = threshold.as_secs_f64() * 1e9 / histogram.to_nanos?;
    let is_there = |bound: f64| (bound / threshold - 1.0).abs() < 1e-6;
    match &histogram.buckets {
        Buckets::Explicit { bounds, counts } => {
            let at = bounds.iter().position(|bound| is_there(*bound))?;
            Some(counts.iter().take(at + 1).sum())
        }
        Buckets::Exponential { scale, offset, counts, zero } => {
            let step = (-f64::from(*scale)).exp2();
            let index = (threshold.log2() / step).round();
            is_there((index * step).exp2()).then(|| {
                let good = (*offset..).zip(counts).take_while(|(bucket, _)| f64::from(*bucket) < index);
                zero + good.map(|(_, count)| count).sum::<u64>()
            })
        }
    }
}

/// The times that a point's histogram holds; none for other points.
pub(super) fn distribution(point: &Point) -> Option<Distribution> {
    match &point.value {
        PointValue::Histogram { histogram, temporality: Temporality::Cumulative | Temporality::Delta } => {
            Distribution::of(histogram)
        }
        PointValue::Sum { .. } | PointValue::Gauge(_) => None,
    }
}

/// The single events of a point's histogram that a trace tells about.
pub(super) fn exemplars(point: &Point) -> &[Exemplar] {
    match &point.value {
        PointValue::Histogram { histogram, temporality: Temporality::Cumulative | Temporality::Delta } => {
            &histogram.exemplars
        }
        PointValue::Sum { .. } | PointValue::Gauge(_) => &[],
    }
}

/// A sum as whole events; what is not finite or negative is none.
#[expect(clippy::as_conversions, reason = "a cast from float saturates; sums of events are whole below 2^53")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as above")]
pub(super) fn whole(value: f64) -> u64 {
    value as u64
}
