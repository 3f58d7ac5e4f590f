//! How long guards keep a map from freeing removed entries.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use mapwarden::HashMap;
use mapwarden::Nanos;

use super::snapshots::snapshot;

type Hold = fn(&HashMap<u32, u32>, &mut dyn FnMut());

fn held(name: &str) -> Nanos {
    snapshot(name).guard_held
}

#[test]
fn a_guard_of_any_kind_is_seen_while_it_is_held_and_after() {
    let map: HashMap<u32, u32> = HashMap::builder().name("held").time_every_operation().build();
    let guards: [(&str, Hold); 4] = [
        ("pin", |map, meanwhile| {
            let _pin = map.pin();
            meanwhile();
        }),
        ("guard", |map, meanwhile| {
            let _guard = map.guard();
            meanwhile();
        }),
        ("owned pin", |map, meanwhile| {
            let _pin = map.pin_owned();
            meanwhile();
        }),
        ("owned guard", |map, meanwhile| {
            let _guard = map.owned_guard();
            meanwhile();
        }),
    ];
    for (kind, hold) in guards {
        held("held");
        hold(&map, &mut || {
            map.pin().insert(1, 1);
            let first = held("held");
            assert!(first > Nanos::ZERO && held("held") > first, "{kind}");
        });
        // The time until its end, unless the snapshot of another test took it.
        held("held");
        assert_eq!(held("held"), Nanos::ZERO, "{kind}: no guard is held");
    }
}

#[test]
fn a_map_that_only_loads_is_probed_and_reports_its_entries() {
    let map: HashMap<u32, u32> = HashMap::builder().name("held-by-loads").time_every_operation().build();
    let load = || map.pin().try_get_or_insert_with(1, || Ok::<_, ()>(1)).is_ok();
    for when in ["loaded", "found"] {
        held("held-by-loads");
        let guard = map.guard();
        assert!(load());
        assert!(held("held-by-loads") > Nanos::ZERO, "{when}");
        drop(guard);
    }
    assert_eq!(snapshot("held-by-loads").entries.get(), 1);
}

#[test]
fn the_guard_of_another_thread_is_seen() {
    let map: HashMap<u32, u32> = HashMap::builder().name("held-elsewhere").time_every_operation().build();
    let (end, ended) = channel::<()>();
    let (begin, begun) = channel();
    std::thread::scope(|scope| {
        let theirs = &map;
        scope.spawn(move || {
            let _pin = theirs.pin();
            begin.send(()).unwrap();
            let _ = ended.recv();
        });
        begun.recv().unwrap();
        held("held-elsewhere");
        map.pin().insert(1, 1);
        assert!(held("held-elsewhere") > Nanos::ZERO);
        drop(end);
    });
    held("held-elsewhere");
    assert_eq!(held("held-elsewhere"), Nanos::ZERO);
}

#[test]
fn a_probe_among_many_guards_returns_when_they_are_gone() {
    let map: HashMap<u32, u32> = HashMap::builder().name("held-by-many").time_every_operation().build();
    map.pin().insert(1, 1);
    held("held-by-many");
    let crowd: Vec<_> = (0..200).map(|_| map.owned_guard()).collect();
    assert_eq!(map.pin().get(&1), Some(&1));
    assert!(held("held-by-many") > Nanos::ZERO);
    drop(crowd);
    // Reads alone are enough. They go on until the probe returns, which takes some hundred milliseconds.
    let patience = Instant::now();
    let is_still_held = || {
        map.pin().get(&1);
        held("held-by-many");
        held("held-by-many") > Nanos::ZERO
    };
    while is_still_held() {
        assert!(patience.elapsed() < Duration::from_secs(60), "no guard is held");
    }
}

#[test]
fn a_probe_returns_when_its_map_is_dropped() {
    let map: HashMap<u32, u32> = HashMap::builder().name("held-to-the-end").time_every_operation().build();
    map.pin().insert(1, 1);
    held("held-to-the-end");
    let crowd: Vec<_> = (0..200).map(|_| map.owned_guard()).collect();
    // Sent, but the thread has retired too few objects for the collector to take them over.
    assert_eq!(map.pin().get(&1), Some(&1));
    drop(crowd);
    assert!(held("held-to-the-end") > Nanos::ZERO);
    drop(map);
    held("held-to-the-end");
    assert_eq!(held("held-to-the-end"), Nanos::ZERO);
}

/// Uses a map when the thread ends.
#[derive(Default)]
struct AtTheEnd(RefCell<Option<Arc<HashMap<u32, u32>>>>);

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        if let Some(map) = self.0.take() {
            map.pin().insert(2, 2);
        }
    }
}

#[test]
fn the_last_destructor_of_a_thread_can_send_a_probe() {
    thread_local!(static AT_THE_END: AtTheEnd = AtTheEnd::default());
    let map: HashMap<u32, u32> = HashMap::builder().name("held-last").time_every_operation().build();
    let map = Arc::new(map);
    for _ in 0..20 {
        held("held-last");
        let theirs = Arc::clone(&map);
        let thread = std::thread::spawn(|| AT_THE_END.with(|end| *end.0.borrow_mut() = Some(theirs)));
        thread.join().unwrap();
    }
    map.pin().get(&1);
    held("held-last");
    assert_eq!(held("held-last"), Nanos::ZERO);
    assert_eq!(map.pin().get(&2), Some(&2));
}
