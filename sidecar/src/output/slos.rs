//! The objectives of a view. Comes in: what makes them. Goes out: them, made when somebody looks: a thousand of them take
//! a third of an evaluation, and most views are of a second in which nobody looks.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use serde::{Serialize, Serializer};

use super::SloView;

type Make = Box<dyn FnOnce() -> Vec<SloView> + Send>;

/// Objectives by id; a slice of them for whoever reads.
#[derive(Clone)]
pub struct Slos(Arc<LazyLock<Vec<SloView>, Make>>);

impl Slos {
    /// What `make` makes the first time that somebody looks.
    pub fn new(make: impl FnOnce() -> Vec<SloView> + Send + 'static) -> Self {
        Self(Arc::new(LazyLock::new(Box::new(make))))
    }
}

impl Deref for Slos {
    type Target = [SloView];

    fn deref(&self) -> &[SloView] {
        &self.0
    }
}

impl From<Vec<SloView>> for Slos {
    fn from(slos: Vec<SloView>) -> Self {
        Self::new(|| slos)
    }
}

impl Serialize for Slos {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl fmt::Debug for Slos {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(out)
    }
}
