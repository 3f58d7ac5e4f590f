//! Comes in: a request's body. Goes out: its plain bytes, at most `limit` of them before and after
//! decompression. Never reads past the limit: a bomb is stopped while it inflates.

use std::future::poll_fn;
use std::io::Read;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use flate2::read::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;

use super::wire::Refusal;

/// How long a sender may take for one body. Raised, a stuck sender holds its upload slot longer; lowered, slow
/// links fail.
const UPLOAD_TIME: Duration = Duration::from_secs(10);

/// The largest zstd window in bytes, which the decoder allocates at once; RFC 8878 recommends support for 8 MiB.
/// Raised, a few hostile bytes can cost that much memory.
const ZSTD_WINDOW: u64 = 8 << 20;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compression {
    Identity,
    Gzip,
    Zstd,
}

impl Compression {
    fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let value = headers.get(CONTENT_ENCODING).map(|value| String::from_utf8_lossy(value.as_bytes()));
        match value.unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Self::Identity),
            "gzip" => Ok(Self::Gzip),
            "zstd" => Ok(Self::Zstd),
            other => Err(Refusal::ContentEncoding { encoding: other.to_owned() }),
        }
    }
}

/// Reads a whole body and decompresses it.
pub(super) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Vec<u8>, Refusal> {
    let compression = Compression::of(headers)?;
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if length.and_then(|length| length.parse::<usize>().ok()).is_some_and(|length| length > limit) {
        return Err(Refusal::TooLarge { limit, stage: "as sent" });
    }
    let sent = tokio::time::timeout(UPLOAD_TIME, collect(body, limit))
        .await
        .unwrap_or(Err(Refusal::Busy { what: "the body did not arrive within 10 s" }))?;
    match compression {
        Compression::Identity => Ok(sent),
        Compression::Gzip => {
            let mut bytes = Vec::new();
            inflate(MultiGzDecoder::new(sent.as_slice()), &mut bytes, "gzip", limit)?;
            Ok(bytes)
        }
        Compression::Zstd => inflate_zstd(&sent, limit),
    }
}

/// Decompresses a zstd body: one frame, or several in sequence.
fn inflate_zstd(sent: &[u8], limit: usize) -> Result<Vec<u8>, Refusal> {
    let (mut rest, mut bytes) = (sent, Vec::new());
    loop {
        let decoder = StreamingDecoder::new_with_max_window_size(&mut rest, ZSTD_WINDOW)
            .map_err(|error| Refusal::Undecodable { detail: format!("zstd: {error}") })?;
        inflate(decoder, &mut bytes, "zstd", limit)?;
        if rest.is_empty() {
            return Ok(bytes);
        }
    }
}

/// Decompresses frame by frame and stops at the limit.
async fn collect(mut body: Body, limit: usize) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|error| Refusal::Undecodable { detail: error.to_string() })?;
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > limit {
                return Err(Refusal::TooLarge { limit, stage: "as sent" });
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}

/// Appends the output of a decoder and stops one byte past the limit.
fn inflate(decoder: impl Read, bytes: &mut Vec<u8>, name: &str, limit: usize) -> Result<(), Refusal> {
    let enough = limit.saturating_sub(bytes.len()).saturating_add(1);
    decoder
        .take(u64::try_from(enough).unwrap_or(u64::MAX))
        .read_to_end(bytes)
        .map_err(|error| Refusal::Undecodable { detail: format!("{name}: {error}") })?;
    if bytes.len() > limit {
        return Err(Refusal::TooLarge { limit, stage: "after decompression" });
    }
    Ok(())
}
