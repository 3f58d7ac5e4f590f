//! Laws of windows and ledgers: what holds for any events in any order, however they are reported.

use std::sync::Arc;

use mapwarden_contract::{Count, Nanos, Ratio, UnixNanos};
use mapwarden_engine::aggregate::objective::{About, Definition, Events, ObjectiveState, Place, SliKind};
use mapwarden_engine::aggregate::slot::Level;
use mapwarden_engine::aggregate::slots::Slots;
use mapwarden_engine::aggregate::{Aggregate, Window};
use mapwarden_engine::budget::evaluate;
use mapwarden_engine::observation::{Batch, Observation, Point, PointValue, Resource, Temporality};
use mapwarden_objective::{Indicator, Matcher, Selector, Slo};
use proptest::prelude::*;

use crate::objectives::put_back;

/// The beginning of a slot at every level.
const START: u64 = 1_799_992_800;

/// The longest age of an event that the longest window holds in full.
const MONTH: u64 = 29 * 86_400;

fn at(second: u64) -> UnixNanos {
    UnixNanos::new((START + second) * 1_000_000_000)
}

/// (second, good, bad)
type SecondCounts = (u64, u64, u64);

/// Events of a month, in the order of time.
fn events() -> impl Strategy<Value = Vec<SecondCounts>> {
    let one = (0..MONTH, 0_u64..1_000, 0_u64..50);
    prop::collection::vec(one, 1..60).prop_map(|mut events| {
        events.sort_unstable();
        events
    })
}

fn slots(events: &[SecondCounts]) -> Slots {
    let mut slots = Slots::for_budget();
    for (second, good, bad) in events {
        slots.add(at(*second), Count::new(*good), Count::new(*bad));
    }
    slots
}

fn definition(target: f64) -> Definition {
    Definition {
        service: Arc::from("shop"),
        name: Arc::from("availability"),
        team: None,
        sli: SliKind::Availability,
        about: About::Scope(Arc::from("checkout")),
        target: Ratio::new(target).unwrap(),
    }
}

fn place(version: u64) -> Place {
    Place { version: Arc::from(format!("v{version}")), region: Arc::from("") }
}

fn objective(target: f64, events: &[SecondCounts]) -> ObjectiveState {
    let mut objective = ObjectiveState::new(definition(target), at(0));
    for (second, good, bad) in events {
        let events = Events { from: at(second.saturating_sub(1)), to: at(*second), good: *good, bad: *bad };
        objective.count(events, &place(second % 3));
    }
    objective
}

fn sums(events: &[SecondCounts]) -> (u64, u64) {
    events.iter().fold((0, 0), |(good, bad), event| (good + event.1, bad + event.2))
}

fn remaining(objective: &ObjectiveState, now: u64) -> Option<f64> {
    evaluate(objective, None, at(now)).remaining.map(|left| left.get())
}

