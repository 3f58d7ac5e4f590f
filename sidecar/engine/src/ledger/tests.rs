use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::aggregate::{Aggregate, timestamp};
use crate::budget::evaluate;
use crate::correction::{
    Action, Booking, Correction, CorrectionKind, Exclusion, ExclusionAlerts, ObjectivePattern, Recurrence,
};
use crate::observation::{Batch, Observation, Point, PointValue, Resource, Temporality};

use mapwarden_contract::names::{attribute, wire};

/// 2027-01-15T08:00:00Z: the start of a two-hour slot.
const START: u64 = 1_800_000_000;

fn at(second: u64) -> UnixNanos {
    UnixNanos::new((START + second) * 1_000_000_000)
}

/// The batch of a service at a second: cumulative good and bad events.
fn batch(second: u64, good: u64, bad: u64) -> Batch {
    let resource =
        Resource { id: 1, service: Arc::from("shop"), version: Some(Arc::from("v1")), ..Resource::default() };
    let point = |metric: &str, pairs: &[(&str, &str)], value| {
        let attributes = pairs.iter().map(|(name, value)| (Arc::from(*name), Arc::from(*value))).collect();
        Observation::Point(Point {
            metric: Arc::from(metric),
            attributes,
            start: at(0),
            time: at(second),
            value,
        })
    };
    let sum = |value: u64| PointValue::Sum {
        temporality: Temporality::Cumulative,
        value: f64::from(u32::try_from(value).unwrap()),
    };
    let objective = [(attribute::SCOPE, "checkout"), (attribute::SLI, "availability"), (attribute::SLO, "a")];
    let events = |verdict| [(attribute::SLO, "a"), (attribute::VERDICT, verdict)];
    let observations = vec![
        point(wire::OBJECTIVE.name, &objective, PointValue::Gauge(0.9)),
        point(wire::SLI_EVENTS.name, &events("good"), sum(good)),
        point(wire::SLI_EVENTS.name, &events("bad"), sum(bad)),
    ];
    Batch { resource: Arc::new(resource), received: at(second), observations }
}

/// An aggregate of `minutes` of (good, bad), and the second after the last of them.
fn aggregate_of(minutes: &[(u64, u64)]) -> (Aggregate, u64) {
    let mut aggregate = Aggregate::new(Vec::new(), 1_000, at(0));
    let (mut good, mut bad, mut second) = (0, 0, 0);
    for minute in minutes {
        good += minute.0;
        bad += minute.1;
        second += 60;
        // A minute's events are sent in its last second, so that they are counted within it.
        aggregate.take(&batch(second - 1, good, bad));
    }
    (aggregate, second)
}

fn moment(second: u64) -> Timestamp {
    timestamp(at(second))
}

pub(super) fn proposal(key: &str, action: Action) -> Proposal {
    let (author, reason, digest) = ("ann".to_owned(), "a reason".to_owned(), format!("{action:?}"));
    Proposal { author, reason, key: key.to_owned(), digest, action }
}

pub(super) fn booked(kind: CorrectionKind) -> Action {
    Action::Booked(Correction { slo: ObjectivePattern::new("shop/*"), kind })
}

fn exclusion(from: u64, to: u64) -> Action {
    booked(CorrectionKind::Exclusion(
        Exclusion::new(moment(from), moment(to), None, ExclusionAlerts::Suppress).unwrap(),
    ))
}

fn refund(second: u64, events: u64) -> Action {
    booked(CorrectionKind::Refund(Booking { at: moment(second), events }))
}

fn deduction(second: u64, events: u64) -> Action {
    booked(CorrectionKind::Deduction(Booking { at: moment(second), events }))
}

pub(super) fn withdrawal(id: &str) -> Action {
    Action::Withdrawn { withdraws: id.to_owned() }
}

fn step(ledger: &mut Ledger, aggregate: &Aggregate, second: u64) -> LedgerState {
    let view = aggregate.at(at(second));
    let budgets =
        view.objectives().map(|(id, objective)| (id.clone(), evaluate(objective, None, view.now))).collect();
    ledger.step(&view, &budgets, |_| None).remove("shop/a").unwrap()
}

