//! Comes in: the paths of SLO files that a configuration names. Goes out: their objectives beside its own.

use super::{Config, Source};
use crate::promql;
use crate::spec::{DataSource, Loaded, Period, load, parse_period};
use crate::yaml::{Origin, Problem};

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
        (self.slos, self.data_sources, self.warnings) = (slos, sources, warnings);
        problems
    }

    /// Takes over the servers that SLO files declare, the configuration's own of the same name first, and gives what keeps
    /// objectives from being counted by the sources that there are. Where there is no source at all, the objectives of SLO
    /// files are only warned of: they may be there for the rules that are written of them.
    pub(crate) fn find_sources(&mut self) -> Vec<Problem> {
        for DataSource { name, url, origin: _ } in &self.data_sources {
            let is_known = self.sources.iter().any(|source| source.name == *name);
            if let (false, Some(url)) = (is_known, url) {
                self.sources.push(Source::new(name.clone(), url.clone()));
            }
        }
        let mut problems = Vec::new();
        for slo in &self.slos {
            let Err(reason) = promql::check(slo, &self.sources) else { continue };
            let is_of_file = slo.origin.is_some();
            let origin = slo.origin.clone().unwrap_or(Origin::Setting("`slos`"));
            let problem = Problem { origin, message: format!("objective `{}`: {reason}", slo.id()) };
            if is_of_file && self.sources.is_empty() {
                self.warnings.push(problem);
            } else {
                problems.push(problem);
            }
        }
        problems
    }
}
