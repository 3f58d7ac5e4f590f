//! The commands of the `mapwarden` binary. Comes in: command line arguments. Goes out: an exit code. Never computes anything
//! itself.

mod check;
#[cfg(feature = "demo")]
mod demo;
mod files;
mod rules;
pub(crate) mod run;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Exact error budgets and fault notices, beside your service.
#[derive(Debug, Parser)]
#[command(name = "mapwarden", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    /// The command; `run` if there is none.
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: run::RunArgs,
}

/// The commands.
#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the sidecar (the default).
    Run(run::RunArgs),
    /// Reports every problem in SLO and config files, with line numbers; exits 1 if there is one.
    Check(check::CheckArgs),
    /// Shows Mapwarden at work: a sidecar, an order service under load, a bad deploy, and its fault notice.
    #[cfg(feature = "demo")]
    #[command(mut_arg("log", |log| log.default_value(mapwarden_demo::LOG)))]
    Demo(demo::DemoArgs),
    /// Writes Prometheus rules for objectives, or checks rule files.
    Rules(rules::RulesArgs),
    /// The order service of the demo.
    #[cfg(feature = "demo")]
    #[command(hide = true)]
    DemoService(mapwarden_demo::ServiceArgs),
}

/// Runs the command of the process's arguments.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match execute(cli.command.unwrap_or(Command::Run(cli.run))) {
        Ok(code) => code,
        Err(error) => {
            // `{:#}` includes the causes.
            eprintln!("mapwarden: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(args) => {
            start_log(args.log())?;
            runtime()?.block_on(run::run(&args))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Check(args) => Ok(check::check(&args)),
        Command::Rules(args) => rules::run(&args),
        #[cfg(feature = "demo")]
        Command::Demo(args) => {
            start_log(args.log())?;
            runtime()?.block_on(demo::run(args))?;
            Ok(ExitCode::SUCCESS)
        }
        #[cfg(feature = "demo")]
        Command::DemoService(args) => {
            start_log("warn")?;
            runtime()?.block_on(mapwarden_demo::run_service(args))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Writes the log to standard error; standard output belongs to notices.
fn start_log(filter: &str) -> anyhow::Result<()> {
    let accepted = "accepted is a level or targets with levels, e.g. info or mapwarden_sidecar=debug";
    let filter = EnvFilter::try_new(filter)
        .with_context(|| format!("--log (MAPWARDEN_LOG): `{filter}` is not a filter: {accepted}"))?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    Ok(())
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_commands_are_consistent() {
        Cli::command().debug_assert();
    }

    #[cfg(feature = "demo")]
    #[test]
    fn the_demo_takes_the_flags_of_run() {
        let words = ["mapwarden", "demo", "--once", "--admin", "a", "--otlp-http", "b", "--webhook", "c"];
        let Some(Command::Demo(args)) = Cli::try_parse_from(words).unwrap().command else {
            panic!("no demo")
        };
        let settings = args.run.overrides();
        assert_eq!((settings.admin.as_deref(), settings.otlp_http.as_deref()), (Some("a"), Some("b")));
        assert_eq!(settings.webhooks, ["c"]);
        assert_eq!(args.log(), mapwarden_demo::LOG);
    }

    #[cfg(feature = "demo")]
    #[test]
    fn the_demo_beside_a_sidecar_refuses_flags_of_a_sidecar() {
        let words = ["mapwarden", "demo", "--sidecar", "http://127.0.0.1:9464", "--otlp-http", "b"];
        Cli::try_parse_from(words).unwrap();
        for flag in
            ["--config", "--admin", "--data-dir", "--slos", "--slo-period", "--webhook", "--alertmanager"]
        {
            let refused = Cli::try_parse_from(words.into_iter().chain([flag, "x"])).unwrap_err();
            assert_eq!(refused.kind(), clap::error::ErrorKind::ArgumentConflict, "{flag}");
        }
    }

    #[test]
    fn run_is_the_default_and_takes_the_same_flags() {
        for words in [&["mapwarden", "--admin", "a"][..], &["mapwarden", "run", "--admin", "a"]] {
            let cli = Cli::try_parse_from(words).unwrap();
            let command = cli.command.unwrap_or(Command::Run(cli.run));
            let Command::Run(args) = command else { panic!("{command:?}") };
            assert_eq!(args.overrides().admin.as_deref(), Some("a"), "{words:?}");
        }
        assert!(Cli::try_parse_from(["mapwarden", "--admin", "a", "run"]).is_err());
    }
}
