//! The series part: every series that counts towards something. Comes in: received points. Goes out: what each adds, for
//! each role of its series. Never knows what a role means.

use std::collections::HashMap;
use std::hash::Hasher as _;

use mapwarden_contract::{Nanos, UnixNanos};
use siphasher::sip128::{Hasher128 as _, SipHasher24};

use super::distribution::{DistributionMark, TimeDistribution};
use super::ignored::{Ignored, IgnoredCounts};
use super::reading::{PointEffect, PointIncrease, ReceivedPoint};
use super::role::Role;
use super::series::{self, Mark};
use super::unsaved::UnsavedCounts;
use crate::observation::{Point, PointValue, Resource, Temporality};

/// How long a series may be silent before it is forgotten.
const SILENT: Nanos = Nanos::from_secs(3_600);

/// The same for a series that a budget depends on: if it came back after it was forgotten, all that it ever counted would
/// be counted again.
const SILENT_SLI: Nanos = Nanos::from_secs(86_400);

/// All series by id.
pub(super) struct SeriesTable {
    by_id: HashMap<u128, Series, foldhash::fast::RandomState>,
    /// Marks from the store, until their series is met again.
    restored: HashMap<u128, Mark>,
    resets: u64,
}

/// A series: what it counts towards and how far it was counted.
struct Series {
    tracks: Vec<Track>,
    distribution: DistributionMark,
    seen: UnixNanos,
    /// Whether marks that budgets depend on changed since the last commit.
    is_unsaved: bool,
}

/// The roles of a series that one mark counts: all that need no threshold, or those of one threshold.
#[derive(Clone, Debug)]
struct Track {
    /// What divides the values of a histogram into good and bad.
    threshold: Option<Nanos>,
    roles: Vec<Role>,
    mark: Option<Mark>,
}

impl SeriesTable {
    pub(super) fn new() -> Self {
        Self { by_id: HashMap::default(), restored: HashMap::new(), resets: 0 }
    }

    /// Returns what distinguishes a series from every other one, the same after a restart. A cumulative series is
    /// distinguished by its start, too (OTLP's single-writer rule): two processes that name no instance are two series, and
    /// one that begins again is a new one.
    pub(super) fn id(resource: &Resource, point: &Point) -> u128 {
        let mut hasher = SipHasher24::new();
        hasher.write_u64(resource.id);
        if is_cumulative(&point.value) {
            hasher.write_u64(point.start.get());
        }
        let attributes = point.attributes.iter().flat_map(|(name, value)| [name, value]);
        for text in std::iter::once(&point.metric).chain(attributes) {
            hasher.write(text.as_bytes());
            hasher.write_u8(0xff);
        }
        hasher.finish128().as_u128()
    }

    /// How many series are held.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// How many cumulative series began again.
    pub(super) const fn resets(&self) -> u64 {
        self.resets
    }

    pub(super) fn holds(&self, id: u128) -> bool {
        self.by_id.contains_key(&id)
    }

    /// Adds a series. It goes on from the store's mark, else from `birth`, else its first point decides.
    pub(super) fn open(&mut self, id: u128, roles: Vec<Role>, birth: Option<Mark>) {
        let mut tracks = tracks(roles);
        for track in &mut tracks {
            track.mark = self.restored.remove(&track.id(id)).or(birth);
        }
        let seen = UnixNanos::EPOCH;
        let series = Series { tracks, distribution: DistributionMark::default(), seen, is_unsaved: false };
        self.by_id.insert(id, series);
    }

