//! Comes in: the values of flags and environment variables, as text, and the file that they name. Goes out: a [`Config`] in
//! which a flag overrides a variable, a variable the file, and the file the default; or every problem of all of them. Never
//! starts anything.

use std::path::{Path, PathBuf};

use super::file;
use super::slos::rolling;
use super::{Config, PseudonymSecret, Sink};
use mapwarden_objective::Origin;
use mapwarden_objective::Period;
use mapwarden_slo::declaration::{Reader, YamlValue, address, parse, web_url};
use mapwarden_slo::{Problem, Problems};

/// The values of flags and environment variables; not yet checked, so that all problems are reported together.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--config`, `MAPWARDEN_CONFIG`.
    pub file: Option<PathBuf>,
    /// `--otlp-http`, `MAPWARDEN_OTLP_HTTP`.
    pub otlp_http: Option<String>,
    /// `--admin`, `MAPWARDEN_ADMIN`.
    pub admin: Option<String>,
    /// `--data-dir`, `MAPWARDEN_DATA_DIR`.
    pub data_dir: Option<PathBuf>,
    /// `--slos`, `MAPWARDEN_SLOS`: replace the file's `slo_files`.
    pub slos: Vec<PathBuf>,
    /// `--slo-period`, `MAPWARDEN_SLO_PERIOD`.
    pub slo_period: Option<String>,
    /// `--webhook`, `MAPWARDEN_WEBHOOK`: replace the file's webhooks.
    pub webhooks: Vec<String>,
    /// `--alertmanager`, `MAPWARDEN_ALERTMANAGER`: replace the file's Alertmanagers.
    pub alertmanagers: Vec<String>,
    /// `MAPWARDEN_PSEUDONYM_KEY`; never a flag, because every user of the machine can read flags.
    pub pseudonym_key: Option<String>,
}

impl Overrides {
    /// Reads the file and checks every value. Reads no other file.
    ///
    /// # Errors
    /// Every problem of the file, the flags and the variables.
    pub fn read(&self) -> Result<Config, Problems> {
        let mut config = Config { file: self.file.clone(), ..Config::default() };
        let mut of_flags = Vec::new();
        // The period of the flag is the default for the objectives in the file.
        let period = self.slo_period.as_deref().and_then(|text| checked_period(text, &mut of_flags));
        let mut problems = match &self.file {
            None => Vec::new(),
            Some(path) => read_file(path, period.as_ref(), &mut config),
        };
        config.slo_period = period.unwrap_or(config.slo_period);
        problems.append(&mut of_flags);
        self.apply(&mut config, &mut problems);
        if problems.is_empty() { Ok(config) } else { Err(Problems(problems)) }
    }

    /// Reads as [`Overrides::read`], loads the SLO files that the configuration names, and checks that its folders can be used.
    ///
    /// # Errors
    /// Every problem of the texts; if there is none, every problem of the SLO files and of the folders.
    pub fn load(&self) -> Result<Config, Problems> {
        let mut config = self.read()?;
        let mut problems = config.load_slos();
        problems.extend(config.find_sources());
        let mut problem = |setting, message| {
            problems.push(Problem { origin: Origin::Setting(setting), message });
        };
        if let Some(folder) = &config.data_dir
            && let Err(error) = try_folder(folder)
        {
            let accepted = "accepted is a folder that this process may create and write to";
            let message = format!("cannot write to `{}`: {error}: {accepted}", folder.display());
            problem("--data-dir (MAPWARDEN_DATA_DIR, `data_dir`)", message);
        }
        if let Some(folder) = &config.templates
            && !folder.is_dir()
        {
            problem("`templates`", format!("`{}` is not a folder that can be read", folder.display()));
        }
        if problems.is_empty() { Ok(config) } else { Err(Problems(problems)) }
    }

    fn apply(&self, config: &mut Config, problems: &mut Vec<Problem>) {
        let mut checked = |setting, result: Result<_, String>| {
            result
                .map_err(|message| problems.push(Problem { origin: Origin::Setting(setting), message }))
                .ok()
        };
        if let Some(text) = &self.otlp_http {
            let address = checked("--otlp-http (MAPWARDEN_OTLP_HTTP)", address(text));
            config.otlp_http = address.unwrap_or(config.otlp_http);
        }
        if let Some(text) = &self.admin {
            config.admin = checked("--admin (MAPWARDEN_ADMIN)", address(text)).unwrap_or(config.admin);
        }
        if let Some(folder) = &self.data_dir {
            config.data_dir = Some(folder.clone());
        }
        if !self.slos.is_empty() {
            config.slo_files.clone_from(&self.slos);
        }
        if let Some(secret) = &self.pseudonym_key {
            config.pseudonym_key = PseudonymSecret::of_secret(secret);
        }
        let mut urls = |setting, texts: &[String]| -> Vec<String> {
            let mut keep = |message| problems.push(Problem { origin: Origin::Setting(setting), message });
            texts.iter().filter_map(|url| web_url(url).map_err(&mut keep).ok()).collect()
        };
        let webhooks = urls("--webhook (MAPWARDEN_WEBHOOK)", &self.webhooks);
        if !self.webhooks.is_empty() {
            config.sinks.retain(|sink| !matches!(sink, Sink::Webhook { .. }));
            let named = webhooks.into_iter().enumerate().map(|(at, url)| (numbered("webhook", at), url));
            config.sinks.extend(named.map(|(name, url)| Sink::Webhook { name, url }));
        }
        let alertmanagers = urls("--alertmanager (MAPWARDEN_ALERTMANAGER)", &self.alertmanagers);
        if !self.alertmanagers.is_empty() {
            config.sinks.retain(|sink| !matches!(sink, Sink::Alertmanager { .. }));
            let named =
                alertmanagers.into_iter().enumerate().map(|(at, url)| (numbered("alertmanager", at), url));
            config.sinks.extend(named.map(|(name, url)| Sink::Alertmanager { name, url }));
        }
    }
}

fn checked_period(text: &str, problems: &mut Vec<Problem>) -> Option<Period> {
    let origin = Origin::Setting("--slo-period (MAPWARDEN_SLO_PERIOD)");
    rolling(text).map_err(|message| problems.push(Problem { origin, message })).ok()
}

/// `webhook`, `webhook-2`, `webhook-3`.
fn numbered(kind: &str, at: usize) -> String {
    if at == 0 { kind.to_owned() } else { format!("{kind}-{}", at + 1) }
}

/// Reads the file into `config`, in which the `period` of a flag overrides that of the file; returns its problems.
fn read_file(path: &Path, period: Option<&Period>, config: &mut Config) -> Vec<Problem> {
    let whole = |message| {
        let origin = Origin::File { path: path.to_owned(), line: None, column: None };
        vec![Problem { origin, message }]
    };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return whole(format!("cannot be read: {error}")),
    };
    let mut reader = Reader::new(path);
    match parse(&text) {
        Ok(document) if document.value == YamlValue::Nothing => {}
        Ok(document) => file::read(&mut reader, &document, period, config),
        Err(error) => {
            let place = error.location();
            let message = format!("is not YAML: {}", error.without_snippet());
            match place {
                Some(place) => reader.problem(place, message),
                None => return whole(message),
            }
        }
    }
    reader.problems.sort_by(|one, other| one.position().cmp(&other.position()));
    reader.problems
}

/// Creates the folder and a file in it, as the store does.
fn try_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let trial = folder.join(".mapwarden-write-test");
    std::fs::write(&trial, b"")?;
    std::fs::remove_file(trial)
}
