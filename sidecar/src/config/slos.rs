//! Comes in: the paths of SLO files that a configuration names. Goes out: their objectives beside its own, and the servers that they are asked of.

use super::{Config, Source};
use crate::spec::{Loaded, Period, load, parse_period};
use crate::yaml::Problem;

/// What a period may be, in the words of a message.
const ACCEPTED: &str = "accepted is a time as Prometheus writes it: 28d, 30d, 4w";

/// A rolling period.
pub(super) fn rolling(text: &str) -> Result<Period, String> {
    parse_period(text).ok_or_else(|| format!("`{text}` is not a period: {ACCEPTED}"))
}

impl Config {
    /// Reads the SLO files that the configuration names and takes their objectives over; gives what is wrong with
    /// them, and keeps what is doubtful.
    pub(crate) fn load_slos(&mut self) -> Vec<Problem> {
        if self.slo_files.is_empty() {
            return Vec::new();
        }
        let Loaded { slos, sources, problems, warnings, files: _ } =
            load(&self.slo_files, &self.slo_period, std::mem::take(&mut self.slos));
        (self.slos, self.warnings) = (slos, warnings);
        // What the configuration says of a source comes first: it knows the credentials.
        for declared in sources {
            if let Some(url) = declared.url
                && !self.sources.iter().any(|source| source.name == declared.name)
            {
                self.sources.push(Source::at(declared.name, url));
            }
        }
        problems
    }
}
