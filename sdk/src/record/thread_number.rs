//! A small number for every live thread, so that its cells are found by index. Comes in: the current thread. Goes out:
//! its [`ThreadNumber`] and its [`ThreadIndex`]. Never gives one number to two live threads. The number of an ended
//! thread is reused, lowest first, so that its cells are used again and memory grows with the threads alive at once,
//! not with all threads ever started.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{LazyLock, PoisonError};

use super::sync::Mutex;

/// Live threads that have an entry of their own in every table. Raised, every map name takes 8 bytes more a thread; the
/// type of [`ThreadIndex`] allows no more than this.
pub(super) const THREADS: usize = 255;

/// The position of the current thread in a table of `THREADS + 1`. A byte, so that no look-up can miss and none needs a
/// check. The last position stays empty: it is that of threads without one.
#[derive(Clone, Copy, Debug)]
pub(super) struct ThreadIndex(u8);

impl ThreadIndex {
    const NONE: Self = Self(u8::MAX);

    /// Returns the current thread's index, or the last one if it has none or has not asked for its number yet: one
    /// thread-local read.
    #[inline(always)]
    pub(super) fn if_known() -> Self {
        INDEX.get()
    }

    /// Returns the position as a number.
    #[inline(always)]
    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// Returns the index of a thread with this number.
    fn of(number: ThreadNumber) -> Self {
        u8::try_from(number.index()).map_or(Self::NONE, Self)
    }
}

/// The number of the current thread. No two live threads share one below [`ThreadNumber::LEAVING`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ThreadNumber(usize);

impl ThreadNumber {
    /// A thread that runs its last destructors: its number is free for others already, and its operations count in the
    /// shared cells.
    const LEAVING: Self = Self(usize::MAX - 1);

    /// A thread that has not called [`ThreadNumber::current`] yet.
    const UNSET: Self = Self(usize::MAX);

    /// Returns the current thread's number. A thread's first call takes a lock.
    pub(super) fn current() -> Self {
        let number = NUMBER.get();
        if number == Self::UNSET { first() } else { number }
    }

    /// Returns the current thread's number, or one beyond every table if it has none yet.
    pub(super) fn if_known() -> Self {
        NUMBER.get()
    }

    /// Returns the number as an index.
    pub(super) const fn index(self) -> usize {
        self.0
    }
}

// The lease alone has a destructor: a read of the others needs no check for its registration, and works in destructors
// that run after it.
thread_local! {
    static INDEX: Cell<ThreadIndex> = const { Cell::new(ThreadIndex::NONE) };
    static NUMBER: Cell<ThreadNumber> = const { Cell::new(ThreadNumber::UNSET) };
    static LEASE: Lease = const { Lease { number: Cell::new(None) } };
}

/// Gives the number back when the thread ends.
struct Lease {
    number: Cell<Option<ThreadNumber>>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        set(ThreadNumber::LEAVING);
        if let Some(number) = self.number.take() {
            NUMBERS.give_back(number);
        }
    }
}

/// The numbers in use. Its lock also orders the last stores of a number's former thread before the first loads of its
/// next one, so that both can be relaxed.
#[derive(Default)]
struct Numbers(Mutex<NumberPool>);

#[derive(Default)]
struct NumberPool {
    /// Numbers that were given back, smallest on top.
    free: BinaryHeap<Reverse<ThreadNumber>>,
    /// The lowest number that was never in use.
    next: usize,
}

static NUMBERS: LazyLock<Numbers> = LazyLock::new(Numbers::default);

impl Numbers {
    /// Returns the lowest number that no thread holds.
    fn take(&self) -> ThreadNumber {
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match pool.free.pop() {
            Some(Reverse(number)) => number,
            None => {
                let number = ThreadNumber(pool.next);
                pool.next += 1;
                number
            }
        }
    }

    /// Frees the number for another thread. The current thread must have made its last store under it.
    fn give_back(&self, number: ThreadNumber) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).free.push(Reverse(number));
    }
}

#[cold]
fn first() -> ThreadNumber {
    let number = LEASE.try_with(|lease| {
        let number = NUMBERS.take();
        lease.number.set(Some(number));
        number
    });
    let number = number.unwrap_or(ThreadNumber::LEAVING);
    set(number);
    number
}

fn set(number: ThreadNumber) {
    NUMBER.set(number);
    INDEX.set(ThreadIndex::of(number));
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn live_threads_differ_and_numbers_are_reused() {
        let barrier = Barrier::new(40);
        let numbers: Vec<ThreadNumber> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..40)
                .map(|_| {
                    scope.spawn(|| {
                        let number = ThreadNumber::current();
                        barrier.wait();
                        assert_eq!(ThreadNumber::current(), number, "a thread keeps its number");
                        number
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(numbers.iter().map(|number| number.index()).collect::<HashSet<_>>().len(), 40);

        let highest =
            (0..500).map(|_| std::thread::spawn(|| ThreadNumber::current().index()).join().unwrap()).max();
        // Other tests of this binary run at the same time; 500 threads in turn still stay far below 500 numbers.
        assert!(highest < Some(300), "{highest:?}");
    }

    #[test]
    fn late_destructors_take_no_number_for_ever() {
        struct Late;
        impl Drop for Late {
            fn drop(&mut self) {
                ThreadNumber::current();
            }
        }
        thread_local! {
            static BEFORE: Late = const { Late };
            static AFTER: Late = const { Late };
        }
        // On either side of the lease, for either order of destructors.
        let thread = || {
            BEFORE.with(|_| ());
            let number = ThreadNumber::current();
            AFTER.with(|_| ());
            number.index()
        };
        let highest = (0..500).map(|_| std::thread::spawn(thread).join().unwrap()).max();
        assert!(highest < Some(300), "{highest:?}");
    }
}

#[cfg(all(test, mapwarden_loom))]
mod loom_tests {
    use std::sync::Arc;

    use loom::thread;

    use super::*;
    use crate::record::cell::ThreadCell;
    use mapwarden_contract::{Op, Outcome};

    #[test]
    fn loom_a_reused_cell_keeps_every_count() {
        loom::model(|| {
            let numbers = Arc::new(Numbers::default());
            let cells = Arc::new([0; 2].map(ThreadCell::exclusive));
            let live = || {
                let (numbers, cells) = (Arc::clone(&numbers), Arc::clone(&cells));
                move || {
                    let number = numbers.take();
                    cells[number.index()].count(Op::Get, Outcome::Hit);
                    numbers.give_back(number);
                }
            };
            let threads = [live(), live()].map(thread::spawn);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            live()();
            let counted: u64 = cells.iter().map(|cell| cell.get(Op::Get, Outcome::Hit)).sum();
            assert_eq!(counted, 3);
        });
    }
}
