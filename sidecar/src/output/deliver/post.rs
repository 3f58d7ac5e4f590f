//! What comes in: a JSON body and a URL. What goes out: one HTTP request, and whether the receiver took it. Never tries
//! twice.

use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Response, StatusCode};
use serde::Serialize;

use super::error::DeliveryError;

/// Posts a body as JSON.
///
/// # Errors
/// A receiver that does not answer with 2xx; see [`outcome`].
pub(super) async fn post<T: Serialize + Sync + ?Sized>(
    client: &Client,
    url: &str,
    body: &T,
) -> Result<(), DeliveryError> {
    match client.post(url).json(body).send().await {
        Ok(response) => outcome(response).await,
        // An invalid URL stays invalid; every other error may pass.
        Err(error) if error.is_builder() => Err(DeliveryError::Refused(chain(&error))),
        Err(error) => Err(DeliveryError::Unreachable { reason: chain(&error), retry_after: None }),
    }
}

/// 2xx is taken; 408, 429 and 5xx may be taken later (RFC 9110, 15.5.9 and 15.6); anything else never.
async fn outcome(response: Response) -> Result<(), DeliveryError> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let is_later = status.is_server_error()
        || [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status);
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.trim().parse().ok())
        .map(Duration::from_secs);
    let body: String = response.text().await.unwrap_or_default().chars().take(200).collect();
    let reason = format!("it answered {status}: {}", body.trim());
    Err(if is_later {
        DeliveryError::Unreachable { reason, retry_after }
    } else {
        DeliveryError::Refused(reason)
    })
}

/// An error with its causes: reqwest's own text says only that sending failed.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}
