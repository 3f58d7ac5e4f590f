//! The Mapwarden sidecar: telemetry in, exact error budgets and fault notices out.
//!
//! The folders read in the order of the data: [`accept`] turns OTLP and probes into observations, [`aggregate`]
//! into counts over windows, [`budget`] into budgets and burn rates, [`notice`] into fault notices, [`output`]
//! into pages, metrics and messages. This file is the only place that wires them.

pub mod cli;
pub mod config;
pub mod problem;

pub mod accept;
pub mod aggregate;
pub mod budget;
pub mod notice;
pub mod output;
pub mod store;

mod owner;
mod sidecar;

pub use sidecar::Sidecar;
