//! The events of one objective as a Prometheus-compatible server counts them, step by step. Comes in: decoded answers.
//! Goes out: [`Steps`]. Never queries a server.

use mapwarden_contract::UnixNanos;

/// What was measured of one objective, step by step, the oldest first. Without a step it only asks for the objective's
/// [`Progress`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steps {
    /// The objective's id.
    pub slo: String,
    /// When it was measured, by the sidecar's clock.
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
    /// It was never measured.
    Never,
    /// It is accounted for until then; earlier steps are not taken again.
    Until(UnixNanos),
}
