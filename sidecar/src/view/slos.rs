//! The objectives of a view. Comes in: their ids, and what makes them. Goes out: them, one by one, made when somebody looks: to
//! make a thousand of them takes a third of an evaluation, and most views are of a second in which nobody looks.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::SloView;

/// Objectives by id.
#[derive(Clone)]
pub struct Slos {
    ids: Arc<[String]>,
    make: Arc<dyn Fn(usize) -> Option<SloView> + Send + Sync>,
}

impl Slos {
    /// What `make` makes of the positions of these ids.
    pub(super) fn new(
        ids: Arc<[String]>,
        make: impl Fn(usize) -> Option<SloView> + Send + Sync + 'static,
    ) -> Self {
        Self { ids, make: Arc::new(make) }
    }

    /// Each objective, made anew.
    pub fn iter(&self) -> impl Iterator<Item = SloView> {
        self.those(|_| true)
    }

    /// Those whose id is wanted, made anew; no other one is.
    pub fn those(&self, wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = SloView> {
        let wanted = self.ids.iter().enumerate().filter(move |(_, id)| wanted(id));
        wanted.filter_map(|(at, _)| (self.make)(at))
    }

    /// Every id.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.ids.iter().map(String::as_str)
    }
}

impl From<Vec<SloView>> for Slos {
    fn from(slos: Vec<SloView>) -> Self {
        let ids = slos.iter().map(|slo| slo.id.clone()).collect();
        Self::new(ids, move |at| slos.get(at).cloned())
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
