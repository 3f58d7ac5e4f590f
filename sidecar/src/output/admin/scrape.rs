//! What comes in: a scrape. What goes out: the exposition in the text format 0.0.4, and metrics of the scraping itself.

use std::io::Write as _;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use mapwarden_contract::UnixNanos;

use super::shared::{ScrapeCounts, Shared};
use crate::metric_names::{LAST_SCRAPE, SCRAPE_ERRORS};
use crate::output::exposition::sample;
use crate::problem::ProblemDocument;

/// The text format that every Prometheus-compatible scraper reads, whatever its `Accept` header says: see
/// [`exposition`](crate::output::exposition).
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A scrape that has begun. Dropped before it is served (the client went away, rendering failed), it counts as an
/// error.
struct PendingScrape<'a> {
    scrapes: &'a ScrapeCounts,
    served: Option<UnixNanos>,
}

impl Drop for PendingScrape<'_> {
    fn drop(&mut self) {
        match self.served {
            Some(at) => self.scrapes.last.store(at.get(), Ordering::Relaxed),
            None => {
                self.scrapes.errors.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

pub(super) async fn metrics(
    State(shared): State<Shared>,
    headers: HeaderMap,
) -> Result<Response, ProblemDocument> {
    let mut pending = PendingScrape { scrapes: &shared.scrapes, served: None };
    let (exposition, view) = (shared.admin.exposition.clone(), shared.admin.view.borrow().clone());
    let is_compressed = accepts_gzip(&headers);
    let rendering = tokio::task::spawn_blocking(move || {
        let text = exposition.render(&view);
        if is_compressed { gzip(text.as_bytes()) } else { Ok(text.into_bytes()) }
    });
    let body = rendering.await.map_err(std::io::Error::other).flatten().map_err(|error| {
        ProblemDocument::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("rendering the metrics failed: {error}"),
        )
    })?;
    let mut response = ([(header::CONTENT_TYPE, TEXT_FORMAT)], body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if is_compressed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    pending.served = Some(UnixNanos::now());
    Ok(response)
}

pub(super) async fn health(State(shared): State<Shared>) -> Response {
    let last = UnixNanos::new(shared.scrapes.last.load(Ordering::Relaxed)).since(UnixNanos::EPOCH);
    let errors = mapwarden_contract::Count::new(shared.scrapes.errors.load(Ordering::Relaxed));
    let text = sample(&LAST_SCRAPE, last.as_secs_f64()) + &sample(&SCRAPE_ERRORS, errors.as_f64());
    ([(header::CONTENT_TYPE, TEXT_FORMAT)], text).into_response()
}

/// Whether `Accept-Encoding` names gzip or `*` without the weight 0 (RFC 9110, 12.5.3). Other codings, and headers that
/// are no text, are ignored.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let codings: Vec<(String, bool)> = headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
            let weight =
                weight.trim().strip_prefix("q=").and_then(|weight| weight.trim().parse::<f32>().ok());
            (name.trim().to_ascii_lowercase(), weight.is_none_or(|weight| weight > 0.0))
        })
        .collect();
    let wanted = |name| codings.iter().find(|(coding, _)| coding == name).map(|(_, is_wanted)| *is_wanted);
    wanted("gzip").or_else(|| wanted("*")).unwrap_or(false)
}

fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_used_where_the_client_accepts_it() {
        let cases: [(&[u8], bool); 8] = [
            (b"gzip", true),
            (b"deflate, GZIP;q=0.5", true),
            (b"*", true),
            (b"gzip;q=0, *", false),
            (b"identity", false),
            (b"", false),
            (b"gzip;level=nonsense", true),
            (b"\xff\xfe, ;;;", false),
        ];
        for (value, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_bytes(value).unwrap());
            assert_eq!(accepts_gzip(&headers), expected, "{}", String::from_utf8_lossy(value));
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
