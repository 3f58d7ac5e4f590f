//! What comes in: notice events in the order in which they happened. What goes out: the events that a sink has not
//! taken yet. Never grows beyond its bound: of the updates of a notice only the last one waits.

use std::collections::VecDeque;

use mapwarden_engine::notice::{NoticeEvent, Transition};

/// How many events wait for a sink. Raised, a sink that is down for long costs memory (some 5 KiB a notice);
/// lowered, notices are lost earlier. At one notice a minute it is eight hours.
const CAPACITY: usize = 512;

/// The events that wait for one sink.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<NoticeEvent>,
}

impl Queue {
    /// Adds an event; it replaces a waiting update of the same notice. Returns the event that did not fit any more and
    /// is lost, if any.
    pub(super) fn put(&mut self, event: NoticeEvent) -> Option<NoticeEvent> {
        if event.event != Transition::Opened {
            self.waiting
                .retain(|other| other.event != Transition::Updated || other.notice.id != event.notice.id);
        }
        self.waiting.push_back(event);
        if self.waiting.len() > CAPACITY { self.make_room() } else { None }
    }

    /// Takes the oldest event.
    pub(super) fn take(&mut self) -> Option<NoticeEvent> {
        self.waiting.pop_front()
    }

    /// Puts back an event that could not be delivered, unless a newer event of its notice waits.
    pub(super) fn put_back(&mut self, event: NoticeEvent) {
        let is_outdated = event.event == Transition::Updated
            && self.waiting.iter().any(|other| other.notice.id == event.notice.id);
        if !is_outdated {
            self.waiting.push_front(event);
        }
    }

    /// Returns how many events wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Drops an event that a later waiting one covers: the opening of a notice that is resolved since, or an update.
    /// Without such an event the oldest one is lost.
    fn make_room(&mut self) -> Option<NoticeEvent> {
        let is_resolved = |event: &NoticeEvent| {
            event.event == Transition::Opened
                && self
                    .waiting
                    .iter()
                    .any(|later| later.event == Transition::Resolved && later.notice.id == event.notice.id)
        };
        let spare = self.waiting.iter().position(is_resolved);
        match spare.or_else(|| self.waiting.iter().position(|event| event.event == Transition::Updated)) {
            // A dropped update loses one step: the alert was opened, and the next event has every number.
            Some(spare) => {
                self.waiting.remove(spare);
                None
            }
            None => self.waiting.pop_front(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use mapwarden_engine::notice::Notice;

    fn event(event: Transition, id: usize, summary: &str) -> NoticeEvent {
        let sample = mapwarden_engine::notice::samples::MEASURED;
        let notice: Notice = serde_json::from_str(sample).unwrap();
        let notice = Notice { id: id.to_string(), summary: summary.to_owned(), ..notice };
        NoticeEvent { event, notice: Arc::new(notice) }
    }

    fn drained(queue: &mut Queue) -> Vec<(Transition, String, String)> {
        std::iter::from_fn(|| queue.take())
            .map(|event| (event.event, event.notice.id.clone(), event.notice.summary.clone()))
            .collect()
    }

    #[test]
    fn only_the_last_update_of_a_notice_waits() {
        let mut queue = Queue::default();
        for (what, id, summary) in [
            (Transition::Opened, 1, "a"),
            (Transition::Updated, 1, "b"),
            (Transition::Opened, 2, "c"),
            (Transition::Updated, 1, "d"),
        ] {
            assert!(queue.put(event(what, id, summary)).is_none());
        }
        let opened = queue.take().unwrap();
        queue.put_back(opened);
        assert!(queue.put(event(Transition::Resolved, 1, "e")).is_none());
        let expected = [
            (Transition::Opened, "1", "a"),
            (Transition::Opened, "2", "c"),
            (Transition::Resolved, "1", "e"),
        ]
        .map(|(what, id, summary)| (what, id.to_owned(), summary.to_owned()));
        assert_eq!(drained(&mut queue), expected);
    }

    #[test]
    fn a_newer_update_replaces_a_failed_one() {
        let mut queue = Queue::default();
        queue.put(event(Transition::Updated, 1, "old"));
        let failed = queue.take().unwrap();
        queue.put(event(Transition::Updated, 1, "new"));
        queue.put_back(failed);
        assert_eq!(drained(&mut queue), [(Transition::Updated, "1".to_owned(), "new".to_owned())]);
    }

    #[test]
    fn a_full_queue_drops_covered_events_first() {
        let mut queue = Queue::default();
        for id in 0..CAPACITY - 1 {
            queue.put(event(Transition::Opened, id, ""));
        }
        assert!(queue.put(event(Transition::Resolved, 7, "")).is_none());
        assert!(queue.put(event(Transition::Opened, 1_000, "")).is_none(), "the opening of 7 makes room");
        assert_eq!(queue.put(event(Transition::Opened, 1_001, "")).unwrap().notice.id, "0");
        let left = drained(&mut queue);
        assert_eq!(left.len(), CAPACITY);
        assert!(left.iter().any(|(what, id, _)| *what == Transition::Resolved && id == "7"));
        assert!(!left.iter().any(|(what, id, _)| *what == Transition::Opened && id == "7"));
    }
}
