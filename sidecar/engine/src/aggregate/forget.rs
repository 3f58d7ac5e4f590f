//! What is forgotten: what lies ahead of a clock that was set back, and series that fell silent. Comes in: the time. Goes
//! out: the ids of the marks that the store need not keep. Never forgets what was counted.

use mapwarden_contract::{Nanos, UnixNanos};

use super::Aggregate;
use super::roles::Track;

/// How long a series may be silent before it is forgotten.
const SILENT: Nanos = Nanos::from_secs(3_600);

/// The same for a series that a budget depends on: if it came back after it was forgotten, all that it ever
/// counted would be counted again.
const SILENT_SLI: Nanos = Nanos::from_secs(86_400);

impl Aggregate {
    /// Our clock was set back: what lies ahead of it can neither be summed nor compared with, so it is forgotten,
    /// and series go on from now. Their next points bring what was counted meanwhile.
    pub(super) fn forget_future(&mut self, now: UnixNanos) {
        self.watching_since = self.watching_since.min(now);
        self.objectives.values_mut().for_each(|objective| objective.forget_after(now));
        self.maps.values_mut().for_each(|map| map.forget_after(now));
        self.examples.values_mut().for_each(|examples| examples.forget_after(now));
        self.requests.values_mut().for_each(|traffic| traffic.forget_after(now));
        self.dependencies.values_mut().for_each(|dependency| dependency.traffic.forget_after(now));
        for audience in self.audiences.values_mut() {
            audience.active.forget_after(now);
            audience.tenants.forget_after(now);
            audience.failed.forget_after(now);
        }
        let marks = self
            .series
            .values_mut()
            .flat_map(|series| &mut series.tracks)
            .filter_map(|track| track.mark.as_mut());
        marks.chain(self.restored.values_mut()).for_each(|mark| mark.time = mark.time.min(now.get()));
        self.series.values_mut().for_each(|series| series.seen = series.seen.min(now));
    }

    /// Forgets series that have been silent: for an hour, or for a day where a budget depends on them. The marks
    /// of the latter are returned by id, because the store has them.
    pub fn forget_silent(&mut self, now: UnixNanos) -> Vec<u128> {
        let mut forgotten = Vec::new();
        self.maps.values_mut().for_each(|map| map.hot_keys.forget_silent(now));
        self.series.retain(|id, series| {
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
