//! The monotonic clock of timed operations, read on the cold path only.
//!
//! It is the standard library's clock. On Linux that reads the processor's time-stamp counter if the kernel has found
//! it to be invariant and in step between cores, and otherwise asks the kernel; elsewhere it is the clock of the
//! system. Reading the counter directly was measured at 16.0 ns against 17.4 ns (docs/benchmarks.md). It would need a
//! calibration at the start of every process, and is wrong after a virtual machine has moved.

use std::sync::LazyLock;
use std::time::Instant;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Returns the nanoseconds since the first call in the process, at least 1; 0 is free to mean "not timed".
pub(super) fn now() -> u64 {
    u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX - 1) + 1
}
