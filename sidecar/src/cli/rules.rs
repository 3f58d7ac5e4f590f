//! The command `mapwarden rules`: comes in: files of objectives; goes out: rule files and their promtool tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};

use crate::config::Settings;
use crate::rules::{Target, Written};
use crate::spec::Slo;
use crate::yaml::Problems;

/// Writes recording and alerting rules for Prometheus, Thanos, Mimir and VictoriaMetrics.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct RulesArgs {
    #[command(subcommand)]
    command: Option<RulesCommand>,
    /// The form of the rule files.
    #[arg(long, value_enum, default_value_t = Form::Prometheus)]
    target: Form,
    /// A folder for a rule file of each objective, and a promtool test of each below `tests/`; without it the rules go to
    /// standard output.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Files that declare objectives.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum RulesCommand {}

/// The form of the rule files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// What Prometheus reads from `rule_files`.
    Prometheus,
    /// A resource of the Prometheus operator.
    #[value(name = "prometheusrule")]
    PrometheusRule,
}

impl Form {
    const fn target(self) -> Target {
        match self {
            Self::Prometheus => Target::Prometheus,
            Self::PrometheusRule => Target::PrometheusRule,
        }
    }
}

/// Runs the command.
pub(super) fn run(args: &RulesArgs) -> anyhow::Result<ExitCode> {
    write(args)
}

fn write(args: &RulesArgs) -> anyhow::Result<ExitCode> {
    let slos = match objectives(&args.files) {
        Ok(slos) => slos,
        Err(problems) => {
            eprintln!("{problems}");
            return Ok(ExitCode::FAILURE);
        }
    };
    let (mut all, mut code) = (Vec::new(), ExitCode::SUCCESS);
    for slo in &slos {
        match Written::new(slo) {
            Ok(written) => {
                written.notes.iter().for_each(|note| eprintln!("note: objective `{}`: {note}", slo.id()));
                all.push(written);
            }
            Err(unwritten) => {
                eprintln!("{unwritten}");
                code = ExitCode::FAILURE;
            }
        }
    }
    all.sort_by(|one, other| one.stem.cmp(&other.stem));
    if let Some(pair) = all.windows(2).find(|pair| pair.first().map(|one| &one.stem) == pair.get(1).map(|one| &one.stem)) {
        let stem = pair.first().map(|one| one.stem.as_str()).unwrap_or_default();
        anyhow::bail!("two objectives are called `{stem}`: accepted is an id of its own for each");
    }
    match &args.out {
        Some(folder) => to_folder(folder, args.target, &all)?,
        None => to_output(args.target, &all),
    }
    Ok(code)
}

/// The objectives of all files, or every problem of them.
fn objectives(files: &[PathBuf]) -> Result<Vec<Slo>, Problems> {
    let (mut slos, mut problems) = (Vec::new(), Vec::new());
    for file in files {
        let settings = Settings { file: Some(file.clone()), ..Settings::default() };
        match settings.read() {
            Ok(config) => slos.extend(config.slos),
            Err(Problems(more)) => problems.extend(more),
        }
    }
    if problems.is_empty() { Ok(slos) } else { Err(Problems(problems)) }
}

fn to_folder(folder: &Path, form: Form, all: &[Written]) -> anyhow::Result<()> {
    let tests = folder.join("tests");
    fs::create_dir_all(&tests).with_context(|| format!("cannot make the folder {}", tests.display()))?;
    for written in all {
        let file = |path: PathBuf, text: &str| {
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
        };
        file(folder.join(format!("{}.yaml", written.stem)), &written.rules(form.target()))?;
        if form == Form::Prometheus {
            file(tests.join(format!("{}.test.yaml", written.stem)), written.test())?;
        }
    }
    println!("{} objectives: rules in {}", all.len(), folder.display());
    Ok(())
}

fn to_output(form: Form, all: &[Written]) {
    match form {
        Form::Prometheus => print!("{}", Written::together(all)),
        Form::PrometheusRule => {
            let documents: Vec<_> = all.iter().map(|written| written.rules(form.target())).collect();
            print!("{}", documents.join("---\n"));
        }
    }
}
