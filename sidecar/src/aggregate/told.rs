//! What several processes tell of one map: when each told last, the last value of each, the largest of late. Never
//! believes the value of a process that has fallen silent.

use std::collections::{BTreeMap, VecDeque};

use mapwarden::contract::{Nanos, UnixNanos};

/// After how long without a word a process's value is no longer true. Raised, a process that ended is believed for
/// longer; lowered under its sending interval, its value comes and goes.
const SILENT: Nanos = Nanos::from_secs(120);

/// How many processes are told apart; of more, the one that was silent for longest is forgotten.
const SENDERS: usize = 64;

/// Forgets the process that was silent for longest, beyond the bound.
pub(super) fn trim<V>(by_sender: &mut BTreeMap<u64, V>, time: impl Fn(&V) -> u64) {
    while by_sender.len() > SENDERS {
        let quietest = by_sender.iter().min_by_key(|(_, value)| time(value)).map(|(sender, _)| *sender);
        quietest.and_then(|sender| by_sender.remove(&sender));
    }
}

/// When each process told of something last, and the time before.
#[derive(Clone, Debug, Default)]
pub struct Rounds {
    by_sender: BTreeMap<u64, (Option<UnixNanos>, UnixNanos)>,
}

impl Rounds {
    /// Notes that a process told at `time`, and says when it had told before; none where it had not.
    pub fn tell(&mut self, sender: u64, time: UnixNanos) -> Option<UnixNanos> {
        let round = self.by_sender.entry(sender).or_insert((None, time));
        if time > round.1 {
            *round = (Some(round.1), time);
        }
        let before = round.0;
        trim(&mut self.by_sender, |round| round.1.get());
        before
    }

    /// When a process had told before the last time.
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

/// The last value of each process.
#[derive(Clone, Debug, Default)]
pub struct Latest {
    by_sender: BTreeMap<u64, (UnixNanos, u64)>,
}

impl Latest {
    /// Notes what a process told at `time`; what comes late changes nothing.
    pub fn tell(&mut self, sender: u64, time: UnixNanos, value: u64) {
        let last = self.by_sender.entry(sender).or_insert((time, value));
        if time >= last.0 {
            *last = (time, value);
        }
        trim(&mut self.by_sender, |last| last.0.get());
    }

    /// The smallest value of the processes that still tell.
    pub fn least(&self, now: UnixNanos) -> Option<u64> {
        let heard = self.by_sender.values().filter(|(time, _)| now.since(*time) <= SILENT);
        heard.map(|(_, value)| *value).min()
    }

    /// Lets values that lie ahead of `now` be as old as `now`.
    pub fn forget_after(&mut self, now: UnixNanos) {
        self.by_sender.values_mut().for_each(|last| last.0 = last.0.min(now));
    }
}

/// The width of a slot of [`Longest`].
const SLOT: Nanos = Nanos::from_secs(5);

/// How many slots are kept: the last minute and the slot that it begins in.
const SLOTS: u64 = 13;

/// The longest of the times that were told in the last minute.
#[derive(Clone, Debug, Default)]
pub struct Longest {
    slots: VecDeque<(u64, Nanos)>,
}

impl Longest {
    /// Notes a time that was told at `time`.
    pub fn tell(&mut self, time: UnixNanos, span: Nanos) {
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

    /// The longest of the last minute; none where nothing was told in it.
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
    fn a_process_that_fell_silent_is_not_believed_any_more() {
        let mut latest = Latest::default();
        latest.tell(1, at(0), 10);
        latest.tell(2, at(0), 7);
        latest.tell(1, at(100), 30);
        latest.tell(1, at(90), 5);
        assert_eq!(latest.least(at(100)), Some(7));
        assert_eq!(latest.least(at(121)), Some(30));
        assert_eq!(latest.least(at(300)), None);
        for sender in 0..1_000 {
            latest.tell(sender, at(300 + sender), sender);
        }
        assert_eq!(latest.by_sender.len(), SENDERS);
    }

    #[test]
    fn a_round_is_what_a_process_told_before() {
        let mut rounds = Rounds::default();
        let told = [(1, 10), (2, 10), (1, 11), (1, 11), (1, 9), (2, 30), (1, 12)];
        let before = told.map(|(sender, second)| rounds.tell(sender, at(second)));
        let expected = [None, None, Some(10), Some(10), Some(10), Some(10), Some(11)];
        assert_eq!(before, expected.map(|second| second.map(at)));
        rounds.forget_after(at(5));
        assert_eq!((rounds.before(1), rounds.before(3)), (Some(at(5)), None));
    }

    #[test]
    fn the_longest_of_the_last_minute_is_kept_for_a_minute() {
        let mut longest = Longest::default();
        assert_eq!(longest.longest(at(0)), None);
        longest.tell(at(0), Nanos::from_secs(40));
        for second in 1..=60 {
            longest.tell(at(second), Nanos::from_secs(1));
        }
        assert_eq!(longest.longest(at(60)), Some(Nanos::from_secs(40)));
        assert_eq!(longest.longest(at(70)), Some(Nanos::from_secs(1)));
        assert_eq!(longest.longest(at(140)), None);
        (0..10_000).for_each(|second| longest.tell(at(second), Nanos::ZERO));
        assert!(longest.slots.len() <= 13);
    }
}
