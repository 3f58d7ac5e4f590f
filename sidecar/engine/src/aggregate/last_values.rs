//! Values that several processes report of one map. Comes in: a value, its process and its time. Goes out: when each process
//! last reported, the least of the last values, the longest time of the last minute. Never uses the value of a process that
//! has fallen silent.

use std::collections::{BTreeMap, VecDeque};

use mapwarden_contract::{Nanos, UnixNanos};

/// For how long the value of a process that reported once is used. Raised, the value of a process that ended at once is
/// used for longer.
const SILENT: Nanos = Nanos::from_secs(120);

/// How many of its own intervals a process may be silent. Raised, the value of a process that ended is used for longer,
/// which after a deploy looks like a map without writes; lowered, a batch that is late makes its value come and go.
const MISSED: u64 = 3;

/// A time that is never taken for silence. Lowered, a process with a short interval is forgotten over a pause of its machine.
const PAUSE: Nanos = Nanos::from_secs(5);

/// How many processes are kept; beyond that, the one that was silent for longest is forgotten.
const SENDERS: usize = 64;

/// Forgets the process that was silent for longest, beyond the bound.
pub(super) fn trim<V>(by_sender: &mut BTreeMap<u64, V>, time: impl Fn(&V) -> u64) {
    while by_sender.len() > SENDERS {
        let quietest = by_sender.iter().min_by_key(|(_, value)| time(value)).map(|(sender, _)| *sender);
        quietest.and_then(|sender| by_sender.remove(&sender));
    }
}

/// When each process last reported something, and the time before.
#[derive(Clone, Debug, Default)]
pub struct ReportTimes {
    by_sender: BTreeMap<u64, (Option<UnixNanos>, UnixNanos)>,
}

impl ReportTimes {
    /// Notes that a process reports at `time`, and returns when it reported before; none where it did not.
    pub fn record(&mut self, sender: u64, time: UnixNanos) -> Option<UnixNanos> {
        let round = self.by_sender.entry(sender).or_insert((None, time));
        if time > round.1 {
            *round = (Some(round.1), time);
        }
        let before = round.0;
        trim(&mut self.by_sender, |round| round.1.get());
        before
    }

    /// When a process reported before its last report.
    pub fn before(&self, sender: u64) -> Option<UnixNanos> {
        self.by_sender.get(&sender).and_then(|round| round.0)
    }

    /// Lets times that lie ahead of `now` be `now`.
    pub fn forget_after(&mut self, now: UnixNanos) {
        for round in self.by_sender.values_mut() {
            *round = (round.0.map(|before| before.min(now)), round.1.min(now));
        }
    }
}

/// The last value of each process, while it reports.
#[derive(Clone, Debug, Default)]
pub struct LastValues {
    by_sender: BTreeMap<u64, Last>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    time: UnixNanos,
    value: u64,
    /// The time since the report before, if there was one.
    interval: Option<Nanos>,
}

impl Last {
    fn is_current(&self, now: UnixNanos) -> bool {
        let patience = self
            .interval
            .map_or(SILENT, |interval| Nanos::new(interval.get().saturating_mul(MISSED)).max(PAUSE));
        now.since(self.time) <= patience
    }
}

impl LastValues {
    /// Notes the value that a process reports at `time`; a late one changes nothing.
    pub fn record(&mut self, sender: u64, time: UnixNanos, value: u64) {
        let last = self.by_sender.entry(sender).or_insert(Last { time, value, interval: None });
        if time > last.time {
            *last = Last { time, value, interval: Some(time.since(last.time)) };
        } else if time == last.time {
            last.value = value;
        }
        trim(&mut self.by_sender, |last| last.time.get());
    }

    /// The smallest value of the processes that still report.
    pub fn least(&self, now: UnixNanos) -> Option<u64> {
        self.by_sender.values().filter(|last| last.is_current(now)).map(|last| last.value).min()
    }

    /// Lets values that lie ahead of `now` be as old as `now`.
    pub fn forget_after(&mut self, now: UnixNanos) {
        self.by_sender.values_mut().for_each(|last| last.time = last.time.min(now));
    }
}