fn book(ledger: &mut Ledger, aggregate: &Aggregate, second: u64, key: &str, action: Action) -> AuditEntry {
    ledger.propose(proposal(key, action), &aggregate.at(at(second))).unwrap().entry
}

pub(super) fn numbers(state: &LedgerState) -> (u64, u64, u64, u64) {
    let Corrected { good, bad, excluded, .. } = &state.corrected;
    (good.get(), bad.get(), excluded.good.get(), excluded.bad.get())
}

#[test]
fn an_exclusion_keeps_its_numbers_when_slots_grow_coarse() {
    // Minute 30 to 34 are bad; they are excluded half an hour later.
    let minutes: Vec<_> =
        (0..90).map(|minute| if (30..35).contains(&minute) { (0, 10) } else { (10, 0) }).collect();
    let (mut aggregate, second) = aggregate_of(&minutes);
    let mut ledger = Ledger::default();
    assert_eq!(numbers(&step(&mut ledger, &aggregate, second)), (850, 50, 0, 0));
    let entry = book(&mut ledger, &aggregate, second, "k", exclusion(30 * 60, 35 * 60));
    let state = step(&mut ledger, &aggregate, second);
    assert_eq!(numbers(&state), (850, 0, 0, 50));
    assert_eq!((state.raw.good.get(), state.raw.bad.get()), (850, 50));
    assert_eq!(state.corrected.remaining, BudgetFraction::new(1.0).ok());
    assert_eq!(state.corrected.corrections, std::slice::from_ref(&entry.id));
    // A week later only two-hour slots remain, and the numbers are the same, also after a restart.
    let week = 7 * 86_400;
    aggregate.take(&batch(week, 850, 50));
    assert_eq!(numbers(&step(&mut ledger, &aggregate, week)), (850, 0, 0, 50));
    let UnsavedCorrections { entries, boundaries } = ledger.unsaved();
    assert_eq!((entries.len(), boundaries.len()), (1, 2));
    let mut again = Ledger::restore(entries, boundaries, at(week));
    assert_eq!(numbers(&step(&mut again, &aggregate, week)), (850, 0, 0, 50));
    // Events that leave the period take their correction along.
    let gone = 31 * 86_400;
    aggregate.take(&batch(gone, 950, 50));
    assert_eq!(numbers(&step(&mut again, &aggregate, gone)), (100, 0, 0, 0));
    again.forget(at(32 * 86_400));
    assert_eq!(again.log()[0].entry.id, entry.id);
}

#[test]
fn a_late_exclusion_shrinks_to_whole_slots() {
    let minutes: Vec<_> = (0..240).map(|_| (9, 1)).collect();
    let (aggregate, _) = aggregate_of(&minutes);
    // (name, booked after, requested minutes, excluded minutes)
    let hours = 3_600;
    let cases = [
        ("within six hours, by the minute", 5 * hours, (33, 104), (33, 104)),
        ("within three days, by the quarter", 20 * hours, (33, 104), (45, 90)),
        ("later, by two hours", 80 * hours, (33, 104), (0, 0)),
        ("later, whole slots", 80 * hours, (0, 239), (0, 120)),
    ];
    for (name, second, asked, expected) in cases {
        let mut ledger = Ledger::default();
        book(&mut ledger, &aggregate, second, "k", exclusion(asked.0 * 60, asked.1 * 60));
        let state = step(&mut ledger, &aggregate, second);
        let times: Vec<_> = state.corrected.exclusions.iter().map(|time| (time.from, time.to)).collect();
        if expected.0 < expected.1 {
            assert_eq!(times, [(at(expected.0 * 60), at(expected.1 * 60))], "{name}");
        } else {
            assert!(times.is_empty(), "{name}: {times:?}");
        }
        assert_eq!(state.corrected.excluded.bad.get(), expected.1 - expected.0, "{name}");
        assert_eq!(state.corrected.excluded.good.get(), 9 * (expected.1 - expected.0), "{name}");
    }
}

