//! SLO files from the outside, one module per capability.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "clippy.toml allows these in tests, but does not see that this whole crate is one"
)]

mod any_text;
mod corpus;
mod golden;
mod reading;
mod round_trip;
