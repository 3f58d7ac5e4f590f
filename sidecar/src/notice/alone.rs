//! Which objectives the sequential test woke somebody for in vain. Comes in: notices that are resolved. Goes out: how much
//! more a next one must have cost. Never opens a notice.

use std::collections::BTreeMap;

use mapwarden::contract::{Nanos, UnixNanos};

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
