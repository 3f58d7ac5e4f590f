//! A possible cause of a fault, as a notice shows it.

use serde::{Deserialize, Serialize};

/// What may be the cause of a fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hypothesis {
    /// The pattern's name, e.g. `bad-deploy`.
    pub pattern: String,
    /// How well the evidence fits, in [0, 1].
    pub score: f64,
    /// The evidence for it.
    pub supports: Vec<String>,
    /// The observations that would refute it.
    pub would_refute: Vec<String>,
}
