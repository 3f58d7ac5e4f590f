//! Reads objectives from files. Comes in: documents of OpenSLO and Sloth. Goes out: [`Slo`](mapwarden_objective::Slo)s,
//! and every problem with its file, line and column. Never reads telemetry, and never contacts a server.
//!
//! ```
//! use std::path::Path;
//!
//! use mapwarden_objective::Period;
//!
//! let text = r#"
//! version: prometheus/v1
//! service: shop
//! slos:
//!   - name: availability
//!     objective: 99.9
//!     sli:
//!       events:
//!         error_query: sum(rate(http_requests_total{code=~"5.."}[{{.window}}]))
//!         total_query: sum(rate(http_requests_total[{{.window}}]))
//! "#;
//! let loaded = mapwarden_slo::load_text(Path::new("shop.yaml"), text, &Period::DEFAULT);
//! assert!(loaded.problems.is_empty());
//! assert_eq!(loaded.slos[0].id(), "shop/availability");
//! ```

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
