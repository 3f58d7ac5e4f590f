//! The reasons why telemetry is not installed.

use std::io;
use std::time::Duration;

use crate::scope::ScopeObjectiveError;

/// The reason why telemetry is not installed. The service runs on; nothing is sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// Required resource attributes have no value.
    #[error(
        "telemetry needs {}: call .service(), .version(), .environment() and .team(), or set \
         OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES",
        quoted(.0)
    )]
    Missing(Vec<&'static str>),
    /// The environment's resource attributes cannot be read.
    #[error("OTEL_RESOURCE_ATTRIBUTES: `{entry}` is not key=value with a percent-encoded value")]
    ResourceAttributes {
        /// The entry.
        entry: String,
    },
    /// The endpoint is no address of plain HTTP.
    #[error(
        "endpoint `{endpoint}` is not http://host[:port][/path]: the sidecar runs beside the service and takes OTLP \
         over plain HTTP"
    )]
    Endpoint {
        /// The value that was given.
        endpoint: String,
    },
    /// An objective of a scope was given twice, or only maps can keep it.
    #[error(transparent)]
    ScopeObjective(#[from] ScopeObjectiveError),
    /// The interval is too short or too long.
    #[error("interval {interval:?} is not in [10 ms, 1 h]")]
    Interval {
        /// The value that was given.
        interval: Duration,
    },
    /// The trace ratio is not in [0, 1].
    #[error("trace ratio {ratio} is not in [0, 1]")]
    TraceRatio {
        /// The value that was given.
        ratio: f64,
    },
    /// This process was forked from one in which telemetry was installed, so that its counts begin with its parent's.
    #[error("this process was forked after telemetry was installed: fork first, then install")]
    Forked,
    /// Telemetry is installed and its handle lives.
    #[error("telemetry is installed in this process already: keep one handle, and drop it at the end")]
    AlreadyInstalled,
    /// The system could not start a thread.
    #[error("cannot start the thread that ships telemetry")]
    Thread(#[source] io::Error),
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