#[test]
fn overlapping_exclusions_exclude_a_minute_once() {
    let minutes: Vec<_> = (0..60).map(|_| (9, 1)).collect();
    let (aggregate, second) = aggregate_of(&minutes);
    let mut ledger = Ledger::default();
    for (key, from, to) in [("a", 600, 1_800), ("b", 1_200, 2_400), ("c", 2_400, 2_430), ("d", 2_430, 2_460)]
    {
        book(&mut ledger, &aggregate, second, key, exclusion(from, to));
    }
    let state = step(&mut ledger, &aggregate, second);
    assert_eq!(state.corrected.excluded.bad.get(), 31);
    assert_eq!(state.corrected.exclusions.len(), 1);
    book(&mut ledger, &aggregate, second, "e", exclusion(3_000, 86_400));
    assert_eq!(step(&mut ledger, &aggregate, second).corrected.excluded.bad.get(), 31 + 10);
}

#[test]
fn only_planned_maintenance_suppresses_tiers() {
    let minutes: Vec<_> = (0..120).map(|minute| if minute < 60 { (10, 0) } else { (0, 10) }).collect();
    let (aggregate, second) = aggregate_of(&minutes);
    let firing = |ledger: &Ledger, now: u64| {
        let view = aggregate.at(at(now));
        let budget = evaluate(view.objectives().next().unwrap().1, None, at(now));
        let budgets = Arc::new(BTreeMap::from([("shop/a".to_owned(), budget.clone())]));
        let judged = ledger.judge(&budgets, at(now));
        let names = judged["shop/a"].tiers.iter().filter(|tier| tier.is_firing).map(|tier| tier.tier.name());
        (budget.tiers.iter().filter(|tier| tier.is_firing).count(), names.collect::<Vec<_>>())
    };
    let mut late = Ledger::default();
    book(&mut late, &aggregate, second, "late", exclusion(3_600, 10_800));
    assert_eq!(firing(&late, second).1.len(), firing(&late, second).0);
    assert!(!firing(&late, second).1.is_empty());
    assert_eq!(step(&mut late, &aggregate, second).maintenance, None);
    let mut planned = Ledger::default();
    let entry = book(&mut planned, &aggregate, 3_600, "planned", exclusion(3_600, 7_200));
    assert!(firing(&planned, 7_199).1.is_empty());
    let maintenance = step(&mut planned, &aggregate, 7_199).maintenance.unwrap();
    assert_eq!(maintenance, Maintenance { correction: entry.id, until: at(7_200) });
    // After the end, each tier can fire again once its short window holds no planned time.
    let (all, names) = firing(&planned, 7_200 + 299);
    assert!(all > 0 && names.is_empty(), "{names:?}");
    let mut keeps = Ledger::default();
    let kept = Exclusion::new(moment(3_600), moment(7_200), None, ExclusionAlerts::Keep).unwrap();
    book(&mut keeps, &aggregate, 3_600, "keeps", booked(CorrectionKind::Exclusion(kept)));
    assert!(!firing(&keeps, 7_199).1.is_empty());
}

#[test]
fn a_rule_excludes_each_occurrence() {
    let minutes: Vec<_> = (0..300).map(|_| (9, 1)).collect();
    let (aggregate, second) = aggregate_of(&minutes);
    let hourly = Recurrence { rule: "FREQ=HOURLY;INTERVAL=2".to_owned(), zone: "Europe/Berlin".to_owned() };
    let exclusion = Exclusion::new(moment(600), moment(1_200), Some(hourly), ExclusionAlerts::Suppress);
    assert_eq!(exclusion.clone().unwrap_err().0, "rrule", "12 a day are too many");
    let rule = Recurrence { rule: "FREQ=DAILY;COUNT=3".to_owned(), zone: "Europe/Berlin".to_owned() };
    let exclusion =
        Exclusion::new(moment(600), moment(1_200), Some(rule), ExclusionAlerts::Suppress).unwrap();
    let mut ledger = Ledger::default();
    book(&mut ledger, &aggregate, second, "k", booked(CorrectionKind::Exclusion(exclusion)));
    assert_eq!(step(&mut ledger, &aggregate, second).corrected.excluded.bad.get(), 10);
    let tomorrow = 86_400 + 900;
    assert_eq!(step(&mut ledger, &aggregate, tomorrow).maintenance.unwrap().until, at(86_400 + 1_200));
}

