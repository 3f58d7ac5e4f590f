//! Unconfirmed notices: those that the sequential test opened and no tier of their severity joined. Comes in: resolved
//! notices. Goes out: the factor by which the next one must cost more. Never opens a notice.

use std::collections::BTreeMap;

use mapwarden_contract::{Nanos, UnixNanos};

use super::content::Notice;
use super::trigger::Trigger;

/// How long an unconfirmed notice counts: 30 days. Raised, a fault that heals by itself pages less often; lowered, it pages
/// again so much sooner.
const COUNTED_FOR: Nanos = Nanos::from_secs(2_592_000);

/// How many of them count for one objective. Each doubles the cost, and six ask for more than any tier does: further ones
/// would change nothing.
const MOST: usize = 8;

/// When each objective's unconfirmed notices were resolved, by objective.
#[derive(Debug, Default)]
pub(super) struct UnconfirmedNotices(BTreeMap<String, Vec<UnixNanos>>);

impl UnconfirmedNotices {
    /// Counts a resolved notice, if it is unconfirmed.
    pub(super) fn note(&mut self, notice: &Notice, resolved: UnixNanos) {
        if !notice.trigger.as_ref().is_some_and(Trigger::is_unconfirmed) {
            return;
        }
        let ended = self.0.entry(notice.slo.clone()).or_default();
        ended.push(resolved);
        ended.sort_unstable();
        ended.drain(..ended.len().saturating_sub(MOST));
    }

    /// Forgets the objectives that no longer exist.
    pub(super) fn keep(&mut self, is_known: impl Fn(&String) -> bool) {
        self.0.retain(|slo, _| is_known(slo));
    }

    /// Returns the factor of the cost that the sequential test must see: doubled by each notice of the last 30 days.
    pub(super) fn cost_factor(&self, slo: &str, now: UnixNanos) -> f64 {
        let ended = self.0.get(slo).map(Vec::as_slice).unwrap_or_default();
        let recent = ended.iter().filter(|ended| now.since(**ended) < COUNTED_FOR);
        recent.fold(1.0, |factor, _| factor * 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;

    /// A notice of the sequential test, with or without a tier that joined, as a version stored it that knew no failure
    /// runs.
    fn notice(tier: Option<&str>) -> Notice {
        let text = crate::notice::samples::MEASURED.replace("\"run\": 1.2", "\"unknown_field\": 0");
        let mut notice: Notice = serde_json::from_str(&text).unwrap();
        notice.trigger.as_mut().unwrap().tier = tier.map(str::to_owned);
        notice
    }

    fn day(day: u64) -> UnixNanos {
        UnixNanos::new((20_000 + day) * DAY * 1_000_000_000)
    }

    #[test]
    fn each_unconfirmed_notice_of_30_days_doubles_the_cost() {
        let (mut unconfirmed, slo) = (UnconfirmedNotices::default(), notice(None).slo);
        unconfirmed.note(&notice(Some("quick_page")), day(0));
        assert!((unconfirmed.cost_factor(&slo, day(0)) - 1.0).abs() < 1e-9, "a tier joined");
        unconfirmed.note(&notice(None), day(10));
        unconfirmed.note(&notice(None), day(0));
        let factors = [(10, 4.0), (29, 4.0), (30, 2.0), (39, 2.0), (40, 1.0)];
        for (now, expected) in factors {
            assert!((unconfirmed.cost_factor(&slo, day(now)) - expected).abs() < 1e-9, "day {now}");
        }
        assert!((unconfirmed.cost_factor("another", day(10)) - 1.0).abs() < 1e-9);
        (0..100).for_each(|_| unconfirmed.note(&notice(None), day(10)));
        assert!((unconfirmed.cost_factor(&slo, day(10)) - 256.0).abs() < 1e-9, "the memory is bounded");
        unconfirmed.keep(|_| false);
        assert!(unconfirmed.0.is_empty());
    }

    #[test]
    fn a_notice_stored_without_a_run_length_has_runs_of_one() {
        let run = notice(None).trigger.unwrap().sequential.unwrap().run;
        assert!((run - 1.0).abs() < 1e-9, "{run}");
    }
}
