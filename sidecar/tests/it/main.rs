//! The sidecar from the outside, with one module for each capability.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "clippy.toml allows these in tests, but does not see that this whole crate is one"
)]

mod accept;
mod commands;
mod config;
mod config_objectives;
mod config_sources;
mod corrections;
mod demo;
mod formula;
mod golden;
mod map_view;
mod mounted;
mod names;
mod output_admin;
mod output_alertmanager;
mod output_deliver;
mod output_exposition;
mod output_fixture;
mod output_render;
mod packages;
mod promql;
mod repository;
mod store;
mod workspace;
