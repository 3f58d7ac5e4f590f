//! The engine from the outside, one module per capability.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "clippy.toml allows these in tests, but does not see that this whole crate is one"
)]
#![allow(clippy::disallowed_methods, reason = "tests read their scenarios from files")]

mod aggregate;
mod laws;
mod notice_maps;
mod notice_spenders;
mod notices;
mod objectives;
mod scenarios;
mod unconfirmed_notices;
