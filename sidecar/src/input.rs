//! The inputs of the state's owner: what `accept` and `promql` put into its bounded queue. Types only; never reads or
//! decides anything.

use mapwarden_engine::correction::{Proposal, ProposalError, WrittenEntry};
use mapwarden_engine::observation::{Batch, Change};
use mapwarden_engine::steps::{Progress, Steps};
use tokio::sync::oneshot;

/// What the state's owner takes from its queue.
#[derive(Debug)]
pub enum Input {
    /// Telemetry.
    Batch(Batch),
    /// An announced change; answered once it is part of the state.
    Change(Change, oneshot::Sender<()>),
    /// Steps of a queried objective; answered with how far the objective is once they are part of the state.
    Steps(Steps, oneshot::Sender<Progress>),
    /// A proposed correction or withdrawal; answered once it is saved.
    Correction(Box<Proposal>, oneshot::Sender<Result<WrittenEntry, ProposalError>>),
}
