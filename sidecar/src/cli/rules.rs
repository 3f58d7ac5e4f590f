//! `mapwarden rules`. Comes in: files of objectives. Goes out: rule files and their promtool tests. Never overwrites anything
//! outside of `--out`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};

use super::files;
use mapwarden_objective::Slo;
use mapwarden_rules::{ObjectiveRules, RuleTarget};
use mapwarden_slo::Loaded;
use mapwarden_slo::Problems;

/// Writes recording and alerting rules for Prometheus, Thanos, Mimir and VictoriaMetrics.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct RulesArgs {
    #[command(subcommand)]
    command: Option<RulesCommand>,
    /// The form of the rule files.
    #[arg(long, value_enum, default_value_t = RuleFileForm::Prometheus)]
    target: RuleFileForm,
    /// A folder for a rule file of each objective, and promtool tests of each below `tests/`; without it the rules go to
    /// standard output.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The period of objectives that do not declare one [default: 30d]
    #[arg(long, env = "MAPWARDEN_SLO_PERIOD", value_name = "SPAN")]
    slo_period: Option<String>,
    /// SLO files (OpenSLO or Sloth), folders of them, and configuration files.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

/// Other commands on rules.
#[derive(Debug, Subcommand)]
enum RulesCommand {
    /// Finds duplicate alerts, alerts without an SLI, alerts that can never fire, and alerts without a runbook; exits 1 if there
    /// is one.
    Lint {
        /// Rule files of Prometheus, or `PrometheusRule` resources.
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
}

/// The form of the rule files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RuleFileForm {
    /// What Prometheus reads from `rule_files`.
    Prometheus,
    /// A resource of the Prometheus operator.
    #[value(name = "prometheusrule")]
    PrometheusRule,
}

impl RuleFileForm {
    const fn target(self) -> RuleTarget {
        match self {
            Self::Prometheus => RuleTarget::Prometheus,
            Self::PrometheusRule => RuleTarget::PrometheusRule,
        }
    }
}

/// Runs the command.
pub(super) fn run(args: &RulesArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        Some(RulesCommand::Lint { files }) => Ok(lint(files)),
        None => write(args),
    }
}

fn lint(files: &[PathBuf]) -> ExitCode {
    match mapwarden_rules::lint(files) {
        Ok(alerts) => {
            println!("{alerts} alerts in {} files: no problem found", files.len());
            ExitCode::SUCCESS
        }
        Err(Problems(problems)) => {
            problems.iter().for_each(|problem| eprintln!("{problem}"));
            ExitCode::FAILURE
        }
    }
}

fn write(args: &RulesArgs) -> anyhow::Result<ExitCode> {
    let slos = match objectives(args) {
        Ok(slos) => slos,
        Err(problems) => {
            eprintln!("{problems}");
            return Ok(ExitCode::FAILURE);
        }
    };
    let (mut all, mut code) = (Vec::new(), ExitCode::SUCCESS);
    for slo in &slos {
        match ObjectiveRules::new(slo, &slos) {
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
    unique(&all, |written| written.stem.clone())?;
    if args.target == RuleFileForm::PrometheusRule {
        unique(&all, ObjectiveRules::resource)?;
    }
    match &args.out {
        Some(folder) => to_folder(folder, args.target, &all)?,
        None => to_output(args.target, &all),
    }
    Ok(code)
}

/// Refuses objectives that would take each other's place.
fn unique(all: &[ObjectiveRules], name: impl Fn(&ObjectiveRules) -> String) -> anyhow::Result<()> {
    let mut names = BTreeSet::new();
    for written in all {
        let name = name(written);
        if names.contains(&name) {
            anyhow::bail!("two objectives are called `{name}`: accepted is an id of its own for each");
        }
        names.insert(name);
    }
    Ok(())
}

/// Returns the objectives of all files, or every problem; prints warnings to standard error.
fn objectives(args: &RulesArgs) -> Result<Vec<Slo>, Problems> {
    let Loaded { slos, problems, warnings, .. } = files::read(&args.files, args.slo_period.as_deref()).loaded;
    warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    if problems.is_empty() { Ok(slos) } else { Err(Problems(problems)) }
}

fn to_folder(folder: &Path, form: RuleFileForm, all: &[ObjectiveRules]) -> anyhow::Result<()> {
    let tests = folder.join("tests");
    fs::create_dir_all(&tests).with_context(|| format!("cannot make the folder {}", tests.display()))?;
    for written in all {
        let file = |path: PathBuf, text: &str| {
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
        };
        file(folder.join(format!("{}.yaml", written.stem)), &written.rules(form.target()))?;
        if form == RuleFileForm::Prometheus {
            file(tests.join(format!("{}.test.yaml", written.stem)), written.test())?;
            if let Some(test) = written.slow_test() {
                file(tests.join(format!("{}.slow.test.yaml", written.stem)), test)?;
            }
        }
    }
    println!("{} objectives: rules in {}", all.len(), folder.display());
    Ok(())
}

fn to_output(form: RuleFileForm, all: &[ObjectiveRules]) {
    match form {
        RuleFileForm::Prometheus => print!("{}", ObjectiveRules::together(all)),
        RuleFileForm::PrometheusRule => {
            let documents: Vec<_> = all.iter().map(|written| written.rules(form.target())).collect();
            print!("{}", documents.join("---\n"));
        }
    }
}
