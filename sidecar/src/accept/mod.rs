//! What comes in: OTLP over HTTP, probes of dependencies, announced changes, corrections. What goes out: [`Input`]s for the
//! state's owner. Never knows what an SLO is.

pub mod corrections;
pub mod deploys;
mod json;
pub mod otlp;
pub mod probe;

use mapwarden_engine::correction::{Proposal, ProposalError, WrittenEntry};
use mapwarden_engine::observation::{Batch, Change};
use mapwarden_engine::steps::{Progress, Steps};
use tokio::sync::oneshot;

/// What the state's owner takes from its bounded queue.
#[derive(Debug)]
pub enum Input {
    /// Telemetry.
    Batch(Batch),
    /// A change that somebody announced; answered once it is part of the state.
    Change(Change, oneshot::Sender<()>),
    /// Steps of a queried objective; answered with how far it is once they are part of the state.
    Steps(Steps, oneshot::Sender<Progress>),
    /// A correction or a withdrawal that somebody asked for; answered once it is saved.
    Correction(Box<Proposal>, oneshot::Sender<Result<WrittenEntry, ProposalError>>),
}
