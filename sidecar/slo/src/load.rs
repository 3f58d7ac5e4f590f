//! Comes in: files of both formats. Goes out: their objectives, resolved across all files, with every error and every
//! warning. Never leaves out an objective without a problem that says why.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mapwarden_contract::Nanos;
use mapwarden_objective::{Period, Slo};

use crate::document::{Document, Format, documents};
use crate::loaded::Loaded;
use crate::yaml::Problem;
use crate::{files, openslo, sloth, verify};

/// Reads files and folders.
///
/// `period` is the period of objectives without one: Sloth's files never declare it, OpenSLO's may leave it out.
/// `declared` are objectives from other places; they come first, and the ids of both must differ.
pub fn load(paths: &[PathBuf], period: &Period, declared: Vec<Slo>) -> Loaded {
    let (files, problems) = files::read(paths);
    let loaded = Loaded { slos: declared, files: files.len(), problems, ..Loaded::default() };
    let mut loader = Loader { loaded, ..Loader::default() };
    for file in &files {
        loader.add(&file.path, &file.text, file.is_named);
    }
    loader.finish(period)
}

/// Reads a text as [`load`] reads a file. `path` is its name in problems and is not opened.
pub fn load_text(path: &Path, text: &str, period: &Period) -> Loaded {
    let mut loader = Loader { loaded: Loaded { files: 1, ..Loaded::default() }, ..Loader::default() };
    loader.add(path, text, true);
    loader.finish(period)
}

/// Whether a file can be read and the head of one of its documents declares a format, known or not.
pub fn is_slo_file(path: &Path) -> bool {
    let Ok(text) = files::text(path) else { return false };
    let found = documents(path, &text).unwrap_or_default();
    found.iter().any(|document| !matches!(document.format, Format::Other(None)))
}

/// The kinds of Sloth's service levels, which have one form; the second is for Google's managed Prometheus.
const SERVICE_LEVELS: [&str; 2] = ["PrometheusServiceLevel", "ManagedPrometheusServiceLevel"];

/// The documents of one run, by format, and what was read from them.
#[derive(Default)]
struct Loader {
    loaded: Loaded,
    sloth: Vec<Document>,
    windows: Vec<Document>,
    openslo: Vec<Document>,
}

impl Loader {
    fn add(&mut self, path: &Path, text: &str, is_named: bool) {
        match documents(path, text) {
            Ok(documents) => documents.into_iter().for_each(|document| self.sort_in(document, is_named)),
            Err(problem) => self.loaded.problems.push(problem),
        }
    }

    fn sort_in(&mut self, document: Document, is_named: bool) {
        let accepted = "accepted are apiVersion `openslo/v1`, version `prometheus/v1` and apiVersion \
                        `sloth.slok.dev/v1`";
        let refusal = match &document.format {
            Format::OpenSlo { version, .. } if version == "v1" => {
                self.openslo.push(document);
                return;
            }
            Format::Sloth => {
                self.sloth.push(document);
                return;
            }
            Format::SlothKubernetes { kind } if kind == "AlertWindows" => {
                self.windows.push(document);
                return;
            }
            Format::SlothKubernetes { kind } if SERVICE_LEVELS.contains(&kind.as_str()) => {
                self.sloth.push(document);
                return;
            }
            Format::OpenSlo { version, .. } => {
                format!("the version `openslo/{version}` is not read: accepted is openslo/v1")
            }
            Format::SlothKubernetes { kind } => {
                let accepted = SERVICE_LEVELS.join(", ");
                format!("the kind `{kind}` is not read: accepted are {accepted} and AlertWindows")
            }
            Format::Other(Some(version)) => format!("`{version}` is not an SLO format: {accepted}"),
            Format::Other(None) => format!("the document does not say what it is: {accepted}"),
        };
        let is_ours = !matches!(document.format, Format::Other(_));
        let origin = document.reader().origin(document.root.referenced);
        let problem = Problem { origin, message: refusal };
        // A folder may hold other documents; a file that the caller names is to hold objectives.
        if is_named || is_ours {
            self.loaded.problems.push(problem);
        } else {
            self.loaded.warnings.push(problem);
        }
    }

    fn finish(mut self, period: &Period) -> Loaded {
        let windows = self.windows();
        for document in &self.sloth {
            let mut reader = document.reader();
            let slos = sloth::slos(&mut reader, document);
            self.loaded.slos.extend(slos.into_iter().map(|slo| Slo { period: period.clone(), ..slo }));
            self.loaded.problems.append(&mut reader.problems);
            self.loaded.warnings.append(&mut reader.warnings);
        }
        openslo::read(&self.openslo, period, &mut self.loaded);
        catalogue(&mut self.loaded, windows);
        let mut loaded = self.loaded;
        verify::verify(&mut loaded);
        for list in [&mut loaded.problems, &mut loaded.warnings] {
            // An object that is referred to more than once is read more than once.
            list.sort_by(|one, other| {
                (one.position(), &one.message).cmp(&(other.position(), &other.message))
            });
            list.dedup();
        }
        loaded
    }

    fn windows(&mut self) -> BTreeMap<Nanos, sloth::AlertWindows> {
        let mut periods = BTreeMap::new();
        for document in &self.windows {
            let mut reader = document.reader();
            if let Some(windows) = sloth::windows(&mut reader, document) {
                let days = windows.period.as_secs_f64() / 86_400.0;
                let location = document.root.referenced;
                if let Some(before) = periods.insert(windows.period, windows) {
                    let sloth::AlertWindows { origin, .. } = before;
                    let message = format!(
                        "the tiers of {days} days are declared twice, see {origin}: accepted is once"
                    );
                    reader.problem(location, message);
                }
            }
            self.loaded.problems.append(&mut reader.problems);
            self.loaded.warnings.append(&mut reader.warnings);
        }
        periods
    }
}

/// Gives each objective without tiers those of its period.
fn catalogue(loaded: &mut Loaded, mut windows: BTreeMap<Nanos, sloth::AlertWindows>) {
    let mut used = Vec::new();
    for slo in &mut loaded.slos {
        let Period::Rolling(period) = &slo.period else { continue };
        let Some(catalogue) = windows.get(period) else { continue };
        used.push(*period);
        if slo.alerting.tiers.is_empty() {
            slo.alerting.tiers.clone_from(&catalogue.tiers);
        }
    }
    windows.retain(|period, _| !used.contains(period));
    for (period, unused) in windows {
        let days = period.as_secs_f64() / 86_400.0;
        let message =
            format!("no objective has a rolling period of {days} days, so that these tiers are not used");
        loaded.warnings.push(Problem { origin: unused.origin, message });
    }
}