/// The width of a slot of [`LongestOfMinute`].
const SLOT: Nanos = Nanos::from_secs(5);

/// How many slots are kept: the last minute and the slot that it begins in.
const SLOTS: u64 = 13;

/// The longest of the times that were reported in the last minute.
#[derive(Clone, Debug, Default)]
pub struct LongestOfMinute {
    slots: VecDeque<(u64, Nanos)>,
}

impl LongestOfMinute {
    /// Notes a time that is reported at `time`.
    pub fn record(&mut self, time: UnixNanos, span: Nanos) {
        let slot = time.get() / SLOT.get();
        let at = self.slots.partition_point(|entry| entry.0 < slot);
        match self.slots.get_mut(at).filter(|entry| entry.0 == slot) {
            Some(entry) => entry.1 = entry.1.max(span),
            None => self.slots.insert(at, (slot, span)),
        }
        let newest = self.slots.back().map_or(slot, |entry| entry.0);
        while self.slots.front().is_some_and(|entry| entry.0 + SLOTS <= newest) {
            self.slots.pop_front();
        }
    }

    /// The longest of the last minute; none where none was reported in it.
    pub fn longest(&self, now: UnixNanos) -> Option<Nanos> {
        let first = (now.get() / SLOT.get() + 1).saturating_sub(SLOTS);
        self.slots.iter().filter(|entry| entry.0 >= first).map(|entry| entry.1).max()
    }

    /// Forgets the slots that start after `now`.
    pub fn forget_after(&mut self, now: UnixNanos) {
        self.slots.retain(|entry| entry.0 <= now.get() / SLOT.get());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> UnixNanos {
        UnixNanos::new((1_800_000_000 + second) * 1_000_000_000)
    }

    #[test]
    fn the_value_of_a_silent_process_is_not_used() {
        let mut latest = LastValues::default();
        latest.record(1, at(0), 10);
        latest.record(2, at(0), 7);
        latest.record(1, at(100), 30);
        latest.record(1, at(90), 5);
        assert_eq!(latest.least(at(100)), Some(7));
        assert_eq!(latest.least(at(121)), Some(30));
        assert_eq!(latest.least(at(401)), None, "three times its 100 s are over");
        for second in 500..510 {
            latest.record(3, at(second), 1);
            latest.record(4, at(second), 2);
        }
        latest.record(4, at(514), 3);
        assert_eq!(
            (latest.least(at(514)), latest.least(at(515))),
            (Some(1), Some(3)),
            "it reported each second"
        );
        for sender in 0..1_000 {
            latest.record(sender, at(300 + sender), sender);
        }
        assert_eq!(latest.by_sender.len(), SENDERS);
    }

    #[test]
    fn the_report_before_is_known_per_process() {
        let mut rounds = ReportTimes::default();
        let reports = [(1, 10), (2, 10), (1, 11), (1, 11), (1, 9), (2, 30), (1, 12)];
        let before = reports.map(|(sender, second)| rounds.record(sender, at(second)));
        let expected = [None, None, Some(10), Some(10), Some(10), Some(10), Some(11)];
        assert_eq!(before, expected.map(|second| second.map(at)));
        rounds.forget_after(at(5));
        assert_eq!((rounds.before(1), rounds.before(3)), (Some(at(5)), None));
    }

    #[test]
    fn the_longest_of_the_last_minute_is_kept_for_a_minute() {
        let mut longest = LongestOfMinute::default();
        assert_eq!(longest.longest(at(0)), None);
        longest.record(at(0), Nanos::from_secs(40));
        for second in 1..=60 {
            longest.record(at(second), Nanos::from_secs(1));
        }
        assert_eq!(longest.longest(at(60)), Some(Nanos::from_secs(40)));
        assert_eq!(longest.longest(at(70)), Some(Nanos::from_secs(1)));
        assert_eq!(longest.longest(at(140)), None);
        (0..10_000).for_each(|second| longest.record(at(second), Nanos::ZERO));
        assert!(longest.slots.len() <= 13);
    }
}
