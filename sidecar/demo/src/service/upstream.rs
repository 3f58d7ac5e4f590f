//! What comes in: a call of the order service. What goes out: the response of one of its dependencies.

use std::time::Duration;

use serde::de::DeserializeOwned;

use super::super::http;

/// When a call to a dependency fails.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// The service's dependencies.
#[derive(Clone)]
pub(crate) struct Upstream {
    base: String,
    client: reqwest::Client,
}

impl Upstream {
    /// Dependencies at this base URL; sends nothing yet.
    ///
    /// # Errors
    /// An HTTP client that cannot be set up.
    pub(crate) fn new(base: String) -> anyhow::Result<Self> {
        Ok(Self { base, client: http::client(CALL_TIMEOUT)? })
    }

    /// Gets a resource.
    ///
    /// # Errors
    /// No response in time, a failure, or a response of another type.
    pub(crate) async fn get<T: DeserializeOwned>(&self, what: &str) -> anyhow::Result<T> {
        let response = self.client.get(format!("{}/{what}", self.base)).send().await?.error_for_status()?;
        Ok(response.json().await?)
    }

    /// Takes a payment.
    ///
    /// # Errors
    /// No response in time, or a refusal.
    pub(crate) async fn pay(&self, cents: u64) -> anyhow::Result<()> {
        let request = self.client.post(format!("{}/payments", self.base)).json(&cents);
        request.send().await?.error_for_status()?;
        Ok(())
    }
}
