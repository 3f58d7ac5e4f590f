//! Where events happened. Comes in: the place of each event. Goes out: the events of each place by time. Never keeps
//! an event twice: as long as all events of an objective have one place, that place's slots are the objective's own.

use std::collections::BTreeMap;
use std::sync::Arc;

use mapwarden_contract::names::attribute;
use mapwarden_contract::{Nanos, UnixNanos};
use serde::{Deserialize, Serialize};

use super::bounded::OTHER;
use super::slots::Slots;
use crate::observation::{Point, Resource};

/// Where an event happened: the finest division of bad events.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The service's version, empty where it is unknown.
    pub version: Arc<str>,
    /// The region, empty where it is unknown.
    pub region: Arc<str>,
}

impl Place {
    /// Returns the place of a sender's point: the region of the point, else that of the sender.
    pub(super) fn of(resource: &Resource, point: &Point) -> Self {
        let region = point.attribute(attribute::REGION).or_else(|| point.attribute(attribute::CLOUD_REGION));
        let region = region.or(resource.region.as_ref());
        Self {
            version: resource.version.clone().unwrap_or_else(|| Arc::from("")),
            region: region.cloned().unwrap_or_else(|| Arc::from("")),
        }
    }
}

/// How many places an objective has; events of further ones go to the last place, `other`.
const MAX_PLACES: usize = 64;

/// After how long without an event a place makes room for another one.
const QUIET: Nanos = Nanos::from_secs(3_600);

/// The places of one objective.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// The only place of all events that the objective's slots hold; then none has slots of its own.
    only: Option<Place>,
    slots: BTreeMap<Place, Slots>,
}

impl Places {
    /// Notes where the first of all events happened.
    pub(super) fn begin(&mut self, place: &Place) {
        if self.slots.is_empty() {
            self.only = Some(place.clone());
        }
    }

    /// The slots that events of a place are to be added to, beside the objective's own, which are `whole`; none where those
    /// are the place's, too.
    pub(super) fn of_event(&mut self, place: &Place, whole: &Slots, now: UnixNanos) -> Option<&mut Slots> {
        if self.only.as_ref() == Some(place) {
            return None;
        }
        self.divide(whole);
        Some(self.of_part(place, now))
    }

    /// The slots that events of a place are to be added to where the objective's own do not hold them one by one. Where
    /// there are too many places, one that has been quiet for long makes room.
    pub(super) fn of_part(&mut self, place: &Place, now: UnixNanos) -> &mut Slots {
        let is_full = self.slots.len() >= MAX_PLACES && !self.slots.contains_key(place);
        if is_full {
            let newest = |slots: &Slots| slots.newest().unwrap_or(UnixNanos::EPOCH);
            let quietest = self.slots.iter().map(|(place, slots)| (newest(slots), place)).min();
            if let Some((_, quietest)) = quietest.filter(|(last, _)| now.since(*last) > QUIET) {
                let quietest = quietest.clone();
                self.slots.remove(&quietest);
            }
        }
        let has_room = self.slots.len() < MAX_PLACES || self.slots.contains_key(place);
        let other = || Place { version: Arc::from(OTHER), region: Arc::from(OTHER) };
        self.slots.entry(if has_room { place.clone() } else { other() }).or_insert_with(Slots::for_places)
    }

    /// Gives the only place slots of its own.
    pub(super) fn divide(&mut self, whole: &Slots) {
        if let Some(only) = self.only.take() {
            self.slots.insert(only, whole.of_place());
        }
    }

    /// Every place and its events by time.
    pub(super) fn iter<'a>(&'a self, whole: &'a Slots) -> impl Iterator<Item = (&'a Place, &'a Slots)> {
        self.only.iter().map(move |place| (place, whole)).chain(&self.slots)
    }

    /// The only place, which the store keeps.
    pub(super) const fn only(&self) -> Option<&Place> {
        self.only.as_ref()
    }

    /// Puts back the only place that the store kept.
    pub(super) fn restore(only: Option<Place>) -> Self {
        Self { only, slots: BTreeMap::new() }
    }

    /// Forgets what happened after `now`.
    pub(super) fn forget_after(&mut self, now: UnixNanos) {
        self.slots.values_mut().for_each(|slots| slots.forget_after(now));
    }
}
