//! The `mapwarden` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    mapwarden_sidecar::cli::main()
}