    /// Counts a point of a series: calls `count` with each role of the series and what the point adds.
    pub(super) fn take(
        &mut self,
        id: u128,
        received: &ReceivedPoint<'_>,
        ignored: &mut IgnoredCounts,
        mut count: impl FnMut(&Role, &PointEffect<'_>),
    ) {
        let Some(series) = self.by_id.get_mut(&id) else { return };
        series.seen = received.received;
        let mut times = received.times();
        for track in &mut series.tracks {
            let effect = match track.effect(received, &mut series.distribution, &mut times) {
                Ok(effect) => effect,
                Err(reason) => {
                    ignored.add(reason, 1);
                    continue;
                }
            };
            if let PointEffect::Increase(point) = &effect {
                self.resets += u64::from(point.increase.is_reset);
                series.is_unsaved |= track.is_slo();
            }
            track.roles.iter().for_each(|role| count(role, &effect));
        }
    }

    /// Adds the marks that changed since the last call.
    pub(super) fn take_unsaved(&mut self, unsaved: &mut UnsavedCounts) {
        for (id, series) in self.by_id.iter_mut().filter(|(_, series)| series.is_unsaved) {
            series.is_unsaved = false;
            let marks = series.tracks.iter().filter(|track| track.is_slo());
            unsaved.marks.extend(marks.filter_map(|track| Some((track.id(*id), track.mark?))));
        }
        // A tree is written fastest in its own order.
        unsaved.marks.sort_unstable_by_key(|(id, _)| *id);
    }

    /// Marks every series as unsaved: which ones a failed commit had is not known by series, and writing one that did not
    /// change does no harm.
    pub(super) fn redirty(&mut self) {
        self.by_id.values_mut().for_each(|series| series.is_unsaved = true);
    }

    /// Puts back the marks of the store.
    pub(super) fn restore(&mut self, marks: Vec<(u128, Mark)>) {
        self.restored = marks.into_iter().collect();
    }

    /// Moves marks that lie after `now` to `now`: the next points bring what was counted meanwhile.
    pub(super) fn forget_after(&mut self, now: UnixNanos) {
        let tracks = self.by_id.values_mut().flat_map(|series| &mut series.tracks);
        let marks = tracks.filter_map(|track| track.mark.as_mut());
        marks.chain(self.restored.values_mut()).for_each(|mark| mark.time = mark.time.min(now.get()));
        self.by_id.values_mut().for_each(|series| series.seen = series.seen.min(now));
    }

    /// Forgets series that have been silent: for an hour, or for a day where a budget depends on them. Returns the ids of
    /// the latter's marks, because the store has them.
    pub(super) fn forget_silent(&mut self, now: UnixNanos) -> Vec<u128> {
        let mut forgotten = Vec::new();
        self.by_id.retain(|id, series| {
            let is_slo = series.tracks.iter().any(Track::is_slo);
            let is_kept = now.since(series.seen) < if is_slo { SILENT_SLI } else { SILENT };
            if !is_kept {
                forgotten
                    .extend(series.tracks.iter().filter(|track| track.is_slo()).map(|track| track.id(*id)));
            }
            is_kept
        });
        self.restored.retain(|id, mark| {
            let is_kept = now.since(UnixNanos::new(mark.time)) < SILENT_SLI;
            forgotten.extend((!is_kept).then_some(*id));
            is_kept
        });
        forgotten
    }
}

impl Track {
    /// Moves the mark on, and returns what the point adds.
    fn effect<'a>(
        &mut self,
        received: &ReceivedPoint<'a>,
        distribution: &mut DistributionMark,
        times: &mut Option<TimeDistribution>,
    ) -> Result<PointEffect<'a>, Ignored> {
        let Some(reading) = received.reading(self.threshold)? else {
            return received.gauge().map(PointEffect::Gauge).ok_or(Ignored::Malformed);
        };
        // Where the sender's clock is ahead, the sidecar's counts: the time that a point accounts for keeps its length.
        let ahead = received.point.time.since(received.received);
        let (mut increase, mark) = series::increase(self.mark, reading, received.watching_since)?;
        let is_base = self.mark.replace(mark).is_none() && increase.events == 0;
        if reading.temporality == Temporality::Cumulative {
            *times = times.take().map(|times| distribution.increase(times, increase.is_reset));
        }
        increase.from = increase.from.before(ahead);
        Ok(PointEffect::Increase(PointIncrease {
            increase,
            time: reading.time.before(ahead),
            times: times.take().filter(|_| !is_base),
            exemplars: received.exemplars(),
        }))
    }

    /// Whether a budget depends on it.
    fn is_slo(&self) -> bool {
        self.roles.iter().any(|role| matches!(role, Role::Objective(_)))
    }

    /// What distinguishes the track from every other one, the same after a restart: a threshold that was changed has no
    /// mark and begins with the next point.
    fn id(&self, series: u128) -> u128 {
        let Some(threshold) = self.threshold else { return series };
        let mut hasher = SipHasher24::new();
        hasher.write(&series.to_be_bytes());
        hasher.write_u64(threshold.get());
        hasher.finish128().as_u128()
    }
}

/// Divides roles into tracks.
fn tracks(roles: Vec<Role>) -> Vec<Track> {
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

fn is_cumulative(value: &PointValue) -> bool {
    match value {
        PointValue::Sum { temporality, .. } | PointValue::Histogram { temporality, .. } => {
            *temporality == Temporality::Cumulative
        }
        PointValue::Gauge(_) => false,
    }
}
