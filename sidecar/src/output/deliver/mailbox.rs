//! What comes in: events from the dispatcher. What goes out: the same events to the task of one sink, and the counters
//! of that sink. The lock is held for a few moves of a pointer, never across an `.await`.

use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::queue::Queue;
use crate::metric_names::{DELIVERIES, DELIVERY_PENDING};
use mapwarden_engine::notice::NoticeEvent;

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// The sink took it.
    Delivered,
    /// It failed and is tried again.
    Retried,
    /// The sink will never take it.
    Refused,
    /// It was dropped from a full queue, untried.
    Dropped,
}

impl Attempt {
    const ALL: [Self; 4] = [Self::Delivered, Self::Retried, Self::Refused, Self::Dropped];

    const fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retried => "retried",
            Self::Refused => "refused",
            Self::Dropped => "dropped",
        }
    }
}

/// The events that wait for one sink.
#[derive(Debug)]
pub(super) struct Mailbox {
    sink: String,
    queue: Mutex<Queue>,
    arrived: Notify,
    closed: CancellationToken,
}

impl Mailbox {
    /// An empty one, with counters at 0.
    pub(super) fn new(sink: &str) -> Self {
        for attempt in Attempt::ALL {
            metrics::counter!(DELIVERIES.name, "sink" => sink.to_owned(), "result" => attempt.name())
                .increment(0);
        }
        let mailbox = Self {
            sink: sink.to_owned(),
            queue: Mutex::default(),
            arrived: Notify::new(),
            closed: CancellationToken::new(),
        };
        mailbox.show_pending(0);
        mailbox
    }

    /// The sink's name.
    pub(super) fn sink(&self) -> &str {
        &self.sink
    }

    /// Adds an event.
    pub(super) fn put(&self, event: NoticeEvent) {
        let lost = self.with(|queue| queue.put(event));
        if let Some(lost) = lost {
            self.count(Attempt::Dropped);
            tracing::error!(
                sink = %self.sink, notice = %lost.notice.id,
                "the queue of the sink is full: the sink does not receive that this notice was {:?}", lost.event
            );
        }
        self.arrived.notify_one();
    }

    /// Waits for the next event. Cancel-safe: an event is taken only when it is returned.
    pub(super) async fn take(&self) -> NoticeEvent {
        loop {
            let arrived = self.arrived.notified();
            if let Some(event) = self.try_take() {
                return event;
            }
            arrived.await;
        }
    }

    /// Returns the next event, if there is one.
    pub(super) fn try_take(&self) -> Option<NoticeEvent> {
        self.with(Queue::take)
    }

    /// Puts back an event that could not be delivered.
    pub(super) fn put_back(&self, event: NoticeEvent) {
        self.with(|queue| queue.put_back(event));
    }

    /// Returns how many events wait.
    pub(super) fn len(&self) -> usize {
        self.with(|queue| queue.len())
    }

    /// Declares that no further event comes.
    pub(super) fn close(&self) {
        self.closed.cancel();
    }

    /// Waits until no further event comes.
    pub(super) async fn closed(&self) {
        self.closed.cancelled().await;
    }

    /// Counts an attempt.
    pub(super) fn count(&self, attempt: Attempt) {
        metrics::counter!(DELIVERIES.name, "sink" => self.sink.clone(), "result" => attempt.name())
            .increment(1);
    }

    /// Sets the gauge of waiting events, `in_flight` included.
    pub(super) fn show_pending(&self, in_flight: usize) {
        let pending = u32::try_from(self.len() + in_flight).unwrap_or(u32::MAX);
        metrics::gauge!(DELIVERY_PENDING.name, "sink" => self.sink.clone()).set(f64::from(pending));
    }

    fn with<T>(&self, act: impl FnOnce(&mut Queue) -> T) -> T {
        act(&mut self.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
