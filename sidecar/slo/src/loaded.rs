//! What a run of the reader returns.

use mapwarden_objective::Slo;

use crate::source::DataSource;
use crate::yaml::Problem;

/// The objectives that SLO files declare, with everything that is wrong or doubtful about them.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The objectives, in the order of the files.
    pub slos: Vec<Slo>,
    /// The Prometheus-compatible servers that the files declare.
    pub sources: Vec<DataSource>,
    /// The number of files that were read.
    pub files: usize,
    /// Errors; where there is one, the objectives are not complete.
    pub problems: Vec<Problem>,
    /// Text that is accepted, but hardly what its author means.
    pub warnings: Vec<Problem>,
}
