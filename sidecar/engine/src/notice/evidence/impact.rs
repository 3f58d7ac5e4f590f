//! Who met a fault.

use std::collections::BTreeMap;
use std::sync::Arc;

use mapwarden_contract::{Count, Ratio};

use super::{Crowd, Fault, slis};
use crate::aggregate::objective::{About, SliKind};
use crate::aggregate::timestamp;
use crate::aggregate::users::UserRing;
use crate::notice::{Impact, Known};

/// How many users, where from, and how slow it was for them.
pub(in crate::notice) fn impact(fault: &Fault<'_>) -> Impact {
    let untold = || match &fault.objective.definition.about {
        About::Map(_) => "map operations are not attributed to users",
        About::Scope(_) if fault.users.active.is_empty() => {
            "no request named its user (Scope::request(..).user(..))"
        }
        About::Metric(_) if fault.users.active.is_empty() => {
            "no server span named its user (enduser.pseudo.id or enduser.id)"
        }
        About::Derived(_) => "the sidecar sees no single events of the objective",
        About::Scope(_) | About::Metric(_) => "",
    };
    let known = |crowd: &Crowd| {
        let (lower, upper) = crowd.affected.interval();
        (!crowd.is_empty()).then(|| (users(crowd.affected.estimate()), (users(lower), users(upper))))
    };
    let (affected_users, interval) = match known(fault.users) {
        Some((affected, interval)) => (Known::Value(affected), Known::Value(interval)),
        None => (Known::missing(untold()), Known::missing(untold())),
    };
    let tenants = known(fault.tenants);
    Impact {
        affected_users,
        interval,
        share_of_active: share(fault.users).map_or_else(|| Known::missing("no user was seen"), Known::Value),
        affected_tenants: tenants.map_or_else(Impact::tenants_untold, |tenants| Known::Value(tenants.0)),
        tenants_interval: tenants.map(|tenants| tenants.1),
        share_of_active_tenants: share(fault.tenants),
        regions: regions(fault),
        latency: slis::percentiles(fault),
        since: timestamp(fault.users_since),
        until: timestamp(UserRing::slot_end(fault.until)),
        basis: match &fault.objective.definition.about {
            About::Map(map) => match fault.objective.definition.sli {
                SliKind::Freshness { .. } => format!("seconds of the map {map}"),
                SliKind::Availability | SliKind::Latency { .. } | SliKind::HitRatio => {
                    format!("operations on the map {map}")
                }
            },
            About::Scope(scope) => format!("requests of the scope {scope}"),
            About::Derived(what) => what.to_string(),
            About::Metric(_) => {
                "users of failed server spans; regions by the events of the objective".to_owned()
            }
        },
    }
}

#[expect(clippy::as_conversions, reason = "a cast from float saturates; a number of users is far below 2^53")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as above")]
fn users(estimate: f64) -> u64 {
    estimate.round() as u64
}

fn share(crowd: &Crowd) -> Option<Ratio> {
    let (affected, active) = (users(crowd.affected.estimate()), users(crowd.active.estimate()));
    Ratio::of(Count::new(affected), Count::new(active))
}

/// The share of the bad events that each region has.
fn regions(fault: &Fault<'_>) -> Known<BTreeMap<String, Ratio>> {
    let bad = bad_by(fault, |place| place.region.clone());
    let all: Count = bad.values().map(|counts| counts.0).sum();
    let told = bad.iter().filter(|(region, counts)| !region.is_empty() && counts.0 > Count::ZERO);
    let regions: BTreeMap<_, _> =
        told.filter_map(|(region, counts)| Some((region.to_string(), Ratio::of(counts.0, all)?))).collect();
    if regions.is_empty() { Known::missing("no bad event named its region") } else { Known::Value(regions) }
}

/// The share of all events since the onset that each region has, where it was told.
pub(in crate::notice) fn region_traffic(fault: &Fault<'_>) -> BTreeMap<String, Ratio> {
    let by_region = bad_by(fault, |place| place.region.clone());
    let all: Count = by_region.values().map(|counts| counts.1).sum();
    by_region
        .iter()
        .filter_map(|(region, counts)| Some((region.to_string(), Ratio::of(counts.1, all)?)))
        .collect()
}

/// Bad events and all events since the onset, by a part of the place.
pub(super) fn bad_by(
    fault: &Fault<'_>,
    part: impl Fn(&crate::aggregate::objective::Place) -> Arc<str>,
) -> BTreeMap<Arc<str>, (Count, Count)> {
    let mut by: BTreeMap<Arc<str>, (Count, Count)> = BTreeMap::new();
    for (place, slots) in fault.objective.places() {
        let counts = slots.between(fault.onset.at, fault.end(), fault.view.now);
        let sum = by.entry(part(place)).or_default();
        sum.0 += counts.bad;
        sum.1 += counts.total();
    }
    by
}