#[test]
fn repeated_requests_are_idempotent() {
    let (aggregate, second) = aggregate_of(&[(10, 5)]);
    let mut ledger = Ledger::default();
    let view = aggregate.at(at(second));
    let first = ledger.propose(proposal("k", refund(10, 2)), &view).unwrap();
    assert_eq!((first.is_repeated, first.objectives.as_slice()), (false, ["shop/a".to_owned()].as_slice()));
    let again = ledger.propose(proposal("k", refund(10, 2)), &view).unwrap();
    assert_eq!((again.is_repeated, &again.entry), (true, &first.entry));
    let other = ledger.propose(proposal("k", refund(10, 3)), &view).unwrap_err();
    assert_eq!(other, ProposalError::KeyReused(first.entry.id.clone()));
    let id = first.entry.id;
    assert_eq!(
        ledger.propose(proposal("w", withdrawal("none")), &view),
        Err(ProposalError::Unknown("none".to_owned()))
    );
    ledger.propose(proposal("w", withdrawal(&id)), &view).unwrap();
    assert!(ledger.propose(proposal("w", withdrawal(&id)), &view).unwrap().is_repeated);
    assert_eq!(
        ledger.propose(proposal("w2", withdrawal(&id)), &view),
        Err(ProposalError::Withdrawn(id.clone()))
    );
    assert_eq!(ledger.propose(proposal("k", refund(10, 2)), &view), Err(ProposalError::Again(id)));
    let standings: Vec<_> = ledger.log().iter().map(|line| line.standing).collect();
    assert_eq!(standings, [Standing::Withdrawal, Standing::Withdrawn]);
}

#[test]
fn a_full_ledger_accepts_only_withdrawals() {
    let (aggregate, second) = aggregate_of(&[(10, 5)]);
    let mut ledger = Ledger::default();
    let view = aggregate.at(at(second));
    let mut last = String::new();
    for number in 0..active::MOST {
        last = ledger.propose(proposal(&number.to_string(), refund(10, 1)), &view).unwrap().entry.id;
    }
    assert_eq!(
        ledger.propose(proposal("one more", refund(10, 1)), &view),
        Err(ProposalError::Full(active::MOST))
    );
    assert!(ledger.propose(proposal("0", refund(10, 1)), &view).unwrap().is_repeated);
    ledger.propose(proposal("withdraw", withdrawal(&last)), &view).unwrap();
    ledger.propose(proposal("one more", refund(10, 1)), &view).unwrap();
}

/// Any correction of the first five hours, in minutes.
fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        (0_u64..18_000, 1_u64..9_000).prop_map(|(from, length)| exclusion(from, from + length)),
        (0_u64..18_000, 1_u64..50).prop_map(|(second, events)| refund(second, events)),
        (0_u64..18_000, 1_u64..50).prop_map(|(second, events)| deduction(second, events)),
    ]
}

