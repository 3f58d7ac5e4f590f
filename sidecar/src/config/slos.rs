//! Comes in: the paths of SLO files that a configuration names. Goes out: their objectives beside those of the
//! configuration, and the problems of those that no source can count. Never queries a source.

use std::path::PathBuf;

use super::{Config, Source};
use mapwarden_objective::Origin;
use mapwarden_objective::{Indicator, Period, Queried, Slo};
use mapwarden_slo::declaration::parse_period;
use mapwarden_slo::{DataSource, Loaded, Plan, Problem, load};

/// The accepted periods, as messages name them.
const ACCEPTED: &str = "accepted is a time as Prometheus writes it: 28d, 30d, 4w";

/// Reads a rolling period.
pub(super) fn rolling(text: &str) -> Result<Period, String> {
    parse_period(text).ok_or_else(|| format!("`{text}` is not a period: {ACCEPTED}"))
}

impl Config {
    /// Reads the SLO files that the configuration names and adds their objectives; returns their problems and those of the
    /// configuration's own, and keeps the warnings.
    pub(crate) fn load_slos(&mut self) -> Vec<Problem> {
        let Loaded { slos, sources, problems, warnings, files: _ } =
            load(&self.slo_files, &self.slo_period, std::mem::take(&mut self.slos));
        (self.slos, self.data_sources, self.warnings) = (slos, sources, warnings);
        problems
    }

    /// Adds the servers that SLO files declare, unless the configuration has one of the same name, and returns why objectives
    /// cannot be counted from the sources. If there is no source, objectives of SLO files give warnings instead.
    pub fn find_sources(&mut self) -> Vec<Problem> {
        take_over(&mut self.sources, &self.data_sources);
        let own = self.file.as_slice();
        let (problems, mut warnings) = uncounted(&self.slos, &self.sources, own);
        self.warnings.append(&mut warnings);
        problems
    }
}

/// Adds the servers that SLO files declare to the sources, unless one has the same name.
pub(crate) fn take_over(sources: &mut Vec<Source>, declared: &[DataSource]) {
    for DataSource { name, url, origin: _ } in declared {
        let is_known = sources.iter().any(|source| source.name == *name);
        if let (false, Some(url)) = (is_known, url) {
            sources.push(Source::new(name.clone(), url.clone()));
        }
    }
}

/// Returns why objectives cannot be counted from these sources, as (problems, warnings). If there is no source at all,
/// objectives of SLO files give warnings: they may be there only for the rules that are written from them. Objectives of the
/// configurations `own` always give problems.
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

/// Returns the source of queries: the named one; without a name, the only one or the one called `default`.
///
/// # Errors
/// There is no such source; the text names the accepted ones.
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

/// Checks that the queries of an objective can be counted from these sources.
///
/// # Errors
/// The reason, with what is accepted.
fn check(slo: &Slo, sources: &[Source]) -> Result<(), String> {
    let Indicator::Queried(queried) = &slo.indicator else { return Ok(()) };
    let source = source_of(queried, sources)?;
    Plan::new(&queried.queries, source.every, source.may_sample).map(|_| ())
}
