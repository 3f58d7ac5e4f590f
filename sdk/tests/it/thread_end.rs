//! The work of a service in the last destructors of a thread is counted, and does not panic.

use std::cell::RefCell;

use mapwarden::{HashMap, Scope, Telemetry};
use mapwarden_contract::names::{attribute as name, wire};
use opentelemetry::Context;

use crate::receiver::{Receiver, orders, turn};

/// Uses the SDK when its thread ends, and ends the request that it holds.
#[derive(Default)]
struct AtTheEnd {
    map: Option<HashMap<u32, u32>>,
    scope: Option<Scope>,
}

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        if let Some(map) = &self.map {
            // The map is full: the rejection becomes a span, if possible.
            let _ = map.pin().try_insert(2, 2);
        }
        drop(self.scope.take());
        let scope = Scope::request("thread-end-new").start();
        let entered = scope.enter();
        if let Some(map) = &self.map {
            // Timed, so that it looks up the current scope.
            assert_eq!(map.pin().get(&1), Some(&1));
        }
        Scope::dependency("thread-end-call").fail("x");
        drop(entered);
        scope.fail("x");
    }
}

thread_local! {
    static AT_THE_END: RefCell<AtTheEnd> = RefCell::default();
}

fn full() -> HashMap<u32, u32> {
    let map = HashMap::builder().name("thread-end").max_entries(1).build();
    map.pin().insert(1, 1);
    map
}

fn thread(work: impl FnOnce() + Send + 'static) {
    let work = || {
        // papaya's own thread-local is first: it must outlive the code that uses a map, too. One of our maps would
        // initialise the context, too.
        drop(papaya::HashMap::<u32, u32>::new().pin());
        work();
    };
    std::thread::spawn(work).join().unwrap();
}

#[test]
fn work_in_the_last_destructors_of_a_thread_is_counted() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry: Telemetry = orders(receiver.address).install().unwrap();
    // Thread-locals are dropped in the reverse order of their first use.
    thread(|| {
        AT_THE_END.with_borrow_mut(|end| end.map = Some(full()));
        // This request initialises the context, which is dropped before the destructor.
        AT_THE_END.with_borrow_mut(|end| end.scope = Some(Scope::request("thread-end-kept").start()));
    });
    thread(|| {
        AT_THE_END.with_borrow_mut(|end| end.map = Some(full()));
        // A rejected operation initialises the context.
        AT_THE_END.with_borrow_mut(|end| drop(end.map.as_ref().unwrap().pin().try_insert(3, 3)));
    });
    thread(|| {
        AT_THE_END.with_borrow_mut(|end| end.map = Some(full()));
        // The service uses the context before the SDK.
        drop(Context::current());
    });
    thread(|| {
        // The context outlives the destructor.
        let scope = Scope::request("thread-end-kept").start();
        AT_THE_END.with_borrow_mut(|end| (end.map, end.scope) = (Some(full()), Some(scope)));
    });
    // Nothing is initialised before the destructor.
    thread(|| AT_THE_END.with_borrow(|_| ()));
    // Not even a map of the service: requests need no thread-local of papaya, neither before nor after its drop.
    std::thread::spawn(|| AT_THE_END.with_borrow(|_| ())).join().unwrap();
    std::thread::spawn(|| {
        AT_THE_END.with_borrow(|_| ());
        drop(full());
        Scope::request("thread-end-kept").start().fail("x");
    })
    .join()
    .unwrap();
    telemetry.flush().unwrap();

    let batch = receiver.metrics();
    let failed = |scope| {
        let of = [(name::SCOPE, scope), (name::REGION, ""), (name::OUTCOME, "failed")];
        batch.value(wire::REQUESTS.name, &of)
    };
    assert_eq!((failed("thread-end-new"), failed("thread-end-kept")), (Some(7.0), Some(3.0)));
    let rejected = [(name::MAP, "thread-end"), (name::OP, "try_insert"), (name::OUTCOME, "rejected")];
    assert_eq!(batch.value(wire::MAP_OPERATIONS.name, &rejected), Some(5.0));
    let spans = receiver.spans();
    let sent_spans = |name: &str| spans.iter().filter(|span| span.name == name).count();
    assert_eq!(
        sent_spans("thread-end-new"),
        3,
        "one for each thread with a usable context in its destructor"
    );
}
