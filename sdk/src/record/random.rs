//! Random numbers. Comes in: nothing. Goes out: draws from a generator of each thread. Never draws from the generator
//! that `fastrand` keeps for its users: the service may seed that one, the same in every process, and its draws must
//! not depend on these.

use std::cell::Cell;

use fastrand::Rng;
use uuid::Uuid;

thread_local! {
    /// The state of this thread's generator. It has no destructor, so that it can always be used.
    static STATE: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Draws from this thread's generator. The first draw asks the system for a seed.
pub(crate) fn random<T>(draw: impl FnOnce(&mut Rng) -> T) -> T {
    let mut random = Rng::with_seed(STATE.get().unwrap_or_else(seed));
    let drawn = draw(&mut random);
    STATE.set(Some(random.get_seed()));
    drawn
}

/// Returns both halves of a random UUID combined, so that its fixed bits do not matter.
fn seed() -> u64 {
    let (first, second) = Uuid::new_v4().as_u64_pair();
    first ^ second.rotate_left(32)
}

/// Makes this thread's draws the same in every run.
#[cfg(test)]
pub(crate) fn seed_for_test(seed: u64) {
    STATE.set(Some(seed));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_of_the_service_is_not_used() {
        fastrand::seed(5);
        let undisturbed = fastrand::u64(..);
        fastrand::seed(5);
        let ours = std::iter::repeat_with(|| random(|random| random.u64(..)));
        let ours: Vec<u64> = ours.take(4).collect();
        assert_eq!(fastrand::u64(..), undisturbed);
        fastrand::seed(5);
        let again: Vec<u64> = std::iter::repeat_with(|| random(|random| random.u64(..))).take(4).collect();
        assert_ne!(ours, again);
    }
}
