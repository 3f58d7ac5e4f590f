//! Comes in: the text of a file. Goes out: valid values, and every problem with its line and column. Never knows the
//! purpose of a file.

mod problem;
mod reader;
mod value;

pub use self::problem::{Problem, Problems};
pub use self::reader::{Fields, Reader, address, host_port, read_all, web_url};
pub use self::value::{Node, YamlValue, parse};
