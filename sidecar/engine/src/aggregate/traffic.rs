//! Requests or calls of one kind. Comes in: how each ended and how long it took. Goes out: counts by completion and time.
//! Never keeps a single one.

use std::collections::BTreeSet;
use std::sync::Arc;

use mapwarden_contract::{Count, Nanos, UnixNanos};

use super::distribution::{DistributionRing, TimeDistribution};
use super::slot::Counts;
use super::slots::Slots;
use super::users::UserRing;
use crate::observation::Completion;

/// Requests of one scope from one region, or calls to one dependency.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// Succeeded, since it is known.
    pub ok: Count,
    /// Failed, since it is known.
    pub failed: Count,
    /// Cancelled by the caller, since it is known.
    pub cancelled: Count,
    /// Ended, by time.
    slots: Slots,
    /// Took, by time.
    times: DistributionRing,
    /// When the last one ended; zero before the first.
    pub last: UnixNanos,
}

impl Default for Traffic {
    /// No traffic yet.
    fn default() -> Self {
        Self {
            ok: Count::ZERO,
            failed: Count::ZERO,
            cancelled: Count::ZERO,
            slots: Slots::for_evidence(),
            times: DistributionRing::default(),
            last: UnixNanos::EPOCH,
        }
    }
}

impl Traffic {
    /// Counts what ended by `time`.
    pub fn count(&mut self, time: UnixNanos, completion: Completion, ended: u64) {
        if ended == 0 {
            return;
        }
        let ended = Count::new(ended);
        match completion {
            Completion::Ok => {
                self.ok += ended;
                self.slots.add(time, ended, Count::ZERO);
            }
            Completion::Failed => {
                self.failed += ended;
                self.slots.add(time, Count::ZERO, ended);
            }
            Completion::Cancelled => self.cancelled += ended,
        }
        self.last = self.last.max(time);
    }

    /// Forgets what ended after `now`.
    pub fn forget_after(&mut self, now: UnixNanos) {
        self.slots.forget_after(now);
        self.times.forget_after(now);
        self.last = self.last.min(now);
    }

    /// Adds how long what ended by `time` took.
    pub fn took(&mut self, time: UnixNanos, times: &TimeDistribution) {
        self.times.add(time, times);
    }

    /// Counts one that a span or a probe describes.
    pub fn one(&mut self, time: UnixNanos, completion: Completion, duration: Nanos) {
        self.count(time, completion, 1);
        let mut times = TimeDistribution::default();
        times.record(duration);
        self.took(time, &times);
    }

    /// How many ended how in the last `span`; `good` succeeded.
    pub fn last(&self, span: Nanos, now: UnixNanos) -> Counts {
        self.slots.since(now.before(span), now)
    }

    /// How long they took.
    pub const fn times(&self) -> &DistributionRing {
        &self.times
    }
}

/// A dependency and who calls it.
#[derive(Clone, Debug)]
pub struct Dependency {
    /// Calls and probes.
    pub traffic: Traffic,
    /// The services that call it; empty where only probes know it.
    pub callers: BTreeSet<Arc<str>>,
    /// How it is known.
    pub sources: BTreeSet<&'static str>,
}

impl Default for Dependency {
    /// Nothing known yet.
    fn default() -> Self {
        Self { traffic: Traffic::default(), callers: BTreeSet::new(), sources: BTreeSet::new() }
    }
}

/// The users of a scope, or of the requests that spans describe.
#[derive(Clone, Debug, Default)]
pub struct Audience {
    /// Everyone.
    pub active: UserRing,
    /// Every tenant.
    pub tenants: UserRing,
    /// Users of failed requests, from spans.
    pub failed: UserRing,
}
