//! From observations to budgets and fault notices. Comes in: [`observation`]s, [`steps`] of queried objectives and
//! [`correction`]s, with the time as an argument. Goes out: views of counts, budgets, the ledger and notices, in the order
//! of the data: [`aggregate`], [`budget`], [`ledger`], [`notice`]. Never does IO, reads a clock or knows OTLP or HTTP:
//! `clippy.toml` refuses the functions that would.

pub mod correction;
pub mod observation;
pub mod steps;

pub mod aggregate;
pub mod budget;
pub mod ledger;
pub mod notice;
