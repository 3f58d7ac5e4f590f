//! Comes in: the paths of SLO files that a configuration names. Goes out: their objectives beside its own.

use std::path::PathBuf;

use super::{Config, Source};
use mapwarden_objective::Origin;
use mapwarden_objective::{Indicator, Period, Queried, Slo};
use mapwarden_slo::declaration::parse_period;
use mapwarden_slo::{DataSource, Loaded, Plan, Problem, load};

/// What a period may be, in the words of a message.
const ACCEPTED: &str = "accepted is a time as Prometheus writes it: 28d, 30d, 4w";

/// A rolling period.
pub(super) fn rolling(text: &str) -> Result<Period, String> {
    parse_period(text).ok_or_else(|| format!("`{text}` is not a period: {ACCEPTED}"))
}

impl Config {
    /// Reads the SLO files that the configuration names and takes their objectives over; gives what is wrong with
    /// them and the configuration's own, and keeps what is doubtful.
    pub(crate) fn load_slos(&mut self) -> Vec<Problem> {
        let Loaded { slos, sources, problems, warnings, files: _ } =
            load(&self.slo_files, &self.slo_period, std::mem::take(&mut self.slos));
        (self.slos, self.data_sources, self.warnings) = (slos, sources, warnings);
        problems
    }

    /// Takes over the servers that SLO files declare, the configuration's own of the same name first, and gives what keeps
    /// objectives from being counted by the sources that there are. Where there is none, the objectives of SLO files are only
    /// warned of.
    pub fn find_sources(&mut self) -> Vec<Problem> {
        take_over(&mut self.sources, &self.data_sources);
        let own = self.file.as_slice();
        let (problems, mut warnings) = uncounted(&self.slos, &self.sources, own);
        self.warnings.append(&mut warnings);
        problems
    }
}

/// Adds the servers that SLO files declare to sources whose names go before theirs.
pub(crate) fn take_over(sources: &mut Vec<Source>, declared: &[DataSource]) {
    for DataSource { name, url, origin: _ } in declared {
        let is_known = sources.iter().any(|source| source.name == *name);
        if let (false, Some(url)) = (is_known, url) {
            sources.push(Source::new(name.clone(), url.clone()));
        }
    }
}

/// What keeps objectives from being counted by these sources, as (problems, warnings). Where there is no source at all, the
/// objectives of SLO files are only warned of: they may be there for the rules that are written of them. `own` are the
/// configurations whose objectives are not.
pub(crate) fn uncounted(slos: &[Slo], sources: &[Source], own: &[PathBuf]) -> (Vec<Problem>, Vec<Problem>) {
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    for slo in slos {
        let Err(reason) = check(slo, sources) else { continue };
        let is_own = match &slo.origin {
            Some(Origin::File { path, .. }) => own.contains(path),
            Some(Origin::Setting(_)) | None => true,
        };
        let origin = slo.origin.clone().unwrap_or(Origin::Setting("`slos`"));
        let problem = Problem { origin, message: format!("objective `{}`: {reason}", slo.id()) };
        let found = if !is_own && sources.is_empty() { &mut warnings } else { &mut problems };
        found.push(problem);
    }
    (problems, warnings)
}

/// Finds the source of queries: the named one; where they name none, the only one, or the one called `default`.
///
/// # Errors
/// There is none, in words.
pub(crate) fn source_of<'a>(queried: &Queried, sources: &'a [Source]) -> Result<&'a Source, String> {
    let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    let accepted = if names.is_empty() { "a source under `sources`".to_owned() } else { names.join(", ") };
    let named = |name: &str| sources.iter().find(|source| source.name == name);
    match (queried.source.as_deref(), sources) {
        (Some(name), _) => {
            named(name).ok_or_else(|| format!("there is no source `{name}`: accepted is {accepted}"))
        }
        (None, [only]) => Ok(only),
        (None, _) => named("default").ok_or_else(|| {
            format!("no source is named, and none is called `default`: accepted is {accepted}")
        }),
    }
}

/// Says why the queries of an objective cannot be counted from these sources, if they cannot.
///
/// # Errors
/// The reason, with what is accepted.
fn check(slo: &Slo, sources: &[Source]) -> Result<(), String> {
    let Indicator::Queried(queried) = &slo.indicator else { return Ok(()) };
    let source = source_of(queried, sources)?;
    Plan::new(&queried.queries, source.every, source.may_sample).map(|_| ())
}
