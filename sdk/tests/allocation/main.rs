//! Allocations of the recorder: none per operation, and none for threads that come and go. A binary of its own, because
//! it counts every allocation of the process.
#![allow(unsafe_code, reason = "a global allocator is unsafe by nature; this one forwards to the system's")]
#![allow(
    clippy::unwrap_used,
    clippy::as_conversions,
    reason = "clippy's exemptions for tests end at their helpers"
)]

mod operations;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mapwarden::snapshot::Snapshot;

struct Counting;

thread_local!(static ALLOCATIONS: Cell<u64> = const { Cell::new(0) });
static LIVE: AtomicIsize = AtomicIsize::new(0);

// Safety: every call goes unchanged to the system's allocator, which keeps the contract; the counters neither allocate
// nor panic, since a const thread-local without a destructor needs no registration.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        LIVE.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // Safety: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // Safety: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

type Hasher = BuildHasherDefault<DefaultHasher>;

/// Returns the allocations of this thread while the closure runs.
fn allocations(run: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    run();
    ALLOCATIONS.get() - before
}

// The two maps have the same methods but no common trait.
macro_rules! reads_and_writes {
    ($map:expr) => {
        for key in 0..20_000_u64 {
            let map = $map.pin();
            map.get(&(key % 1000));
            map.contains_key(&(key % 2000));
            map.insert(key % 1000, key);
            map.update(key % 1000, |value| value + 1);
            map.get_or_insert(key % 1000, key);
            map.remove(&5000);
            map.len();
        }
    };
}

/// Tests take turns, so that no two allocate at the same time.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn operations_allocate_as_papaya_and_threads_do_not_leak() {
    let _turn = turn();
    let bare = papaya::HashMap::builder().capacity(4096).hasher(Hasher::default()).build();
    let map =
        mapwarden::HashMap::builder().name("allocation").capacity(4096).hasher(Hasher::default()).build();
    let owned = map.pin_owned();
    // The first round allocates the thread's cell and the histograms.
    reads_and_writes!(map);
    reads_and_writes!(bare);
    assert!(owned.get(&1).is_some());

    let reads = allocations(|| (0..200_000).for_each(|key| assert!(map.pin().get(&(key % 1000)).is_some())));
    assert_eq!(reads, 0, "reads through a pin each");
    let reads = allocations(|| (0..50_000).for_each(|key| assert!(owned.get(&(key % 1000)).is_some())));
    assert_eq!(reads, 0, "reads through an owned pin");
    let guard = map.guard();
    let reads = allocations(|| (0..50_000).for_each(|key| assert!(map.get(&(key % 1000), &guard).is_some())));
    assert_eq!(reads, 0, "reads through a guard");
    drop((guard, owned));
    let ours = allocations(|| reads_and_writes!(map));
    let papayas = allocations(|| reads_and_writes!(bare));
    assert_eq!(ours, papayas, "writes");

    let thread = || {
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(map.pin().get(&1).is_some())).join().unwrap();
        });
    };
    (0..100).for_each(|_| thread());
    let before = LIVE.load(Ordering::Relaxed);
    (0..10_000).for_each(|_| thread());
    let grown = LIVE.load(Ordering::Relaxed) - before;
    assert!(grown < 20_000, "10,000 threads in turn left {grown} bytes");

    let snapshot = Snapshot::take();
    let counted = &snapshot.maps.iter().find(|map| &*map.name == "allocation").unwrap().operations;
    let gets: u64 =
        counted.iter().filter(|(op, _, _)| *op == mapwarden::Op::Get).map(|(_, _, count)| count.get()).sum();
    assert_eq!(gets, 2 * 20_000 + 1 + 200_000 + 50_000 + 50_000 + 10_100, "no thread's count is lost");
}
