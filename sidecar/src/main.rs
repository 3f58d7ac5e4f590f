//! The `mapwarden` binary: sets up the allocator and runs the command.

use std::process::ExitCode;

use libmimalloc_sys::{mi_option_set_default, mi_option_t};

/// A large sidecar makes and drops a batch and a budget for every objective each second: glibc's allocator keeps much of that
/// memory in arenas of its threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The option `mi_option_purge_delay` (`MIMALLOC_PURGE_DELAY`): for how many milliseconds freed memory is kept before the system
/// gets it back. The Rust crate does not name it; the number is its position in `mi_option_e` of `mimalloc.h`.
const PURGE_DELAY: mi_option_t = 15;

#[expect(unsafe_code, reason = "options of the allocator have no safe face")]
fn main() -> ExitCode {
    // The default of mimalloc 3 is 1,000 ms (`options.c`; the 10 ms in `mimalloc.h` are those of mimalloc 2): memory that one
    // evaluation freed is then still resident when the next one, a second later, needs as much. That was a third more memory
    // and saved no time, so that freed memory goes back at once.
    // SAFETY: The call must not race with another one, and no thread has been started yet.
    unsafe { mi_option_set_default(PURGE_DELAY, 0) };
    mapwarden_sidecar::cli::main()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(unsafe_code, reason = "as in main")]
    fn the_purge_delay_of_mimalloc_is_a_second_by_default() {
        // SAFETY: Nothing in this process sets an option.
        assert_eq!(unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) }, 1_000);
    }
}
