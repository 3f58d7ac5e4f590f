//! The objectives of a view. Comes in: what makes them. Goes out: them, one by one, made when somebody looks: to make a
//! thousand of them takes a third of an evaluation, and most views are of a second in which nobody looks.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::SloView;

/// Objectives by id.
#[derive(Clone)]
pub struct Slos {
    number: usize,
    make: Arc<dyn Fn(usize) -> Option<SloView> + Send + Sync>,
}

impl Slos {
    /// What `make` makes of the numbers below `number`.
    pub(super) fn new(
        number: usize,
        make: impl Fn(usize) -> Option<SloView> + Send + Sync + 'static,
    ) -> Self {
        Self { number, make: Arc::new(make) }
    }

    /// Each objective, made anew.
    pub fn iter(&self) -> impl Iterator<Item = SloView> {
        (0..self.number).filter_map(|at| (self.make)(at))
    }

    /// The ids of those that there are.
    pub fn ids(&self) -> Vec<String> {
        self.iter().map(|slo| slo.id).collect()
    }
}

impl From<Vec<SloView>> for Slos {
    fn from(slos: Vec<SloView>) -> Self {
        Self::new(slos.len(), move |at| slos.get(at).cloned())
    }
}

impl Serialize for Slos {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl fmt::Debug for Slos {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.iter()).finish()
    }
}
