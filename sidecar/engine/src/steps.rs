//! What a Prometheus-compatible server counted of one objective, step by step. Comes in: answers that are understood
//! already. Goes out: [`Steps`]. Never asks.

use mapwarden_contract::UnixNanos;

/// What was measured of one objective, step by step, the oldest first. Empty, it only asks how far the objective is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steps {
    /// The objective's id.
    pub slo: String,
    /// When it was measured, by our clock.
    pub received: UnixNanos,
    /// The steps.
    pub steps: Vec<Step>,
}

/// What happened in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// From when on the step accounts for the time.
    pub from: UnixNanos,
    /// Its end: where its events are counted.
    pub to: UnixNanos,
    /// Good events.
    pub good: u64,
    /// Bad events.
    pub bad: u64,
}

/// How far an objective has been measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The sidecar keeps no such objective.
    Unknown,
    /// Nothing of it was ever measured.
    Never,
    /// It is accounted for until then; earlier steps are not taken again.
    Until(UnixNanos),
}
