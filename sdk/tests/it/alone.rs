//! Runs tests that need a process of their own: one that forks, one that is killed, one with a full registry.
#![allow(unsafe_code, reason = "an alarm is a system call")]

use std::process::{Child, Command, ExitStatus, Stdio};

const TEST: &str = "MAPWARDEN_TEST_ALONE";
const ARGUMENT: &str = "MAPWARDEN_TEST_ARGUMENT";

/// Returns the argument of this process, if it was started for this test alone. The process then has a minute, which
/// allows for a very slow machine.
pub(crate) fn argument(test: &str) -> Option<String> {
    let argument = (std::env::var(TEST).ok()? == test).then(|| std::env::var(ARGUMENT).unwrap());
    if argument.is_some() {
        // Safety: accesses no memory.
        unsafe { libc::alarm(60) };
    }
    argument
}

/// Starts a process that runs only this test, with this argument.
pub(crate) fn start(test: &str, argument: &str) -> Running {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]);
    command.env(TEST, test).env(ARGUMENT, argument).stdout(Stdio::piped());
    Running(command.spawn().unwrap())
}

/// A process, killed if a test ends before it does.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// Waits until the process ends.
    pub(crate) fn wait(mut self) -> ExitStatus {
        self.0.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The process may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
