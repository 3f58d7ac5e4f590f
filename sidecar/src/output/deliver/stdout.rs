//! The sink `stdout`. What comes in: a notice as text. What goes out: the text on standard output.

use std::io::Write as _;

use mapwarden_engine::notice::Transition;

use super::error::DeliveryError;

/// Prints a notice: the whole text when it opens and resolves, its first line when it is updated.
pub(super) async fn print(event: Transition, text: String) -> Result<(), DeliveryError> {
    let text = match event {
        Transition::Opened | Transition::Resolved => format!("\n{text}\n"),
        Transition::Updated => format!("{}\n", text.lines().next().unwrap_or_default()),
    };
    let printing = tokio::task::spawn_blocking(move || {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    });
    let failed = |error: std::io::Error| DeliveryError::Refused(format!("standard output: {error}"));
    printing.await.map_err(std::io::Error::other).flatten().map_err(failed)
}
