//! The `mapwarden` binary.

use std::process::ExitCode;

/// Each second of a large sidecar makes and drops a batch, a view and a budget for every objective: glibc's allocator keeps
/// much of that in arenas of its threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    mapwarden_sidecar::cli::main()
}
