//! The pages of each policy for the same traffic: how often it pages without a fault, and how soon with one.

use crate::policy::{POLICIES, is_joined};
use crate::subject::{ALLOWED, Subject};
use crate::traffic::{Errors, Traffic};

pub(crate) const DAY: u64 = 86_400;

/// How long an unconfirmed notice counts.
const COUNTED_FOR: u64 = 30 * DAY;

/// How often a policy is evaluated without a fault, in seconds; events arrive each second. Lowered to 1, a day
/// takes several times longer to simulate, and pages are checked ten times as often in windows that overlap almost
/// completely.
const STEP: u64 = 10;

/// How long a policy must be silent before it pages again, in seconds: Alertmanager's `group_interval`, in
/// which it sends nothing twice. Lowered, a burn that varies around a factor counts as more pages.
const STILL: u64 = 300;

/// How long a fault lasts before a policy counts as blind to it, in seconds.
pub(crate) const BLIND: u64 = 6 * 3_600;

/// The share of the allowed failures that occurs before a fault.
const HEALTHY: f64 = 0.5;

/// Returns the pages of each policy in the first `days` days of a service with steady traffic.
pub(crate) fn pages(traffic: Traffic, days: u64) -> Vec<u32> {
    let mut traffic = traffic;
    let mut subject = Subject::new();
    let mut paged = POLICIES.map(|_| PolicyPages::default());
    for second in (STEP..=DAY * days).step_by(STEP as usize) {
        (0..STEP).for_each(|_| subject.pass(&mut traffic));
        let budget = subject.budget();
        for (policy, paged) in POLICIES.iter().zip(&mut paged) {
            let is_paging = (policy.pages)(budget, paged.times(second));
            paged.step(second, is_paging, is_joined(budget));
        }
    }
    paged.iter().map(|paged| paged.count).collect()
}

/// The pages of one policy.
#[derive(Debug, Default)]
struct PolicyPages {
    count: u32,
    /// The time of its last page.
    last: Option<u64>,
    /// Whether a tier agreed with the present page.
    is_joined: bool,
    /// The ends of pages that no tier confirmed.
    unconfirmed: Vec<u64>,
}

impl PolicyPages {
    /// The factor of the sequential test's cost: it doubles with each unconfirmed notice of the last 30 days.
    fn times(&self, now: u64) -> f64 {
        self.unconfirmed.iter().filter(|ended| now - **ended < COUNTED_FOR).fold(1.0, |times, _| times * 2.0)
    }

    fn step(&mut self, now: u64, is_paging: bool, is_joined: bool) {
        if is_paging {
            if self.last.is_none_or(|last| now - last > STILL) {
                self.count += 1;
                self.is_joined = false;
            }
            self.is_joined |= is_joined;
            self.last = Some(now);
        } else if self.last == Some(now - STILL) && !self.is_joined {
            self.unconfirmed.push(now);
        }
    }
}

/// Returns a service of this rate, first measured `known` seconds ago and healthy since then, with errors of
/// this kind.
pub(crate) fn healthy(rate: f64, (errors, known): (Errors, u64), seed: u64) -> Subject {
    let mut traffic = Traffic::new(rate, HEALTHY * ALLOWED, errors, seed);
    let mut subject = Subject::new();
    for second in 0..known {
        subject.pass(&mut traffic);
        // Seconds are kept for ten minutes.
        if second % STILL == 0 {
            subject.budget();
        }
    }
    subject.budget();
    subject
}

/// Returns after how many seconds of a fault each policy pages; none where it has not after [`BLIND`]. No result where
/// a policy pages before the fault: that is a false page, not a detection.
pub(crate) fn delays(before: &Subject, rate: f64, share: f64, seed: u64) -> Option<Vec<Option<u64>>> {
    let mut subject = before.clone();
    let mut traffic = Traffic::new(rate, HEALTHY * ALLOWED, Errors::Single, seed);
    // The fault begins at any second of the widest slot that a page depends on.
    for _ in 0..seed % 60 {
        subject.pass(&mut traffic);
    }
    let budget = subject.budget();
    if POLICIES.iter().any(|policy| (policy.pages)(budget, 1.0)) {
        return None;
    }
    let mut traffic = traffic.failing(share);
    let mut paged = vec![None; POLICIES.len()];
    for second in 1..=BLIND {
        subject.pass(&mut traffic);
        let budget = subject.budget();
        for (policy, paged) in POLICIES.iter().zip(&mut paged) {
            if paged.is_none() && (policy.pages)(budget, 1.0) {
                *paged = Some(second);
            }
        }
        if paged.iter().all(Option::is_some) {
            break;
        }
    }
    Some(paged)
}
