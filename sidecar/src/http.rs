//! The HTTP client of everything that asks or tells others: sinks. Never follows a redirect: an answer from
//! somewhere else than where the operator pointed is an answer to look at.

use std::time::Duration;

use reqwest::redirect::Policy;

/// How long one request may take. Raised, a stuck receiver holds its queue longer; lowered, a slow one is told
/// the same thing again.
const REQUEST_TIME: Duration = Duration::from_secs(10);

/// A client with the system's certificates. Where there are none (a `FROM scratch` image), plain HTTP still
/// works, and HTTPS fails with an unknown issuer at each request.
///
/// # Errors
/// The TLS library cannot be set up.
pub(crate) fn client() -> Result<reqwest::Client, reqwest::Error> {
    // An error says that another part of the process installed a provider before, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = || reqwest::Client::builder().redirect(Policy::none()).timeout(REQUEST_TIME);
    builder().build().or_else(|error| {
        tracing::warn!("no system certificates, only plain http sinks can be reached: {error}");
        builder().tls_certs_only([]).build()
    })
}
