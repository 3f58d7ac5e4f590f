//! The HTTP client of the load, the console and the service.

use std::time::Duration;

use anyhow::Context as _;

/// Builds a client for loopback; a request fails after `timeout`.
pub(crate) fn client(timeout: Duration) -> anyhow::Result<reqwest::Client> {
    // An error means that the process already has a provider, which serves as well.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder().timeout(timeout).no_proxy().build().context("no HTTP client")
}

/// Writes an error with its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}