fn minutes() -> impl Strategy<Value = Vec<(u64, u64)>> {
    prop::collection::vec((0_u64..20, 0_u64..5), 300)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn corrections_commute(minutes in minutes(), actions in prop::collection::vec(action(), 1..6), turn in 0_usize..6) {
        let (aggregate, second) = aggregate_of(&minutes);
        let (mut one, mut other) = (Ledger::default(), Ledger::default());
        let keyed: Vec<_> = actions.iter().enumerate().map(|(key, action)| (key.to_string(), action)).collect();
        for (key, action) in &keyed {
            book(&mut one, &aggregate, second, key, (*action).clone());
            step(&mut one, &aggregate, second);
        }
        let mut turned = keyed.clone();
        turned.rotate_left(turn % keyed.len());
        turned.reverse();
        for (key, action) in &turned {
            book(&mut other, &aggregate, second, key, (*action).clone());
        }
        let (one, other) = (step(&mut one, &aggregate, second), step(&mut other, &aggregate, second));
        prop_assert_eq!(numbers(&one), numbers(&other));
        prop_assert_eq!(one.corrected.exclusions, other.corrected.exclusions);
    }

    #[test]
    fn a_withdrawal_restores_exactly(
        minutes in minutes(), actions in prop::collection::vec(action(), 0..5), withdrawn in action(), later in 0_u64..100
    ) {
        let (aggregate, second) = aggregate_of(&minutes);
        let mut ledger = Ledger::default();
        for (key, action) in actions.iter().enumerate() {
            book(&mut ledger, &aggregate, second, &key.to_string(), action.clone());
        }
        let before = step(&mut ledger, &aggregate, second);
        let entry = book(&mut ledger, &aggregate, second, "withdrawn", withdrawn);
        step(&mut ledger, &aggregate, second);
        // The withdrawal may come days later, when fine slots are gone; all boundaries were measured in time.
        let seen = second + 9_100;
        step(&mut ledger, &aggregate, seen);
        let then = seen + later * 3_600;
        book(&mut ledger, &aggregate, then, "w", withdrawal(&entry.id));
        let after = step(&mut ledger, &aggregate, then);
        prop_assert_eq!(numbers(&after), numbers(&before));
        prop_assert_eq!(after.corrected.corrections, before.corrected.corrections);
    }

    #[test]
    fn raw_stays_and_attribution_sums_to_the_whole(
        minutes in minutes(), actions in prop::collection::vec(action(), 0..6), later in 0_u64..200
    ) {
        let (aggregate, second) = aggregate_of(&minutes);
        let mut ledger = Ledger::default();
        for (key, action) in actions.iter().enumerate() {
            book(&mut ledger, &aggregate, second, &key.to_string(), action.clone());
        }
        let now = second + later * 3_600;
        let state = step(&mut ledger, &aggregate, now);
        let good: u64 = minutes.iter().map(|minute| minute.0).sum();
        let bad: u64 = minutes.iter().map(|minute| minute.1).sum();
        prop_assert_eq!((state.raw.good.get(), state.raw.bad.get()), (good, bad));
        let Corrected { good: left, bad: spent, excluded, deducted, refunded, .. } = &state.corrected;
        prop_assert_eq!(left.get() + excluded.good.get(), good);
        prop_assert!(excluded.bad.get() <= bad);
        prop_assert_eq!(spent.get(), (bad - excluded.bad.get() + deducted.get()).saturating_sub(refunded.get()));
        for attribution in state.attribution.iter() {
            for share in &attribution.by {
                let parts: Count = share.parts.iter().map(|part| part.bad).sum();
                let rest = share.rest.as_ref().map_or(Count::ZERO, |rest| rest.bad);
                prop_assert_eq!(parts + rest, attribution.bad, "{:?}", share.dimension);
            }
        }
    }

    #[test]
    fn an_exclusion_is_the_sum_of_its_minutes(
        minutes in minutes(), ranges in prop::collection::vec((0_u64..300, 1_u64..150), 1..5)
    ) {
        let (aggregate, second) = aggregate_of(&minutes);
        let mut ledger = Ledger::default();
        for (key, (from, length)) in ranges.iter().enumerate() {
            book(&mut ledger, &aggregate, second, &key.to_string(), exclusion(from * 60, (from + length) * 60));
        }
        let is_excluded = |minute: u64| ranges.iter().any(|(from, length)| (*from..from + length).contains(&minute));
        let expected = (0_u64..).zip(&minutes).filter(|(minute, _)| is_excluded(*minute));
        let expected = expected.fold((0, 0), |sum, (_, counts)| (sum.0 + counts.0, sum.1 + counts.1));
        let excluded = step(&mut ledger, &aggregate, second).corrected.excluded;
        prop_assert_eq!((excluded.good.get(), excluded.bad.get()), expected);
    }

    #[test]
    fn a_replayed_log_is_the_same(minutes in minutes(), actions in prop::collection::vec(action(), 1..6)) {
        let (aggregate, second) = aggregate_of(&minutes);
        let mut ledger = Ledger::default();
        for (key, action) in actions.iter().enumerate() {
            let entry = book(&mut ledger, &aggregate, second, &key.to_string(), action.clone());
            if key % 2 == 1 {
                book(&mut ledger, &aggregate, second, &format!("w{key}"), withdrawal(&entry.id));
            }
        }
        let before = step(&mut ledger, &aggregate, second);
        let UnsavedCorrections { entries, boundaries } = ledger.unsaved();
        // Written twice and read in another order, the log is the same.
        let again = entries.iter().rev().chain(&entries).cloned().collect();
        let mut restored = Ledger::restore(again, boundaries, at(second));
        prop_assert_eq!(restored.log(), ledger.log());
        prop_assert_eq!(step(&mut restored, &aggregate, second), before);
    }
}
