//! The `mapwarden` binary.

fn main() {}
