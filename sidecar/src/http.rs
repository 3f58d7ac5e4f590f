//! The HTTP client of probes, sources and sinks. Comes in: whether a proxy may be used. Goes out: a client. Never follows a
//! redirect: an answer from another place than the one that the operator named needs a look.

use std::time::Duration;

use reqwest::redirect::Policy;

/// How long one request may take. Raised, a stuck receiver holds its queue longer; lowered, a slow one receives
/// the same request again.
const REQUEST_TIME: Duration = Duration::from_secs(10);

/// How a client reaches its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Through the proxy that the environment names, if it names one.
    ViaProxy,
    /// Directly, never through a proxy.
    Direct,
}

/// Returns a client with the system's certificates. If there are none (a `FROM scratch` image), plain HTTP still
/// works, and HTTPS fails with an unknown issuer at each request.
///
/// # Errors
/// The TLS library cannot be set up.
pub(crate) fn client(reach: Reach) -> Result<reqwest::Client, reqwest::Error> {
    // It fails if the process has a provider already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = || {
        let builder = reqwest::Client::builder().redirect(Policy::none()).timeout(REQUEST_TIME);
        match reach {
            Reach::ViaProxy => builder,
            Reach::Direct => builder.no_proxy(),
        }
    };
    builder().build().or_else(|error| {
        tracing::warn!("no system certificates, only plain http can be reached: {error}");
        builder().tls_certs_only([]).build()
    })
}
