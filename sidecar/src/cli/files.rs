//! The files that a command reads. Comes in: paths. Goes out: the objectives and configurations of all of them, as one. Never
//! starts anything.

use std::path::PathBuf;

use crate::config::{Config, Overrides};
use mapwarden_objective::Period;
use mapwarden_slo::Loaded;
use mapwarden_slo::{Problem, Problems};

/// The contents of the files.
pub(super) struct CommandFiles {
    /// The objectives of all files, and their problems and warnings.
    pub(super) loaded: Loaded,
    /// The configuration files that could be read, in their order.
    pub(super) configurations: Vec<(PathBuf, Config)>,
}

/// Reads files and folders: a folder, and a file that starts like an SLO file, as [`mapwarden_slo::load`] does; every other file
/// as a configuration, with the SLO files that it names. `slo_period` is the flag, which overrides the configurations.
pub(super) fn read(files: &[PathBuf], slo_period: Option<&str>) -> CommandFiles {
    let settings =
        |file| Overrides { file, slo_period: slo_period.map(str::to_owned), ..Overrides::default() };
    let (mut paths, mut declared, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    let (mut period, mut read, mut configurations) = (None, 0, Vec::new());
    for path in files {
        if path.is_dir() || mapwarden_slo::is_slo_file(path) {
            paths.push(path.clone());
            continue;
        }
        read += 1;
        match settings(Some(path.clone())).read() {
            Ok(config) => {
                paths.extend(config.slo_files.iter().cloned());
                declared.extend(config.slos.iter().cloned());
                period = Some(config.slo_period.clone());
                configurations.push((path.clone(), config));
            }
            Err(Problems(more)) => problems.extend(more),
        }
    }
    let period = period.unwrap_or_else(|| match settings(None).read() {
        Ok(config) => config.slo_period,
        Err(Problems(more)) => {
            problems.extend(more);
            Period::DEFAULT
        }
    });
    let mut loaded = mapwarden_slo::load(&paths, &period, declared);
    loaded.files += read;
    problems.append(&mut loaded.problems);
    loaded.problems = once(problems);
    CommandFiles { loaded, configurations }
}

/// Removes repeated problems: a wrong flag is reported once, however many files there are.
fn once(problems: Vec<Problem>) -> Vec<Problem> {
    let mut kept: Vec<Problem> = Vec::new();
    for problem in problems {
        if !kept.contains(&problem) {
            kept.push(problem);
        }
    }
    kept
}
