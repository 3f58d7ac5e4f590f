//! The configuration: a YAML file, overridden by the environment, overridden by flags. Comes in: text. Goes out: a [`Config`]
//! in which every value is valid, or every problem with its line. Never stops at the first problem.

mod file;
mod objective;
mod overrides;
mod pseudonym;
mod queries;
mod slos;
mod source;

use std::net::SocketAddr;
use std::path::PathBuf;

use mapwarden_contract::Nanos;
use mapwarden_contract::names::attribute::REQUIRED;

pub use self::overrides::Overrides;
pub use self::pseudonym::PseudonymSecret;
pub(crate) use self::slos::{source_of, take_over, uncounted};
pub use self::source::{AgreementSettings, Authentication, HeaderText, Secret, Source};
pub use mapwarden_objective::Origin;
use mapwarden_objective::{Period, Slo};
use mapwarden_slo::DataSource;
pub use mapwarden_slo::{Problem, Problems};

/// The default of [`Config::max_body`]: 4 MiB, as in gRPC. Raised, one request may take more memory.
const MAX_BODY: usize = 4 << 20;

/// The default of [`Config::max_series`]. Raised, a sender with runaway attributes takes more memory (about 1 KiB
/// a series).
const MAX_SERIES: usize = 20_000;

/// The configuration of a sidecar.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file that it was read from, if any.
    pub file: Option<PathBuf>,
    /// Where OTLP over HTTP is served.
    pub otlp_http: SocketAddr,
    /// Where everything else is served.
    pub admin: SocketAddr,
    /// The folder of the durable state; without it budgets do not outlive the sidecar.
    pub data_dir: Option<PathBuf>,
    /// The attributes that the resources of senders must have.
    pub contract: Contract,
    /// The objectives that the configuration declares, then those of [`Config::slo_files`] once they are loaded.
    pub slos: Vec<Slo>,
    /// Files and folders with objectives of OpenSLO and Sloth.
    pub slo_files: Vec<PathBuf>,
    /// The period of objectives that do not declare one.
    pub slo_period: Period,
    /// Prometheus-compatible servers that SLO files declare.
    pub data_sources: Vec<DataSource>,
    /// Warnings about objectives.
    pub warnings: Vec<Problem>,
    /// Servers that are queried for the events of objectives.
    pub sources: Vec<Source>,
    /// Dependencies that the sidecar probes.
    pub probes: Vec<Probe>,
    /// Where notices go.
    pub sinks: Vec<Sink>,
    /// A folder of templates that replace the built-in ones of the same name.
    pub templates: Option<PathBuf>,
    /// The key under which user ids found in spans are pseudonymised (`MAPWARDEN_PSEUDONYM_KEY`); random at
    /// each start if it is not set.
    pub pseudonym_key: PseudonymSecret,
    /// The largest OTLP body in bytes, before and after decompression.
    pub max_body: usize,
    /// How many series are held; further ones are refused and counted.
    pub max_series: usize,
}

impl Default for Config {
    /// Returns the defaults: everything on loopback, nothing durable, warnings only.
    fn default() -> Self {
        Self {
            file: None,
            otlp_http: SocketAddr::from(([127, 0, 0, 1], 4318)),
            admin: SocketAddr::from(([127, 0, 0, 1], 9464)),
            data_dir: None,
            contract: Contract { required: REQUIRED.map(str::to_owned).to_vec(), mode: ContractMode::Warn },
            slos: Vec::new(),
            slo_files: Vec::new(),
            slo_period: Period::DEFAULT,
            data_sources: Vec::new(),
            warnings: Vec::new(),
            sources: Vec::new(),
            probes: Vec::new(),
            sinks: vec![Sink::Stdout],
            templates: None,
            pseudonym_key: PseudonymSecret::random(),
            max_body: MAX_BODY,
            max_series: MAX_SERIES,
        }
    }
}

/// The resource contract: the attributes that the resource of a sender must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    /// The attribute names.
    pub required: Vec<String>,
    /// What happens to the telemetry of a sender without them.
    pub mode: ContractMode,
}

/// What happens to telemetry from a resource without a required attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContractMode {
    /// It is accepted with a warning.
    Warn,
    /// It is refused with the reason.
    Enforce,
}

/// A dependency that the sidecar probes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The dependency's name.
    pub name: String,
    /// How it is probed.
    pub target: ProbeTarget,
    /// How often.
    pub every: Nanos,
    /// The longest time for an answer.
    pub timeout: Nanos,
}

/// How a dependency is probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeTarget {
    /// `GET` this URL; a status below 400 is healthy.
    Http(String),
    /// Connect to this `host:port`.
    Tcp(String),
}

/// Where notices go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sink {
    /// Standard output, as text.
    Stdout,
    /// A URL that receives the notice as JSON by `POST`.
    Webhook {
        /// The sink's name in metrics.
        name: String,
        /// The URL.
        url: String,
    },
    /// Alertmanager's API v2; name every instance, never a load balancer.
    Alertmanager {
        /// The sink's name in metrics.
        name: String,
        /// Base URL, without `/api/v2/alerts`.
        url: String,
    },
}

impl Sink {
    /// The sink's name in metrics.
    pub fn name(&self) -> &str {
        match self {
            Self::Stdout => "stdout",
            Self::Webhook { name, .. } | Self::Alertmanager { name, .. } => name,
        }
    }
}
