//! Which objectives the sequential test woke somebody for in vain. Comes in: notices that are resolved. Goes out: how much
//! more a next one must have cost. Never opens a notice.

use std::collections::BTreeMap;

use mapwarden_contract::{Nanos, UnixNanos};

use super::{Notice, trigger};

/// How long a notice counts that the sequential test opened alone: 30 days. Raised, what heals by itself is told less
/// often; lowered, it wakes somebody anew so much sooner.
const HABIT: Nanos = Nanos::from_secs(2_592_000);

/// How many of them count for one objective. Each doubles the cost, and six ask for more than any tier does: further ones
/// would change nothing.
const MOST: usize = 8;

/// When notices were resolved that the sequential test opened, and no tier of their severity ever joined.
#[derive(Debug, Default)]
pub(super) struct Alone(BTreeMap<String, Vec<UnixNanos>>);

impl Alone {
    /// Takes a notice into account that was resolved at a time; of any other kind it takes none.
    pub(super) fn note(&mut self, notice: &Notice, resolved: UnixNanos) {
        if !notice.trigger.as_ref().is_some_and(trigger::is_alone) {
            return;
        }
        let ended = self.0.entry(notice.slo.clone()).or_default();
        ended.push(resolved);
        ended.sort_unstable();
        ended.drain(..ended.len().saturating_sub(MOST));
    }

    /// Forgets the objectives that are no more.
    pub(super) fn keep(&mut self, is_known: impl Fn(&String) -> bool) {
        self.0.retain(|slo, _| is_known(slo));
    }

    /// How many times the cost the test must see: doubled by each notice of the last 30 days.
    pub(super) fn times(&self, slo: &str, now: UnixNanos) -> f64 {
        let ended = self.0.get(slo).map(Vec::as_slice).unwrap_or_default();
        let recent = ended.iter().filter(|ended| now.since(**ended) < HABIT);
        recent.fold(1.0, |times, _| times * 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;

    /// A notice of the sequential test, with or without a tier that joined, as a version wrote it that knew of no runs.
    fn notice(tier: Option<&str>) -> Notice {
        let text = crate::notice::sample::MEASURED.replace("\"run\": 1.2", "\"of_old\": 0");
        let mut notice: Notice = serde_json::from_str(&text).unwrap();
        notice.trigger.as_mut().unwrap().tier = tier.map(str::to_owned);
        notice
    }

    fn day(day: u64) -> UnixNanos {
        UnixNanos::new((20_000 + day) * DAY * 1_000_000_000)
    }

    #[test]
    fn each_notice_of_30_days_that_no_tier_joined_doubles_the_cost() {
        let (mut alone, slo) = (Alone::default(), notice(None).slo);
        alone.note(&notice(Some("quick_page")), day(0));
        assert!((alone.times(&slo, day(0)) - 1.0).abs() < 1e-9, "a tier agreed");
        alone.note(&notice(None), day(10));
        alone.note(&notice(None), day(0));
        let times = [(10, 4.0), (29, 4.0), (30, 2.0), (39, 2.0), (40, 1.0)];
        for (now, expected) in times {
            assert!((alone.times(&slo, day(now)) - expected).abs() < 1e-9, "day {now}");
        }
        assert!((alone.times("another", day(10)) - 1.0).abs() < 1e-9);
        (0..100).for_each(|_| alone.note(&notice(None), day(10)));
        assert!((alone.times(&slo, day(10)) - 256.0).abs() < 1e-9, "the memory is bounded");
        alone.keep(|_| false);
        assert!(alone.0.is_empty());
    }

    #[test]
    fn a_notice_of_before_runs_were_learned_took_each_failure_by_itself() {
        let run = notice(None).trigger.unwrap().rise.unwrap().run;
        assert!((run - 1.0).abs() < 1e-9, "{run}");
    }
}