proptest! {
    #[test]
    fn a_window_holds_what_a_list_of_events_says(events in events(), later in 0_u64..100_000) {
        let slots = slots(&events);
        let now = events.last().unwrap().0 + later;
        for window in Window::ALL {
            let level = Level::ALL.into_iter().find(|level| window.length() <= level.reach()).unwrap();
            let width = level.width().get() / 1_000_000_000;
            // The slots that start after `now - window`, up to the one that holds `now`.
            let first = (START + now) / width + 1 - window.length().get() / 1_000_000_000 / width;
            let held: Vec<_> = events.iter().copied().filter(|(second, ..)| (START + second) / width >= first).collect();
            let counts = slots.window(window, at(now));
            prop_assert_eq!((counts.good.get(), counts.bad.get()), sums(&held), "{}", window.name());
        }
    }

    #[test]
    fn the_order_of_events_does_not_matter(events in events(), seed in any::<u64>()) {
        // What is as old as a level's reach is gone at once where newer events came before: so only those within it.
        let recent: Vec<_> = (0_u64..).zip(&events).map(|(index, event)| (index * 9, event.1, event.2)).collect();
        let mut shuffled = recent.clone();
        fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
        let (ordered, mixed) = (slots(&recent), slots(&shuffled));
        for window in Window::ALL {
            prop_assert_eq!(ordered.window(window, at(600)), mixed.window(window, at(600)), "{}", window.name());
        }
    }

    #[test]
    fn an_event_that_has_left_a_window_never_comes_back(events in events(), steps in prop::collection::vec(1_u64..90_000, 1..30)) {
        let slots = slots(&events);
        let mut now = events.last().unwrap().0;
        for window in Window::ALL {
            let mut last = slots.window(window, at(now)).total();
            for step in &steps {
                now += step;
                let total = slots.window(window, at(now)).total();
                prop_assert!(total <= last, "{}", window.name());
                last = total;
            }
            now = events.last().unwrap().0;
        }
    }

    #[test]
    fn spent_and_left_make_the_whole_budget(events in events(), target in 0.5_f64..0.9999) {
        let (good, bad) = sums(&events);
        let now = events.last().unwrap().0;
        let left = remaining(&objective(target, &events), now);
        prop_assert_eq!(left.is_some(), good + bad > 0);
        if let Some(left) = left {
            let allowed = (1.0 - target) * Count::new(good + bad).as_f64();
            prop_assert!((left + Count::new(bad).as_f64() / allowed - 1.0).abs() < 1e-6 * (1.0 + left.abs()), "{} of {}", left, allowed);
        }
    }

    #[test]
    fn a_bad_event_more_never_leaves_more_of_the_budget(events in events(), which in any::<prop::sample::Index>()) {
        let now = events.last().unwrap().0;
        let mut worse = events.clone();
        worse[which.index(events.len())].2 += 1;
        if let (Some(left), Some(less)) = (remaining(&objective(0.99, &events), now), remaining(&objective(0.99, &worse), now)) {
            prop_assert!(less <= left, "{} is more than {}", less, left);
        }
    }

    #[test]
    fn a_burn_rate_is_the_error_ratio_over_the_allowed_one(events in events(), target in 0.5_f64..0.9999) {
        let state = evaluate(&objective(target, &events), None, at(events.last().unwrap().0));
        for window in &state.windows {
            let total = (window.good + window.bad).get();
            prop_assert_eq!(window.burn_rate.is_some(), total > 0);
            if let Some(burn) = window.burn_rate {
                let expected = window.bad.as_f64() / Count::new(total).as_f64() / (1.0 - target);
                prop_assert!((burn.get() - expected).abs() <= 1e-9 * expected.max(1.0), "{:?}", window);
            }
            prop_assert!(window.coverage.is_none_or(|coverage| coverage.get() <= 1.0));
        }
    }

    #[test]
    fn what_places_spent_is_what_was_spent(events in prop::collection::vec((0_u64..600, 0_u64..1_000, 0_u64..50), 1..60)) {
        let mut events = events;
        events.sort_unstable();
        let objective = objective(0.99, &events);
        let now = at(600);
        let whole = objective.slots().since(at(0), now);
        let parts: Count = objective.places().map(|(_, slots)| slots.since(at(0), now).bad).sum();
        prop_assert_eq!(parts, whole.bad);
        prop_assert_eq!((whole.good.get(), whole.bad.get()), sums(&events));
    }

    #[test]
    fn coverage_is_the_time_that_was_accounted_for(reported in prop::collection::vec((1_u64..30, 0_u64..30), 1..8)) {
        // (how long an interval was reported, how long it was silent before)
        let mut objective = ObjectiveState::new(definition(0.99), at(0));
        let (mut now, mut covered) = (0, 0);
        for (length, silent) in &reported {
            let from = now + silent;
            now = from + length;
            covered += length;
            objective.count(Events { from: at(from), to: at(now), good: 1, bad: 0 }, &place(0));
            // What accounts for time that is accounted for already adds nothing.
            objective.count(Events { from: at(from), to: at(now), good: 1, bad: 0 }, &place(1));
        }
        // In every window that reaches back to the first second, and in all that is known.
        prop_assert_eq!(objective.totals.covered, Nanos::from_secs(covered));
        prop_assert_eq!(objective.window(Window::H1, at(now)).covered, Nanos::from_secs(covered));
        prop_assert_eq!(objective.window(Window::D30, at(now)).covered, Nanos::from_secs(covered));
    }

    #[test]
    fn a_clock_set_back_takes_nothing_that_lies_before_it(events in events(), back in 0..MONTH) {
        let mut objective = objective(0.99, &events);
        let totals = objective.totals;
        objective.forget_after(at(back));
        let before: Vec<_> = events.iter().copied().filter(|(second, ..)| *second <= back).collect();
        let kept = objective.window(Window::D30, at(back)).total().get();
        let (good, bad) = sums(&before);
        // The slot that holds the moment is kept whole.
        prop_assert!(kept >= good + bad, "{} of {}", kept, good + bad);
        prop_assert_eq!(objective.totals, totals, "all that ever happened has still happened");
    }

    #[test]
    fn the_store_keeps_all_that_a_budget_needs(steps in prop::collection::vec((1_u64..4_000, 0_u32..100, 0_u32..5), 1..30), kill in any::<prop::sample::Index>()) {
        let kill = kill.index(steps.len());
        let mut once = Aggregate::new(vec![slo()], 100, at(0));
        let mut killed = Aggregate::new(vec![slo()], 100, at(0));
        let (mut second, mut good, mut bad) = (0, 0, 0);
        for (index, (step, more_good, more_bad)) in steps.iter().enumerate() {
            second += step;
            good += more_good;
            bad += more_bad;
            once.take(&batch(second, good, bad));
            killed.take(&batch(second, good, bad));
            if index == kill {
                let unsaved = killed.unsaved();
                killed = Aggregate::new(vec![slo()], 100, at(second));
                put_back(&mut killed, unsaved);
                // The last batch comes again.
                killed.take(&batch(second, good, bad));
            }
        }
        let budget = |aggregate: &Aggregate| {
            let view = aggregate.at(at(second));
            let (_, objective) = view.objectives().next().unwrap();
            (objective.totals, Window::ALL.map(|window| objective.window(window, at(second))), objective.since)
        };
        prop_assert_eq!(budget(&once), budget(&killed));
    }
}

fn slo() -> Slo {
    let requests = |matching| Selector { metric: "requests".to_owned(), matching };
    let bad = vec![Matcher { attribute: "code".to_owned(), pattern: "5*".to_owned() }];
    let indicator = Indicator::Events { total: requests(Vec::new()), bad: requests(bad) };
    Slo::new("shop", "availability", Ratio::new(0.99).unwrap(), indicator)
}

fn batch(second: u64, good: u32, bad: u32) -> Batch {
    let point = |code: &str, value: u32| {
        Observation::Point(Point {
            metric: Arc::from("requests"),
            attributes: Arc::from([(Arc::from("code"), Arc::from(code))]),
            start: at(0),
            time: at(second),
            value: PointValue::Sum { temporality: Temporality::Cumulative, value: f64::from(value) },
        })
    };
    let resource = Resource { id: 1, service: Arc::from("shop"), ..Resource::default() };
    Batch {
        resource: Arc::new(resource),
        received: at(second),
        observations: vec![point("200", good), point("500", bad)],
    }
}
