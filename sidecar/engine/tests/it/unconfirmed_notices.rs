//! Unconfirmed notices: faults that heal by themselves, again and again.

use std::collections::BTreeSet;

use mapwarden_engine::notice::{NoticeEvent, Transition, TriggerKind};
use mapwarden_objective::Severity;

use crate::notices::{Process, Sidecar, broken, healthy};

/// The notices that are opened by three times 14 s of 20 %, each 0.11 % of the budget, so many seconds apart, by severity.
fn opened_by_blips(apart: u64) -> (Sidecar, Vec<Severity>) {
    let mut sidecar = Sidecar::new();
    sidecar.run(1..3 * apart + 100, &mut Process::new(1, "v1", 0), |second, process| match second % apart {
        0..14 if second > 14 => broken(second, process),
        _ => healthy(second, process),
    });
    let event = |event: &(u64, NoticeEvent)| event.1.notice.severity;
    let opened =
        sidecar.events.iter().filter(|event| event.1.event == Transition::Opened).map(event).collect();
    (sidecar, opened)
}

#[test]
fn a_fault_that_heals_by_itself_pages_once() {
    let (sidecar, opened) = opened_by_blips(3_600);
    assert_eq!(opened, [Severity::Page]);
    assert_eq!(sidecar.events(Transition::Resolved)[0].1.trigger.as_ref().unwrap().tier, None);
}

#[test]
fn a_ticket_that_fires_does_not_make_the_next_page_cheaper() {
    // Half as far apart, 280 of 180,000 events burn for the slow ticket, which fires before the cost is that of a page.
    let (sidecar, opened) = opened_by_blips(1_800);
    assert_eq!(opened, [Severity::Ticket; 3]);
    let resolved: Vec<_> = sidecar.events(Transition::Resolved).into_iter().map(|event| event.1).collect();
    let louder = sidecar.events.iter().filter(|event| event.1.notice.severity == Severity::Page);
    let louder: BTreeSet<_> = louder.map(|event| event.1.notice.id.clone()).collect();
    assert_eq!(louder, BTreeSet::from([resolved[0].id.clone()]), "the second and the third cost too little");
    let trigger = resolved[0].trigger.as_ref().unwrap();
    assert_eq!(
        (trigger.kind, &trigger.tier),
        (TriggerKind::Sequential, &None),
        "a ticket agrees with no page"
    );
}
