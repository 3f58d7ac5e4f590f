//! Comes in: the text of a file. Goes out: values known to be right, and every problem with its line and column. Never
//! knows what a file is for.

mod problem;
mod reader;
mod value;

pub use self::problem::{Problem, Problems};
pub use self::reader::{Fields, Reader, address, host_port, web_url};
pub use self::value::{Node, YamlValue, parse, parse_all};
