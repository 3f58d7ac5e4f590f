//! What an objective counts, and where.

use std::sync::Arc;

use super::super::slot::{Level, Slot};
use super::*;

fn objective() -> ObjectiveState {
    let definition = Definition {
        service: Arc::from("shop"),
        name: Arc::from("availability"),
        team: None,
        sli: SliKind::Availability,
        about: About::Scope(Arc::from("checkout")),
        target: Ratio::new(0.99).unwrap(),
    };
    ObjectiveState::new(definition, at(0))
}

fn at(second: u64) -> UnixNanos {
    UnixNanos::new((1_800_000_000 + second) * 1_000_000_000)
}

fn place(version: &str) -> Place {
    Place { version: Arc::from(version), region: Arc::from("") }
}

#[test]
fn places_add_up_to_the_whole() {
    let mut objective = objective();
    for second in 1..=100 {
        let events = Events { from: at(second - 1), to: at(second), good: 7, bad: u64::from(second > 90) };
        objective.count(events, &place(&format!("v{second}")));
    }
    let now = at(100);
    let whole = objective.slots().since(at(0), now);
    let parts: Count = objective.places().map(|(_, slots)| slots.since(at(0), now).total()).sum();
    assert_eq!(whole.total(), Count::new(710));
    assert_eq!(parts, whole.total());
    assert_eq!(objective.places().count(), 65);
    assert_eq!(objective.coverage(whole.covered, Nanos::from_secs(300), now), Some(Ratio::ONE));
}

#[test]
fn events_of_one_place_are_kept_once_and_divided_when_another_one_comes() {
    let mut objective = objective();
    let count = |objective: &mut ObjectiveState, second, version| {
        let events = Events { from: at(second - 1), to: at(second), good: 7, bad: 1 };
        objective.count(events, &place(version));
    };
    let by_place = |objective: &ObjectiveState, now| {
        let sum = |slots: &Slots| slots.since(at(0), at(now)).total().get();
        objective.places().map(|(place, slots)| (place.version.to_string(), sum(slots))).collect::<Vec<_>>()
    };
    (1..=10).for_each(|second| count(&mut objective, second, "v1"));
    assert!(objective.places().all(|(_, slots)| std::ptr::eq(slots, objective.slots())));
    assert_eq!(by_place(&objective, 10), [("v1".to_owned(), 80)]);
    let slots: Vec<_> = Level::ALL
        .into_iter()
        .flat_map(|level| objective.slots().at_level(level, at(0)).map(move |slot| (level, slot)))
        .collect();
    let mut restored = ObjectiveState::restore(objective.keep());
    for (level, (start, counts)) in slots {
        restored.slots_mut().restore(level, Slot { number: start.get() / level.width().get(), counts });
    }
    for mut objective in [objective, restored] {
        count(&mut objective, 11, "v2");
        count(&mut objective, 12, "v1");
        assert_eq!(by_place(&objective, 12), [("v1".to_owned(), 88), ("v2".to_owned(), 8)]);
        assert!(objective.places().all(|(_, slots)| !std::ptr::eq(slots, objective.slots())));
        assert!(objective.keep().only_place.is_empty());
    }
}

#[test]
fn events_counted_before_a_restart_have_no_place_of_several() {
    let mut objective = objective();
    for (second, version) in [(1, "v1"), (2, "v2")] {
        let events = Events { from: at(second - 1), to: at(second), good: 7, bad: 1 };
        objective.count(events, &place(version));
    }
    let mut restored = ObjectiveState::restore(objective.keep());
    restored.count(Events { from: at(2), to: at(3), good: 5, bad: 0 }, &place("v3"));
    restored.slots_mut().add(at(1), Count::new(14), Count::new(2));
    let parts = restored.places().map(|(place, slots)| (place.clone(), slots.since(at(0), at(3)).total()));
    assert_eq!(parts.collect::<Vec<_>>(), [(place("v3"), Count::new(5))]);
}

#[test]
fn bad_events_that_arrive_before_their_totals_never_make_good_negative() {
    let mut objective = objective();
    let events = |good, bad| Events { from: at(0), to: at(1), good, bad };
    objective.count_bad_of_total(events(0, 5), &place(""));
    objective.count(events(3, 0), &place(""));
    objective.count(events(10, 0), &place(""));
    assert_eq!((objective.totals.good.get(), objective.totals.bad.get()), (8, 5));
}

#[test]
fn silence_is_not_covered() {
    let mut objective = objective();
    let events = |from, to| Events { from: at(from), to: at(to), good: 1, bad: 0 };
    objective.count(events(0, 10), &place(""));
    objective.count(events(90, 100), &place(""));
    let covered = objective.window(Window::M5, at(100)).covered;
    assert_eq!(objective.coverage(covered, Nanos::from_secs(300), at(100)), Ratio::new(0.2).ok());
}
