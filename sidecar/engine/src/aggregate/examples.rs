//! Single events that have traces: the last few of one map, request scope or metric. Comes in: [`Example`]s. Goes out: those
//! of an interval. Never keeps an event twice.

use std::collections::VecDeque;
use std::sync::Arc;

use mapwarden_contract::UnixNanos;

use crate::observation::TracedEvent;

/// How many events are kept. Raised, a long fault still has its first ones, at some 150 bytes each.
const EXAMPLES: usize = 32;

/// One event that has a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// When it ended, how long it took, and its trace.
    pub exemplar: TracedEvent,
    /// What it was: `request checkout`, `get of sessions`, a span's or a metric's name.
    pub what: Arc<str>,
    /// Why it is one.
    pub why: ExampleReason,
}

/// Why an event is an example. A closed set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExampleReason {
    /// It failed, with the type of its error where it is known.
    Failed(Option<Arc<str>>),
    /// The SDK made a span of it because it was slow or failed.
    SlowOrFailed,
    /// Its sender chose it by chance.
    Sampled,
}

/// The last events.
#[derive(Clone, Debug, Default)]
pub struct Examples {
    last: VecDeque<Example>,
}

impl Examples {
    /// Adds an event. A failure replaces what is known of the same event.
    pub fn add(&mut self, example: Example) {
        let known = self.last.iter_mut().find(|known| known.exemplar.trace == example.exemplar.trace);
        match (known, &example.why) {
            (Some(known), ExampleReason::Failed(_)) => *known = example,
            (Some(_), ExampleReason::SlowOrFailed | ExampleReason::Sampled) => {}
            (None, ExampleReason::Failed(_) | ExampleReason::SlowOrFailed | ExampleReason::Sampled) => {
                self.last.push_back(example);
            }
        }
        while self.last.len() > EXAMPLES {
            self.last.pop_front();
        }
    }

    /// The events that ended between two times.
    pub fn between(&self, from: UnixNanos, to: UnixNanos) -> impl Iterator<Item = &Example> {
        self.last.iter().filter(move |example| (from..=to).contains(&example.exemplar.at))
    }

    /// Forgets what ended after `now`.
    pub fn forget_after(&mut self, now: UnixNanos) {
        self.last.retain(|example| example.exemplar.at <= now);
    }
}

#[cfg(test)]
mod tests {
    use mapwarden_contract::Nanos;

    use super::*;
    use crate::observation::Trace;

    fn example(id: u8, second: u64, why: ExampleReason) -> Example {
        let at = UnixNanos::new(second * 1_000_000_000);
        let trace = Trace { id: [id; 16], span: [id; 8] };
        let exemplar = TracedEvent { at, duration: Nanos::from_millis(3), trace };
        Example { exemplar, what: Arc::from("request checkout"), why }
    }

    #[test]
    fn an_event_is_kept_once_and_a_failure_replaces_it() {
        let mut examples = Examples::default();
        let (from, to) = (UnixNanos::EPOCH, UnixNanos::new(u64::MAX));
        let failed = ExampleReason::Failed(Some(Arc::from("timeout")));
        for why in [ExampleReason::SlowOrFailed, failed.clone(), ExampleReason::SlowOrFailed] {
            examples.add(example(1, 10, why));
        }
        assert_eq!(examples.between(from, to).collect::<Vec<_>>(), [&example(1, 10, failed)]);
        assert_eq!(examples.between(from, UnixNanos::new(9_999_999_999)).count(), 0);
        for id in 2..=200 {
            examples.add(example(id, u64::from(id) * 10, ExampleReason::Sampled));
        }
        assert_eq!(examples.between(from, to).count(), EXAMPLES);
        examples.forget_after(UnixNanos::new(1_999_000_000_000));
        assert_eq!(examples.between(from, to).count(), EXAMPLES - 1);
    }
}
