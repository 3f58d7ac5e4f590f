//! How a request or a call to a dependency ended.

/// The outcome of a request or a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScopeOutcome {
    Ok,
    Failed,
    /// The client went away. Only requests end so.
    Cancelled,
}

/// Returns the error type of a request or call that was dropped without an end.
pub(super) fn error_type_of_drop() -> &'static str {
    if std::thread::panicking() { "panic" } else { "dropped" }
}
