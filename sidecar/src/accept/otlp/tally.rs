//! The accepted and refused items of one request. A refused item is data: it is counted under a closed [`Reason`] and
//! reported to the sender, and the other items are accepted.

use metrics::counter;

use crate::metric_names::{OTLP_ITEMS, OTLP_REJECTED, OTLP_REQUESTS};

/// The three kinds of telemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OtlpSignal {
    Metrics,
    Traces,
    Logs,
}

impl OtlpSignal {
    pub(super) const ALL: [Self; 3] = [Self::Metrics, Self::Traces, Self::Logs];

    /// The value of the label, and the last segment of the path.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Traces => "traces",
            Self::Logs => "logs",
        }
    }

    /// The plural noun for its items.
    const fn items(self) -> &'static str {
        match self {
            Self::Metrics => "data points",
            Self::Traces => "spans",
            Self::Logs => "log records",
        }
    }
}

/// Why an item is refused. A closed set: every (signal, reason) is served at 0 from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The sender's resource breaks the enforced contract.
    Contract,
    /// JSON that is not an OTLP item.
    Undecodable,
    /// A metric without a name.
    NoName,
    /// A metric without data.
    NoData,
    /// A point without a value.
    NoValue,
    /// An item without a time.
    NoTime,
    /// NaN or an infinity.
    NotFinite,
    /// A negative amount where none is possible.
    Negative,
    /// Fields that contradict each other.
    Inconsistent,
    /// A sum or histogram without a known aggregation temporality.
    Temporality,
    /// A summary: its quantiles cannot be aggregated.
    Summary,
    /// A log record that is marked as a sketch of users or tenants and is not one.
    UserSketch,
}

impl Reason {
    pub(super) const ALL: [Self; 12] = [
        Self::Contract,
        Self::Undecodable,
        Self::NoName,
        Self::NoData,
        Self::NoValue,
        Self::NoTime,
        Self::NotFinite,
        Self::Negative,
        Self::Inconsistent,
        Self::Temporality,
        Self::Summary,
        Self::UserSketch,
    ];

    /// The value of the label.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Contract => "contract",
            Self::Undecodable => "undecodable",
            Self::NoName => "no_name",
            Self::NoData => "no_data",
            Self::NoValue => "no_value",
            Self::NoTime => "no_time",
            Self::NotFinite => "not_finite",
            Self::Negative => "negative",
            Self::Inconsistent => "inconsistent",
            Self::Temporality => "temporality",
            Self::Summary => "summary",
            Self::UserSketch => "user_sketch",
        }
    }
}

/// Why one item was refused: the reason for the counter, the details for the sender.
pub(super) type ItemRejection = (Reason, String);

/// Items of one reason.
#[derive(Debug)]
struct RejectedItems {
    reason: Reason,
    items: u64,
    /// The details of the first of them.
    example: String,
}

/// Counts the items of one request.
#[derive(Debug, Default)]
pub(super) struct Tally {
    accepted: u64,
    rejected: Vec<RejectedItems>,
    warnings: Vec<String>,
}

/// How many warnings one answer carries. Raised, the answer to a request with many resources grows; further warnings
/// repeat the first ones for other resources.
const MAX_WARNINGS: usize = 8;

impl Tally {
    pub(super) fn accept(&mut self, items: u64) {
        self.accepted = self.accepted.saturating_add(items);
    }

    /// Counts refused items; does nothing if there are none.
    pub(super) fn reject(&mut self, reason: Reason, items: u64, example: impl FnOnce() -> String) {
        if items == 0 {
            return;
        }
        match self.rejected.iter_mut().find(|entry| entry.reason == reason) {
            Some(entry) => entry.items = entry.items.saturating_add(items),
            None => self.rejected.push(RejectedItems { reason, items, example: example() }),
        }
    }

    pub(super) fn warn(&mut self, warning: String) {
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(warning);
        }
    }

    pub(super) fn accepted(&self) -> u64 {
        self.accepted
    }

    pub(super) fn rejected(&self) -> u64 {
        self.rejected.iter().fold(0, |sum, entry| sum.saturating_add(entry.items))
    }

    /// Returns the message for the sender; empty after a full success.
    pub(super) fn message(&self, signal: OtlpSignal) -> String {
        let mut parts = Vec::new();
        for RejectedItems { reason, items, example } in &self.rejected {
            parts.push(format!("{items} {} refused as {}: {example}", signal.items(), reason.name()));
        }
        parts.extend(self.warnings.iter().cloned());
        parts.join("; ")
    }

    /// Adds the refused items to the sidecar's own counters.
    pub(super) fn count_rejected(&self, signal: OtlpSignal) {
        for RejectedItems { reason, items, example: _ } in &self.rejected {
            counter!(OTLP_REJECTED.name, "signal" => signal.name(), "reason" => reason.name())
                .increment(*items);
        }
    }

    /// Adds the accepted items to the sidecar's own counters.
    pub(super) fn count_accepted(&self, signal: OtlpSignal) {
        counter!(OTLP_ITEMS.name, "signal" => signal.name()).increment(self.accepted);
    }
}

/// Registers every series of the counters at 0, so that the first refusal shows as an increase.
pub(super) fn register() {
    for signal in OtlpSignal::ALL {
        counter!(OTLP_REQUESTS.name, "signal" => signal.name(), "code" => "200").increment(0);
        counter!(OTLP_ITEMS.name, "signal" => signal.name()).increment(0);
        for reason in Reason::ALL {
            counter!(OTLP_REJECTED.name, "signal" => signal.name(), "reason" => reason.name()).increment(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_has_count_reason_and_one_example() {
        let mut tally = Tally::default();
        assert_eq!(tally.message(OtlpSignal::Metrics), "");
        tally.accept(3);
        tally.reject(Reason::NotFinite, 1, || "metric `a`: value is NaN".to_owned());
        tally.reject(Reason::NotFinite, 1, || "metric `b`: value is NaN".to_owned());
        tally.reject(Reason::Summary, 0, || "nothing".to_owned());
        tally.warn("resource `x` lacks team".to_owned());
        assert_eq!((tally.accepted(), tally.rejected()), (3, 2));
        assert_eq!(
            tally.message(OtlpSignal::Metrics),
            "2 data points refused as not_finite: metric `a`: value is NaN; resource `x` lacks team"
        );
    }

    #[test]
    fn every_signal_and_reason_starts_at_0() {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            register();
            let mut tally = Tally::default();
            tally.accept(5);
            tally.reject(Reason::NoTime, 2, String::new);
            tally.count_accepted(OtlpSignal::Logs);
            tally.count_rejected(OtlpSignal::Logs);
        });
        let page = recorder.handle().render();
        for signal in OtlpSignal::ALL {
            for reason in Reason::ALL {
                let count = if (signal, reason) == (OtlpSignal::Logs, Reason::NoTime) { 2 } else { 0 };
                let labels = format!("signal=\"{}\",reason=\"{}\"", signal.name(), reason.name());
                let line = format!("{}{{{labels}}} {count}\n", OTLP_REJECTED.name);
                assert!(page.contains(&line), "{line} in {page}");
            }
        }
        assert!(page.contains(&format!("{}{{signal=\"logs\"}} 5\n", OTLP_ITEMS.name)), "{page}");
    }

    #[test]
    fn warnings_are_bounded() {
        let mut tally = Tally::default();
        for _ in 0..100 {
            tally.warn("w".to_owned());
        }
        assert_eq!(tally.message(OtlpSignal::Logs).len(), 8 + 7 * 2);
    }
}
