//! What every handler of the admin endpoints reads: the last view, what renders it, and how scraping goes.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::sync::watch;

use crate::output::exposition::Exposition;
use crate::output::render::Templates;
use crate::view::View;

/// What the admin endpoints answer from.
#[derive(Clone, Debug)]
pub struct Admin {
    /// The last view.
    pub view: watch::Receiver<Arc<View>>,
    /// What `/metrics` serves.
    pub exposition: Exposition,
    /// How notices are rendered.
    pub templates: Templates,
}

/// The state of every handler.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) admin: Admin,
    pub(super) scrapes: Arc<ScrapeCounts>,
}

/// How scraping went. Relaxed everywhere: each number stands alone, and readers only print it.
#[derive(Debug, Default)]
pub(super) struct ScrapeCounts {
    /// When the last scrape was served, in nanoseconds since the Unix epoch; 0 before the first.
    pub(super) last: AtomicU64,
    /// Scrapes that were not served.
    pub(super) errors: AtomicU64,
}

impl Shared {
    /// Begins with no scrape.
    pub(super) fn new(admin: Admin) -> Self {
        Self { admin, scrapes: Arc::default() }
    }

    /// Returns the last view; cheap.
    pub(super) fn view(&self) -> Arc<View> {
        self.admin.view.borrow().clone()
    }
}
