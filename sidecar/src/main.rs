//! The `mapwarden` binary.

use std::process::ExitCode;

use libmimalloc_sys::{mi_option_set_default, mi_option_t};

/// Each second of a large sidecar makes and drops a batch and a budget for every objective: glibc's allocator keeps much of
/// that in arenas of its threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// For how many milliseconds free memory is kept before the system has it back, as `MIMALLOC_PURGE_DELAY`: the number of
/// the option in `mimalloc.h`, which its Rust crate does not name.
const PURGE_DELAY: mi_option_t = 15;

#[expect(unsafe_code, reason = "options of the allocator have no safe face")]
fn main() -> ExitCode {
    // After ten seconds, which is the default, what one second made is still there when the tenth one after it needs as
    // much: a third more memory, and no less time.
    // SAFETY: The call must not race with another one, and no thread was started yet.
    unsafe { mi_option_set_default(PURGE_DELAY, 0) };
    mapwarden_sidecar::cli::main()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(unsafe_code, reason = "as in main")]
    fn the_option_that_main_sets_is_the_one_whose_default_is_a_second() {
        // SAFETY: Nothing in this process sets an option.
        assert_eq!(unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) }, 1_000);
    }
}
