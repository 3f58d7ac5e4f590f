//! What comes in: spans of our own tracer as they end, on the service's threads. What goes out: batches for the
//! shipper's thread. Never waits and never holds more than a fixed number.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use crate::record::Dropped;

/// Spans that wait. Raised, a longer outage of the receiver loses none, at about 1 KiB each.
const CAPACITY: usize = 2048;

/// Spans between the tracer and the shipper.
#[derive(Clone, Debug, Default)]
pub(crate) struct SpanQueue {
    spans: Arc<Mutex<VecDeque<SpanData>>>,
}

impl SpanQueue {
    /// Everything that waits, oldest first.
    pub(crate) fn take(&self) -> Vec<SpanData> {
        std::mem::take(&mut *self.lock()).into()
    }

    /// Puts back what could not be sent, before what came since; the newest of it are dropped if there is no
    /// room.
    pub(crate) fn put_back(&self, spans: Vec<SpanData>) {
        let mut waiting = self.lock();
        let room = CAPACITY.saturating_sub(waiting.len());
        Dropped::SpanQueue.add(u64::try_from(spans.len().saturating_sub(room)).unwrap_or(u64::MAX));
        for span in spans.into_iter().take(room).rev() {
            waiting.push_front(span);
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<SpanData>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SpanProcessor for SpanQueue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        let mut waiting = self.lock();
        if waiting.len() < CAPACITY {
            waiting.push_back(span);
        } else {
            Dropped::SpanQueue.add(1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanContext, SpanKind, Status};
    use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};

    use super::*;

    fn span(name: usize) -> SpanData {
        SpanData {
            span_context: SpanContext::NONE,
            parent_span_id: opentelemetry::trace::SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: name.to_string().into(),
            start_time: std::time::UNIX_EPOCH,
            end_time: std::time::UNIX_EPOCH,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: opentelemetry::InstrumentationScope::default(),
        }
    }

    #[test]
    fn spans_that_do_not_fit_are_counted() {
        let queue = SpanQueue::default();
        let before = Dropped::SpanQueue.count();
        (0..CAPACITY + 10).for_each(|name| queue.on_end(span(name)));
        assert_eq!(Dropped::SpanQueue.count().saturating_sub(before).get(), 10);
        let taken = queue.take();
        (0..5).for_each(|name| queue.on_end(span(name)));
        queue.put_back(taken);
        assert_eq!(Dropped::SpanQueue.count().saturating_sub(before).get(), 15);
        let kept = queue.take();
        assert_eq!(kept.len(), CAPACITY);
        assert_eq!((&*kept[0].name, &*kept[CAPACITY - 1].name), ("0", "4"), "in the order of their ends");
    }
}
