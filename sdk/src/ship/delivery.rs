//! What comes in: the request of one signal, and a way to send it. What goes out: the fate of its items. Splits a request
//! that is too large, and halves what the receiver finds too large, down to single items. Never copies an item, and never
//! sends an item that is no smaller than one that was too large.

use std::time::Duration;

use super::post::Answer;
use super::split::Split;

/// The largest request in bytes, before it is known that a receiver takes less. Raised, a service with many series
/// sends fewer requests, and comes near the 4 MiB which the sidecar and other receivers take.
const LARGEST: usize = 2 << 20;

/// A connection that breaks under a request of more bytes than this may have been broken by its size. Raised, a
/// receiver that takes less and does not read to the end is not understood; lowered, one that is not well is asked
/// more often.
const SUSPECT: usize = 64 << 10;

/// The fate of the items of one signal.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// Items, from the first on, that need not be sent again: the receiver holds them, or refused them for good.
    pub(crate) answered: usize,
    /// How many of them it refused.
    pub(crate) refused: u64,
    /// Whether any request was taken, in whole or in part.
    pub(crate) is_received: bool,
    /// What went wrong first.
    pub(crate) failure: Option<DeliveryFailure>,
}

/// The reason why a receiver did not take everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DeliveryFailure {
    /// The receiver was not there or not ready; what is left may be sent again.
    Later { why: String, after: Option<Duration> },
    /// The receiver will never take some items.
    Refused { why: String },
}

/// Sends a request as one, or as several in the order of its items.
pub(crate) fn deliver<P: Split>(request: P, mut post: impl FnMut(&P) -> Answer) -> Delivery {
    let mut delivery = Delivery::default();
    let mut too_large = usize::MAX;
    let mut waiting = vec![request];
    while let Some(mut part) = waiting.pop() {
        let (items, size) = (part.items(), part.encoded_len());
        if items > 1 && (size > LARGEST || size >= too_large) {
            let second = part.split_off(items / 2);
            waiting.extend([second, part]);
            continue;
        }
        let answer = if size < too_large { post(&part) } else { Answer::TooLarge };
        match answer {
            Answer::TooLarge if items > 1 => {
                too_large = size;
                waiting.push(part);
                continue;
            }
            Answer::Broken { .. } if items > 1 && size > SUSPECT => {
                too_large = size;
                waiting.push(part);
                continue;
            }
            Answer::TooLarge => {
                too_large = too_large.min(size);
                delivery.refuse(items, "status 413, for a single item".to_owned());
            }
            Answer::Confirmed => delivery.is_received = true,
            Answer::Partial { rejected, message } => {
                delivery.is_received = true;
                delivery.refuse(items.min(usize::try_from(rejected).unwrap_or(usize::MAX)), message);
            }
            Answer::Refused { why } => delivery.refuse(items, why),
            Answer::Broken { why } => return delivery.left(why, None),
            Answer::Later { why, after } => return delivery.left(why, after),
        }
        delivery.answered += items;
    }
    delivery
}

impl Delivery {
    fn left(mut self, why: String, after: Option<Duration>) -> Self {
        self.failure = Some(DeliveryFailure::Later { why, after });
        self
    }

    fn refuse(&mut self, items: usize, why: String) {
        self.refused = self.refused.saturating_add(u64::try_from(items).unwrap_or(u64::MAX));
        self.failure.get_or_insert(DeliveryFailure::Refused { why });
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
    use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
    use prost::Message;

    use super::*;

    /// Records of these sizes and about 20 bytes more each.
    fn records(sizes: &[usize]) -> ExportLogsServiceRequest {
        let record = |size: &usize| LogRecord { event_name: "x".repeat(*size), ..LogRecord::default() };
        let log_records = sizes.iter().map(record).collect();
        let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
        ExportLogsServiceRequest {
            resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }],
        }
    }

    fn sizes(request: &ExportLogsServiceRequest) -> Vec<usize> {
        let records = &request.resource_logs[0].scope_logs[0].log_records;
        records.iter().map(|record| record.event_name.len()).collect()
    }

    /// What a receiver took that takes no request above `limit`, how many requests it saw, and the delivery.
    fn taken(request: ExportLogsServiceRequest, limit: usize) -> (Vec<usize>, usize, Delivery) {
        let (mut taken, mut asked) = (Vec::new(), 0);
        let delivery = deliver(request, |part| {
            asked += 1;
            if part.encoded_len() > limit {
                return Answer::TooLarge;
            }
            taken.extend(sizes(part));
            Answer::Confirmed
        });
        (taken, asked, delivery)
    }

    #[test]
    fn large_requests_travel_as_several_in_order() {
        let all: Vec<usize> = (0..50).map(|number| 100_000 + number).collect();
        let (arrived, asked, delivery) = taken(records(&all), LARGEST);
        assert_eq!(arrived, all);
        assert_eq!(asked, 4, "5 MB, halved and halved");
        assert_eq!(delivery, Delivery { answered: 50, refused: 0, is_received: true, failure: None });
    }

    #[test]
    fn too_large_requests_are_halved_down_to_single_items() {
        let (arrived, _, delivery) = taken(records(&[10, 10, 500, 10, 600, 10, 10, 499]), 300);
        assert_eq!(arrived, [10, 10, 10, 10, 10]);
        assert_eq!((delivery.answered, delivery.refused, delivery.is_received), (8, 3, true));
        let why = "status 413, for a single item".to_owned();
        assert_eq!(delivery.failure, Some(DeliveryFailure::Refused { why }));
    }

    #[test]
    fn no_item_is_sent_that_is_known_to_be_too_large() {
        let (arrived, asked, delivery) = taken(records(&[100; 1024]), 0);
        assert_eq!((arrived.len(), delivery.refused, delivery.is_received), (0, 1024, false));
        assert_eq!(asked, 11, "the whole, ten halves of halves; no single one is smaller than the first");
    }

    #[test]
    fn broken_connections_are_retried_with_smaller_requests() {
        let broken = || Answer::Broken { why: "reset".to_owned() };
        let mut asked = Vec::new();
        let delivery = deliver(records(&[30_000; 8]), |part| {
            asked.push(part.items());
            if part.items() > 2 { broken() } else { Answer::Confirmed }
        });
        assert_eq!(asked, [8, 4, 2, 2, 2, 2]);
        assert_eq!((delivery.answered, delivery.failure), (8, None));
        let mut asked = 0;
        let delivery = deliver(records(&[30_000; 8]), |_| {
            asked += 1;
            broken()
        });
        assert_eq!((asked, delivery.answered), (3, 0), "240, 120 and 60 KB: no more to suspect");
        assert_eq!(delivery.failure, Some(DeliveryFailure::Later { why: "reset".to_owned(), after: None }));
    }

    #[test]
    fn nothing_is_sent_after_a_busy_answer() {
        let mut answers = [
            Answer::Partial { rejected: 1, message: "no team".to_owned() },
            Answer::Later { why: "busy".to_owned(), after: None },
        ]
        .into_iter();
        let delivery = deliver(records(&[1_500_000; 4]), |_| answers.next().unwrap());
        let failure = Some(DeliveryFailure::Later { why: "busy".to_owned(), after: None });
        assert_eq!(delivery, Delivery { answered: 1, refused: 1, is_received: true, failure });
    }
}
