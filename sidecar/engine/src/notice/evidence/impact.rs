//! Which users and tenants a fault affects, where, and how slow it is for them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use mapwarden_contract::{Count, Ratio};
use serde::{Deserialize, Serialize};

use super::fault::{ImpactSketches, ObservedFault};
use super::latency::{Percentiles, percentiles};
use crate::aggregate::objective::{About, SliKind};
use crate::aggregate::timestamp;
use crate::aggregate::users::UserRing;
use crate::notice::known::Known;

/// Who is affected by a fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Impact {
    /// How many different users had a bad event since `since`.
    pub affected_users: Known<u64>,
    /// 95 % interval of that number, a point while exact.
    pub interval: Known<(u64, u64)>,
    /// Affected users of all users seen in the same time.
    pub share_of_active: Known<Ratio>,
    /// How many different tenants had a bad event in the same time.
    #[serde(default = "Impact::no_tenants")]
    pub affected_tenants: Known<u64>,
    /// 95 % interval of that number, a point while exact; only where the service sends tenants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenants_interval: Option<(u64, u64)>,
    /// Affected tenants of all tenants seen in the same time; only where the service sends tenants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_of_active_tenants: Option<Ratio>,
    /// Share of the bad events by region, largest first in the rendered forms.
    pub regions: Known<BTreeMap<String, Ratio>>,
    /// Latency since the onset, for all requests of the affected scope.
    pub latency: Known<Percentiles>,
    /// From when users were counted: the start of the slot that holds the onset.
    pub since: Timestamp,
    /// Until when: the end of the slot that holds the last moment of the fault.
    pub until: Timestamp,
    /// Which events were counted.
    pub basis: String,
}

impl Impact {
    fn no_tenants() -> Known<u64> {
        Known::missing("the service sends no tenants")
    }
}

/// Returns how many users are affected, in which regions, and their latency.
pub(in crate::notice) fn impact(fault: &ObservedFault<'_>) -> Impact {
    let known = |sketches: &ImpactSketches| {
        let (lower, upper) = sketches.affected.interval();
        (!sketches.is_empty()).then(|| (users(sketches.affected.estimate()), (users(lower), users(upper))))
    };
    let (affected_users, interval) = match known(fault.users) {
        Some((affected, interval)) => (Known::Value(affected), Known::Value(interval)),
        None => (Known::missing(why_no_users(fault)), Known::missing(why_no_users(fault))),
    };
    let tenants = known(fault.tenants);
    Impact {
        affected_users,
        interval,
        share_of_active: Known::or_missing(share(fault.users), "no user was seen"),
        affected_tenants: tenants.map_or_else(Impact::no_tenants, |tenants| Known::Value(tenants.0)),
        tenants_interval: tenants.map(|tenants| tenants.1),
        share_of_active_tenants: share(fault.tenants),
        regions: regions(fault),
        latency: percentiles(fault),
        since: timestamp(fault.users_since),
        until: timestamp(UserRing::slot_end(fault.until)),
        basis: basis(fault),
    }
}

/// The reason why no affected users are known.
fn why_no_users(fault: &ObservedFault<'_>) -> &'static str {
    match &fault.objective.definition.about {
        About::Map(_) => "map operations are not attributed to users",
        About::Scope(_) if fault.users.active.is_empty() => {
            "no request has a user (Scope::request(..).user(..))"
        }
        About::Metric(_) if fault.users.active.is_empty() => {
            "no server span has a user (enduser.pseudo.id or enduser.id)"
        }
        About::Derived(_) => "the sidecar sees no single events of the objective",
        About::Scope(_) | About::Metric(_) => "",
    }
}

/// Which events the impact is measured from.
fn basis(fault: &ObservedFault<'_>) -> String {
    let definition = &fault.objective.definition;
    match (&definition.about, definition.sli) {
        (About::Map(map), SliKind::Freshness { .. }) => format!("seconds of the map {map}"),
        (About::Map(map), SliKind::Availability | SliKind::Latency { .. } | SliKind::HitRatio) => {
            format!("operations on the map {map}")
        }
        (About::Scope(scope), _) => format!("requests of the scope {scope}"),
        (About::Derived(what), _) => what.to_string(),
        (About::Metric(_), _) => {
            "users of failed server spans; regions by the events of the objective".to_owned()
        }
    }
}

#[expect(clippy::as_conversions, reason = "a cast from float saturates; a number of users is far below 2^53")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as above")]
fn users(estimate: f64) -> u64 {
    estimate.round() as u64
}

fn share(sketches: &ImpactSketches) -> Option<Ratio> {
    let (affected, active) = (users(sketches.affected.estimate()), users(sketches.active.estimate()));
    Ratio::of(Count::new(affected), Count::new(active))
}

/// The share of the bad events that each region has.
fn regions(fault: &ObservedFault<'_>) -> Known<BTreeMap<String, Ratio>> {
    let bad = fault.events_by(|place| place.region.clone());
    let all: Count = bad.values().map(|counts| counts.0).sum();
    let known = bad.iter().filter(|(region, counts)| !region.is_empty() && counts.0 > Count::ZERO);
    let regions: BTreeMap<_, _> =
        known.filter_map(|(region, counts)| Some((region.to_string(), Ratio::of(counts.0, all)?))).collect();
    if regions.is_empty() { Known::missing("no bad event has a region") } else { Known::Value(regions) }
}

/// Returns each region's share of all events since the onset, where events have a region.
pub(in crate::notice) fn region_traffic(fault: &ObservedFault<'_>) -> BTreeMap<String, Ratio> {
    let by_region = fault.events_by(|place| place.region.clone());
    let all: Count = by_region.values().map(|counts| counts.1).sum();
    by_region
        .iter()
        .filter_map(|(region, counts)| Some((region.to_string(), Ratio::of(counts.1, all)?)))
        .collect()
}
