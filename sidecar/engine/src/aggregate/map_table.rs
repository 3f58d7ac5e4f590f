//! The maps part: every map by service and name. Comes in: what the series of maps add, and points of hot keys. Goes out:
//! [`Map`]s. Never holds more maps or keys than their tables allow.

use mapwarden_contract::{Nanos, UnixNanos};

use super::bounded::Bounded;
use super::hot_keys::KeyPoint;
use super::ignored::Ignored;
use super::keys::MapKey;
use super::maps::Map;
use super::reading::{PointEffect, PointGauge, ReceivedPoint};
use super::role::{MapCounts, MapGauge, MapRole, Role};
use super::sdk_metrics;
use super::series::Mark;

/// All maps.
pub(super) struct MapTable(Bounded<MapKey, Map>);

impl MapTable {
    pub(super) const fn new(other: MapKey) -> Self {
        Self(Bounded::new(other))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&MapKey, &Map)> {
        self.0.iter()
    }

    /// How many hot keys are held, over all maps.
    pub(super) fn hot_keys(&self) -> usize {
        self.0.values().map(|map| map.hot_keys.len()).sum()
    }

    /// Counts what a point adds to a map.
    pub(super) fn count(&mut self, role: &MapRole, effect: &PointEffect<'_>) {
        match (&role.counts, effect) {
            (MapCounts::Gauge { sender, gauge }, PointEffect::Gauge(point)) => {
                set(self.0.at(&role.map), *sender, *gauge, *point);
            }
            (MapCounts::Gauge { .. }, PointEffect::Increase(_)) | (_, PointEffect::Gauge(_)) => {}
            (counts, PointEffect::Increase(point)) => {
                let (time, events) = (point.time, point.increase.events);
                let map = self.0.at(&role.map);
                match counts {
                    MapCounts::Operations(pair) => map.count(pair, time, events),
                    MapCounts::Retries => map.retry(time, events),
                    MapCounts::Failures(pair) => map.fail(pair, time, events),
                    MapCounts::Sampled => map.sample(time, events),
                    MapCounts::SampledIn(scope) => map.sample_in(scope, time, events),
                    MapCounts::Times(op) => {
                        if let Some(times) = &point.times {
                            map.took(op, time, times);
                        }
                    }
                    MapCounts::Gauge { .. } => {}
                }
            }
        }
    }

    /// Counts a point of a hot key. Where there is no room for another series, only known keys are counted.
    ///
    /// # Errors
    /// The point breaks the contract, is a duplicate or comes late, or there are too many keys.
    pub(super) fn take_hot_key(
        &mut self,
        received: &ReceivedPoint<'_>,
        is_full: bool,
    ) -> Result<(), Ignored> {
        let (map, key) = sdk_metrics::hot_key(received.resource, received.point).ok_or(Ignored::Malformed)?;
        let reading = received.reading(None)?.ok_or(Ignored::Malformed)?;
        let hot_keys = &mut self.0.at(&map).hot_keys;
        if is_full && !hot_keys.holds(&key) {
            return Err(Ignored::TooManySeries);
        }
        let at = reading.time.min(received.received);
        let watching_since = received.watching_since;
        hot_keys.take(&key, KeyPoint { sender: received.resource.id, reading, at, watching_since })
    }

    /// Returns the first mark of a series of failures that its process, which reports all that it has in each batch, did not
    /// report the time before: the series began at zero since then, even if the process is older than the sidecar.
    pub(super) fn birth(&self, roles: &[Role], received: &ReceivedPoint<'_>) -> Option<Mark> {
        let Some(Role::Map(MapRole { map, counts: MapCounts::Failures(_) })) = roles.first() else {
            return None;
        };
        let before = self.0.get(map)?.reported.before(received.resource.id)?;
        Some(Mark { start: received.point.start.get(), time: before.get(), value: 0, part: 0 })
    }

    pub(super) fn forget_after(&mut self, now: UnixNanos) {
        self.0.values_mut().for_each(|map| map.forget_after(now));
    }

    /// Forgets hot keys that were reported too long ago.
    pub(super) fn forget_silent(&mut self, now: UnixNanos) {
        self.0.values_mut().for_each(|map| map.hot_keys.forget_silent(now));
    }
}

fn set(map: &mut Map, sender: u64, gauge: MapGauge, point: PointGauge) {
    let PointGauge { time: reported, received, value } = point;
    let time = reported.min(received);
    match gauge {
        MapGauge::Entries => {
            map.reported.record(sender, reported);
            map.set_entries(time, value);
        }
        MapGauge::MaxEntries => map.max_entries.record(sender, time, value),
        MapGauge::LastWrite => map.last_write.record(sender, time, value.min(received.get())),
        MapGauge::GuardHeld => map.guard_held.record(time, Nanos::new(value)),
    }
}
