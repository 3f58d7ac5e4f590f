//! What comes in: what happens. What goes out: lines for whoever watches: lasting ones, and one that shows that
//! time passes. Never fails: a demo whose output nobody reads goes on.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use tokio::time::Instant;

/// Where the demo tells what happens.
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

    /// How long the demo runs.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// How often a status is worth a line while nothing happens: a log is read later, line by line.
    pub(crate) fn pace(&self) -> Duration {
        Duration::from_secs(if self.is_terminal { 1 } else { 10 })
    }

    /// Something happened.
    pub(crate) fn event(&mut self, what: &str) {
        let line = format!("{} {what}", self.clock());
        self.block(&line);
    }

    /// Text that stays.
    pub(crate) fn block(&mut self, text: &str) {
        if std::mem::take(&mut self.has_status) {
            write_out("\r\x1b[2K");
        }
        write_out(&format!("{text}\n"));
    }

    /// How things are.
    pub(crate) fn status(&mut self, how: &str) {
        let line = format!("{} {how}", self.clock());
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
    /// Leaves the status line as it is, for whatever is written next.
    fn drop(&mut self) {
        if self.has_status {
            write_out("\n");
        }
    }
}

fn write_out(text: &str) {
    let mut out = std::io::stdout().lock();
    // A closed pipe is no reason to leave a service without its sidecar.
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}
