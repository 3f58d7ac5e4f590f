//! What comes in: the addresses of a sidecar. What goes out: a sidecar that responds. Never starts or stops one.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use reqwest::Url;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::console::Console;

/// How long the sidecar of `--sidecar` may take to respond: it may have been started together with the demo.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// The interval between requests.
const LOOK: Duration = Duration::from_millis(200);

/// The sidecar beside which the story plays.
pub(crate) struct RunningSidecar {
    /// The base URL of its OTLP over HTTP.
    pub(crate) otlp: String,
    /// Its admin endpoints.
    pub(crate) console: Console,
}

impl RunningSidecar {
    /// The sidecar that the caller started at these addresses.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub(crate) fn at(admin: SocketAddr, otlp: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self { otlp: url(otlp), console: Console::new(url(admin))? })
    }

    /// Waits for a sidecar that was started elsewhere.
    ///
    /// # Errors
    /// No sidecar is ready in time at `admin`, or nothing listens at `otlp`.
    pub(crate) async fn find(admin: String, otlp: SocketAddr) -> anyhow::Result<Self> {
        let console = Console::new(admin)?;
        let until = Instant::now() + ANSWER_TIME;
        let mut looks = tokio::time::interval(LOOK);
        loop {
            looks.tick().await;
            let checked =
                tokio::time::timeout_at(until, console.ready()).await.context("no response in time");
            let Err(why) = checked.flatten() else { break };
            if Instant::now() >= until {
                return Err(why.context(format!(
                    "no sidecar is ready at {} after {ANSWER_TIME:?}: start one with `mapwarden run`, or set --sidecar \
                     to the base URL of its pages (its --admin)",
                    console.url()
                )));
            }
        }
        let connected = tokio::time::timeout(ANSWER_TIME, TcpStream::connect(otlp)).await;
        connected.context("no response in time").and_then(|connected| Ok(connected?)).with_context(|| {
            format!(
                "the sidecar at {} is ready, but nothing takes OTLP at {otlp}: set --otlp-http to the address where it does",
                console.url()
            )
        })?;
        Ok(Self { otlp: url(otlp), console })
    }
}

/// Returns the base URL of an address; an unspecified address is replaced by loopback.
fn url(address: SocketAddr) -> String {
    let ip = if address.ip().is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { address.ip() };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

/// Reads the argument `--sidecar`: a base URL, without the slash at its end.
///
/// # Errors
/// Anything else.
pub fn base_url(text: &str) -> Result<String, String> {
    let accepted = "accepted is the base URL of its admin address, e.g. http://127.0.0.1:9464";
    let url = Url::parse(text).map_err(|error| format!("{error}: {accepted}"))?;
    if url.scheme() != "http" || !url.has_host() || url.query().is_some() || url.fragment().is_some() {
        return Err(accepted.into());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_read_or_refused() {
        for (text, expected) in [
            ("http://127.0.0.1:9464", Some("http://127.0.0.1:9464")),
            ("http://127.0.0.1:9464/", Some("http://127.0.0.1:9464")),
            ("http://gateway/mapwarden/", Some("http://gateway/mapwarden")),
            ("127.0.0.1:9464", None),
            ("localhost:9464", None),
            ("ftp://localhost:9464", None),
            ("http://localhost:9464/?a=b", None),
        ] {
            let read = base_url(text);
            assert_eq!(read.as_deref().ok(), expected, "{text}");
            assert!(read.err().is_none_or(|why| why.contains("e.g. http://127.0.0.1:9464")), "{text}");
        }
    }

    #[test]
    fn an_unspecified_address_becomes_loopback() {
        for (address, expected) in [
            ("0.0.0.0:9464", "http://127.0.0.1:9464"),
            ("[::]:9464", "http://127.0.0.1:9464"),
            ("10.0.0.7:80", "http://10.0.0.7:80"),
        ] {
            assert_eq!(url(address.parse().unwrap()), expected);
        }
    }
}
