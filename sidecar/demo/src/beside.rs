//! What comes in: where a sidecar listens. What goes out: a sidecar that answers. Never starts or stops one.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use reqwest::Url;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::console::Console;

/// How long a sidecar that is said to run may take to answer: it may have been started together with the demo.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// How often it is asked.
const LOOK: Duration = Duration::from_millis(200);

/// The sidecar of the story.
pub(crate) struct Beside {
    /// Where it takes OTLP over HTTP, base URL.
    pub(crate) otlp: String,
    /// Its admin endpoints.
    pub(crate) console: Console,
}

impl Beside {
    /// The sidecar that the caller has started at these addresses.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub(crate) fn at(admin: SocketAddr, otlp: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self { otlp: url(otlp), console: Console::new(url(admin))? })
    }

    /// Waits for one that somebody else runs.
    ///
    /// # Errors
    /// None that is ready in time at `admin`, or nothing that listens at `otlp`.
    pub(crate) async fn find(admin: String, otlp: SocketAddr) -> anyhow::Result<Self> {
        let console = Console::new(admin)?;
        let until = Instant::now() + ANSWER_TIME;
        let mut looks = tokio::time::interval(LOOK);
        loop {
            looks.tick().await;
            let asked = tokio::time::timeout_at(until, console.ready()).await.context("no answer in time");
            let Err(why) = asked.flatten() else { break };
            if Instant::now() >= until {
                return Err(why.context(format!(
                    "no sidecar is ready at {} after {ANSWER_TIME:?}: start one with `mapwarden run`, or tell with \
                     --sidecar where one serves its pages (its --admin)",
                    console.url()
                )));
            }
        }
        let connected = tokio::time::timeout(ANSWER_TIME, TcpStream::connect(otlp)).await;
        connected.context("no answer in time").and_then(|connected| Ok(connected?)).with_context(|| {
            format!(
                "the sidecar at {} is ready, but nothing takes OTLP at {otlp}: tell with --otlp-http where it does",
                console.url()
            )
        })?;
        Ok(Self { otlp: url(otlp), console })
    }
}

/// A sidecar that serves at every address of the machine is asked, and shown, at this one.
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
    fn a_base_url_is_read_or_refused_with_what_is_accepted() {
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
    fn every_address_of_the_machine_is_asked_on_loopback() {
        for (address, expected) in [
            ("0.0.0.0:9464", "http://127.0.0.1:9464"),
            ("[::]:9464", "http://127.0.0.1:9464"),
            ("10.0.0.7:80", "http://10.0.0.7:80"),
        ] {
            assert_eq!(url(address.parse().unwrap()), expected);
        }
    }
}
