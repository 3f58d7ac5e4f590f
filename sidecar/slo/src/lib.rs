//! Objectives from files. Comes in: OpenSLO's and Sloth's documents, and parts of the sidecar's own configuration. Goes out:
//! [`Slo`](mapwarden_objective::Slo)s, and every problem with its file, line and column. Never reads telemetry.

pub mod declaration;

mod yaml;

mod source;
mod spelling;

mod budgeting;
mod document;
mod duration;
mod field;
mod files;
mod loaded;
mod window;

mod query;

mod openslo;
mod sloth;

mod load;
mod verify;

mod plan;
mod scan;

pub use self::load::{is_slo_file, load, load_text};
pub use self::loaded::Loaded;
pub use self::plan::{Amount, Plan};
pub use self::source::DataSource;
pub use self::yaml::{Problem, Problems};
