//! A small number for every live thread, so that its cells are found by index. Comes in: the current thread.
//! Goes out: its [`ThreadNumber`] and its [`ThreadIndex`]. Numbers are reused after a thread's end, lowest first, so that cells carry on
//! and memory follows the number of threads alive at once, not the number ever started.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{LazyLock, PoisonError};

use super::sync::Mutex;

/// How many threads alive at once have a place of their own in every table. Raised, every map name takes 8 bytes a thread
/// more; the type of [`ThreadIndex`] allows no more than this.
pub(super) const THREADS: usize = 255;

/// Where the current thread stands in a table of `THREADS + 1`. A byte, so that no look-up there can miss and needs no
/// check. The last place stays empty: it is that of threads without one.
#[derive(Clone, Copy, Debug)]
pub(super) struct ThreadIndex(u8);

impl ThreadIndex {
    const NONE: Self = Self(u8::MAX);

    /// The current thread's, or the last one where it has none or has not asked for its number yet: one thread-local read.
    #[inline(always)]
    pub(super) fn if_known() -> Self {
        INDEX.get()
    }

    /// The place as an index.
    #[inline(always)]
    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// That of a thread with this number.
    fn of(number: ThreadNumber) -> Self {
        u8::try_from(number.index()).map_or(Self::NONE, Self)
    }
}

/// The number of the current thread. No two live threads share one below [`ThreadNumber::LEAVING`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ThreadNumber(usize);

impl ThreadNumber {
    /// A thread that is running its last destructors: its own number is free for others already, and its
    /// operations count in the shared cells.
    const LEAVING: Self = Self(usize::MAX - 1);

    /// Not yet asked for.
    const UNSET: Self = Self(usize::MAX);

    /// The current thread's number; its first call takes a lock.
    pub(super) fn current() -> Self {
        let number = NUMBER.get();
        if number == Self::UNSET { first() } else { number }
    }

    /// The current thread's number, or one beyond every table where it has none yet.
    pub(super) fn if_known() -> Self {
        NUMBER.get()
    }

    /// The number as an index.
    pub(super) const fn index(self) -> usize {
        self.0
    }
}

// Apart from the lease, which has a destructor: reading the others needs no check of whether it is registered and works
// in destructors that run later than ours.
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

/// Which numbers are taken. Its lock also orders the last stores of a number's former thread before the first loads of
/// its next one, which lets both be relaxed.
#[derive(Default)]
struct Numbers(Mutex<NumberPool>);

#[derive(Default)]
struct NumberPool {
    /// Given back, smallest on top.
    free: BinaryHeap<Reverse<ThreadNumber>>,
    /// Never given out yet.
    next: usize,
}

static NUMBERS: LazyLock<Numbers> = LazyLock::new(Numbers::default);

impl Numbers {
    /// The lowest number that no thread holds.
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

    /// Lets another thread have the number; this one must have made its last store under it.
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
    fn live_threads_differ_and_ended_threads_are_reused() {
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
        // Other tests of this binary run beside this one; 500 threads in turn still stay far below 500 numbers.
        assert!(highest < Some(300), "{highest:?}");
    }

    #[test]
    fn destructors_that_run_after_ours_take_no_number_for_ever() {
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
        // On either side of our own thread-local, whichever way destructors are ordered.
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
    fn loom_a_cell_is_handed_over_with_every_count() {
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
