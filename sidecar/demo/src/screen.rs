//! What comes in: events and a status. What goes out: lines on standard output: lasting ones, and a status line that is
//! overwritten. Never fails: a closed pipe does not end the demo.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use tokio::time::Instant;

/// The output of the demo.
pub(crate) struct Screen {
    began: Instant,
    is_terminal: bool,
    has_status: bool,
}

impl Screen {
    /// Standard output; a terminal gets a status line that is written over each time.
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), is_terminal: std::io::stdout().is_terminal(), has_status: false }
    }

    /// Returns how long the demo has run.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Returns how often the status is shown: seldom in a log, where each one is a line.
    pub(crate) fn pace(&self) -> Duration {
        Duration::from_secs(if self.is_terminal { 1 } else { 10 })
    }

    /// Writes an event with the time.
    pub(crate) fn event(&mut self, what: &str) {
        let line = format!("{} {what}", self.clock());
        self.block(&line);
    }

    /// Writes text that stays.
    pub(crate) fn block(&mut self, text: &str) {
        if std::mem::take(&mut self.has_status) {
            write_out("\r\x1b[2K");
        }
        write_out(&format!("{text}\n"));
    }

    /// Writes the status line.
    pub(crate) fn status(&mut self, status: &str) {
        let line = format!("{} {status}", self.clock());
        if self.is_terminal {
            self.has_status = true;
            // Without wrapping (DECAWM off), so that the next status finds the whole line to write over.
            write_out(&format!("\r\x1b[2K\x1b[?7l{line}\x1b[?7h"));
        } else {
            write_out(&format!("{line}\n"));
        }
    }

    fn clock(&self) -> String {
        format!("[{:>3}s]", self.began.elapsed().as_secs())
    }
}

impl Drop for Screen {
    /// Ends the status line, so that later output begins on a line of its own.
    fn drop(&mut self) {
        if self.has_status {
            write_out("\n");
        }
    }
}

fn write_out(text: &str) {
    let mut out = std::io::stdout().lock();
    // A closed pipe does not end the demo: the service would be left without its sidecar.
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}
