//! Single events of a fault that have a trace.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::Timestamp;
use mapwarden_contract::Nanos;
use serde::{Deserialize, Serialize};

use super::fault::ObservedFault;
use crate::aggregate::examples::{Example, ExampleReason};
use crate::aggregate::objective::{About, SliKind};
use crate::aggregate::{SPANS, timestamp};

/// How many traces a notice shows.
const TRACES: usize = 3;

/// One event of a fault that has a trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExampleTrace {
    /// The trace, 32 hexadecimal digits.
    pub trace_id: String,
    /// The span in it, 16 hexadecimal digits.
    pub span_id: String,
    /// When it ended.
    pub at: Timestamp,
    /// How long it took.
    pub duration: Nanos,
    /// What it was: `request checkout`, `get of sessions`, a span's or a metric's name.
    pub what: String,
    /// Why it is an example: `failed: timeout`, `slow or failed`, `slow`.
    pub why: String,
}

/// Returns up to three traces of events that missed the objective or may have: failures first, then the slowest.
pub(in crate::notice) fn examples(fault: &ObservedFault<'_>) -> Vec<ExampleTrace> {
    let definition = &fault.objective.definition;
    let spans = || About::Scope(SPANS.into());
    let about = match &definition.about {
        About::Map(_) | About::Scope(_) | About::Derived(_) => vec![definition.about.clone()],
        About::Metric(_) => vec![definition.about.clone(), spans()],
    };
    let from = fault.onset.at.before(fault.onset.uncertainty);
    let sources = about.iter().filter_map(|about| fault.view.examples(&definition.service, about));
    let mut found: Vec<&Example> = sources
        .flat_map(|examples| examples.between(from, fault.until))
        .filter(|example| is_of(definition.sli, example))
        .collect();
    found.sort_by_key(|example| {
        let is_failed = matches!(example.why, ExampleReason::Failed(_));
        (!is_failed || matches!(definition.sli, SliKind::Latency { .. }), Reverse(example.exemplar.duration))
    });
    let mut seen = BTreeSet::new();
    found.retain(|example| seen.insert(example.exemplar.trace.id));
    found.into_iter().take(TRACES).map(example_trace).collect()
}

/// Whether an event missed an objective of this kind, or may have.
fn is_of(sli: SliKind, example: &Example) -> bool {
    match (sli, &example.why) {
        (
            SliKind::Latency { threshold },
            ExampleReason::Failed(_) | ExampleReason::SlowOrFailed | ExampleReason::Sampled,
        ) => example.exemplar.duration > threshold,
        (SliKind::Availability, ExampleReason::Failed(_) | ExampleReason::SlowOrFailed) => true,
        (SliKind::Availability, ExampleReason::Sampled) => false,
        // Neither a miss nor a second without a write is an event with a span.
        (
            SliKind::HitRatio | SliKind::Freshness { .. },
            ExampleReason::Failed(_) | ExampleReason::SlowOrFailed | ExampleReason::Sampled,
        ) => false,
    }
}

fn example_trace(example: &Example) -> ExampleTrace {
    let Example { exemplar, what, why } = example;
    ExampleTrace {
        trace_id: hex(&exemplar.trace.id),
        span_id: hex(&exemplar.trace.span),
        at: timestamp(exemplar.at),
        duration: exemplar.duration,
        what: what.to_string(),
        why: match why {
            ExampleReason::Failed(Some(error)) => format!("failed: {error}"),
            ExampleReason::Failed(None) => "failed".to_owned(),
            ExampleReason::SlowOrFailed => "slow or failed".to_owned(),
            ExampleReason::Sampled => "slow".to_owned(),
        },
    }
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}
