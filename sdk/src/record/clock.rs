//! The monotonic clock of timed operations, read on the cold path only.
//!
//! It is the standard library's. On Linux that reads the processor's time-stamp counter where the kernel has found it
//! to be invariant and in step between cores, and asks the kernel where not; elsewhere it is what the system has. To read
//! the counter with a calibration of our own was measured at 16.0 ns against 17.4 ns (docs/benchmarks.md), would have to
//! be calibrated in every process at its start, and is wrong after a virtual machine has moved.

use std::sync::LazyLock;
use std::time::Instant;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Nanoseconds since the process first asked, at least 1; 0 is free to say "not timed".
pub(super) fn now() -> u64 {
    u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX - 1) + 1
}
