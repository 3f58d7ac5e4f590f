//! Tests that need a process of their own: one that forks, one that is killed, one with a full registry.
#![allow(unsafe_code, reason = "an alarm is a system call")]

use std::process::{Child, Command, ExitStatus, Stdio};

const TEST: &str = "MAPWARDEN_TEST_ALONE";
const ARGUMENT: &str = "MAPWARDEN_TEST_ARGUMENT";

/// What this process was started with, if it was started for this test alone. It has a minute from now on, which is
/// for a machine that hardly runs.
pub(crate) fn argument(test: &str) -> Option<String> {
    let argument = (std::env::var(TEST).ok()? == test).then(|| std::env::var(ARGUMENT).unwrap());
    if argument.is_some() {
        // Safety: touches no memory.
        unsafe { libc::alarm(60) };
    }
    argument
}

/// Starts a process that runs this test alone, and gets this argument.
pub(crate) fn start(test: &str, argument: &str) -> Running {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]);
    command.env(TEST, test).env(ARGUMENT, argument).stdout(Stdio::piped());
    Running(command.spawn().unwrap())
}

/// A process, killed if a test ends before it does.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// Waits for its end.
    pub(crate) fn wait(mut self) -> ExitStatus {
        self.0.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
