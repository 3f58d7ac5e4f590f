//! What readers of other declarations share with this crate: YAML in which every value has a location, a reader that
//! collects every problem, and the parts of an objective that all formats spell alike. The sidecar's configuration and
//! the lint of rule files are read with it.

pub use crate::budgeting::{Budgeting, check_time_slice, read_method};
pub use crate::duration::parse_period;
pub use crate::field::is_label;
pub use crate::query::parse_promql;
pub use crate::spelling::Spelling;
pub use crate::window::read_window;
pub use crate::yaml::{Fields, Node, Reader, YamlValue, address, host_port, parse, read_all, web_url};
