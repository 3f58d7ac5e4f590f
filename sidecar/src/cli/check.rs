//! `mapwarden check`: reports every problem in SLO files and configurations before anything runs. Comes in: paths. Goes out: a
//! report and an exit code. Never starts anything, and never reads anything else.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::files::{self, CommandFiles};
use crate::config::{self, Config};
use mapwarden_objective::Origin;
use mapwarden_objective::Slo;
use mapwarden_slo::Problem;
use mapwarden_slo::{DataSource, Loaded};

/// The arguments of `mapwarden check`.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// SLO files (OpenSLO or Sloth), folders of them, and configuration files; all are read as one.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The format of the report.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    format: ReportFormat,
    /// The period of objectives that do not declare one [default: 30d]
    #[arg(long, env = "MAPWARDEN_SLO_PERIOD", value_name = "SPAN")]
    slo_period: Option<String>,
}

/// The format of a report.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum ReportFormat {
    /// Lines of `file:line:column: severity: message`.
    Text,
    /// One JSON object.
    Json,
}

/// The result of a check.
#[derive(Debug, Default, Serialize)]
struct CheckReport {
    /// How many files were read.
    files: usize,
    /// The ids of the objectives.
    objectives: Vec<String>,
    /// Problems and warnings.
    problems: Vec<Finding>,
    /// A line for each valid configuration file.
    #[serde(skip)]
    configurations: Vec<String>,
}

/// One problem or warning.
#[derive(Debug, Serialize)]
struct Finding {
    severity: FindingSeverity,
    file: String,
    line: Option<u64>,
    column: Option<u64>,
    message: String,
}

/// Whether a finding fails the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum FindingSeverity {
    Error,
    Warning,
}

impl FindingSeverity {
    const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// Checks files and prints the report; fails if there is an error.
pub(crate) fn check(args: &CheckArgs) -> ExitCode {
    let report = report(args);
    let errors = report.count(FindingSeverity::Error);
    match args.format {
        ReportFormat::Text => report.print(),
        ReportFormat::Json => match serde_json::to_string_pretty(&report) {
            Ok(json) => println!("{json}"),
            Err(error) => {
                eprintln!("mapwarden: the report cannot be written: {error}");
                return ExitCode::FAILURE;
            }
        },
    }
    if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn report(args: &CheckArgs) -> CheckReport {
    let CommandFiles { loaded, configurations } = files::read(&args.files, args.slo_period.as_deref());
    let Loaded { slos, mut problems, mut warnings, files, sources } = loaded;
    // Without a configuration, SLO files may be there only for the rules that are written from them.
    if !configurations.is_empty() {
        let (uncounted, doubtful) = uncounted(&configurations, &slos, &sources);
        problems.extend(uncounted);
        warnings.extend(doubtful);
    }
    let objectives = slos.iter().map(Slo::id).collect();
    let mut report = CheckReport { files, objectives, ..CheckReport::default() };
    for (path, config) in configurations {
        let (slos, probes, sinks) = (config.slos.len(), config.probes.len(), config.sinks.len());
        let held = format!("{}: ok: {slos} slos, {probes} probes, {sinks} sinks", path.display());
        report.configurations.push(held);
    }
    report.add(FindingSeverity::Error, problems);
    report.add(FindingSeverity::Warning, warnings);
    let place = |finding: &Finding| (finding.file.clone(), finding.line, finding.column, finding.severity);
    report.problems.sort_by_key(place);
    report
}

/// Returns what the sidecar would report at its start: objectives with queries that no source can answer.
fn uncounted(
    configurations: &[(PathBuf, Config)],
    slos: &[Slo],
    declared: &[DataSource],
) -> (Vec<Problem>, Vec<Problem>) {
    let own: Vec<PathBuf> = configurations.iter().map(|(path, _)| path.clone()).collect();
    let mut sources = configurations.iter().flat_map(|(_, config)| config.sources.clone()).collect();
    config::take_over(&mut sources, declared);
    config::uncounted(slos, &sources, &own)
}

impl CheckReport {
    fn add(&mut self, severity: FindingSeverity, problems: Vec<Problem>) {
        let findings = problems.into_iter().map(|Problem { origin, message }| match origin {
            Origin::File { path, line, column } => {
                Finding { severity, file: path.display().to_string(), line, column, message }
            }
            Origin::Setting(name) => {
                Finding { severity, file: name.to_owned(), line: None, column: None, message }
            }
        });
        self.problems.extend(findings);
    }

    fn count(&self, severity: FindingSeverity) -> usize {
        self.problems.iter().filter(|finding| finding.severity == severity).count()
    }

    /// Prints findings to standard error and the summary of a success to standard output.
    fn print(&self) {
        for Finding { severity, file, line, column, message } in &self.problems {
            let place: String =
                [line, column].into_iter().flatten().map(|number| format!(":{number}")).collect();
            eprintln!("{file}{place}: {}: {message}", severity.name());
        }
        let (errors, warnings) = (self.count(FindingSeverity::Error), self.count(FindingSeverity::Warning));
        let summary = format!(
            "{} in {}: {}, {}",
            many(self.objectives.len(), "objective"),
            many(self.files, "file"),
            many(errors, "error"),
            many(warnings, "warning"),
        );
        if errors > 0 {
            eprintln!("{summary}");
        } else {
            self.configurations.iter().for_each(|held| println!("{held}"));
            println!("{summary}");
        }
    }
}

fn many(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
