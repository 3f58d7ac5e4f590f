//! Objectives from files. Comes in: OpenSLO's and Sloth's documents, and parts of the sidecar's own configuration. Goes out:
//! [`Slo`](mapwarden_objective::Slo)s, and every problem with its file, line and column. Never reads telemetry.

pub mod yaml;

mod source;

pub mod budgeting;
mod document;
mod duration;
mod field;
mod files;
mod load;
mod openslo;
mod plan;
mod query;
mod scan;
mod sloth;
mod spelling;
mod verify;
pub mod window;

pub use self::duration::parse_period;
pub use self::field::is_label;
pub use self::load::{Loaded, is_slo_file, load, load_text};
pub use self::plan::{Amount, Plan};
pub use self::source::DataSource;
pub use self::spelling::Spelling;
