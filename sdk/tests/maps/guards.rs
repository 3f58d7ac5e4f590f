//! For how long guards keep a map from freeing what was removed.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use mapwarden::HashMap;
use mapwarden::contract::Nanos;

use super::counted::snapshot;

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
        // What it was at its end, unless another test's snapshot was told.
        held("held");
        assert_eq!(held("held"), Nanos::ZERO, "{kind}: nothing is held any more");
    }
}

#[test]
fn another_thread_s_guard_is_seen() {
    let map: HashMap<u32, u32> = HashMap::builder().name("held-elsewhere").time_every_operation().build();
    let (end, ended) = channel::<()>();
    let (tell, told) = channel();
    std::thread::scope(|scope| {
        let theirs = &map;
        scope.spawn(move || {
            let _pin = theirs.pin();
            tell.send(()).unwrap();
            let _ = ended.recv();
        });
        told.recv().unwrap();
        held("held-elsewhere");
        map.pin().insert(1, 1);
        assert!(held("held-elsewhere") > Nanos::ZERO);
        drop(end);
    });
    held("held-elsewhere");
    assert_eq!(held("held-elsewhere"), Nanos::ZERO);
}

#[test]
fn a_probe_that_was_sent_amid_a_crowd_of_guards_comes_back_when_they_are_gone() {
    let map: HashMap<u32, u32> = HashMap::builder().name("held-by-many").time_every_operation().build();
    map.pin().insert(1, 1);
    held("held-by-many");
    let crowd: Vec<_> = (0..200).map(|_| map.owned_guard()).collect();
    assert_eq!(map.pin().get(&1), Some(&1));
    assert!(held("held-by-many") > Nanos::ZERO);
    drop(crowd);
    // Reads alone must do. They go on for as long as the probe takes, which is some hundred milliseconds.
    let patience = Instant::now();
    let is_still_held = || {
        map.pin().get(&1);
        held("held-by-many");
        held("held-by-many") > Nanos::ZERO
    };
    while is_still_held() {
        assert!(patience.elapsed() < Duration::from_mins(1), "nothing is held any more");
    }
}
