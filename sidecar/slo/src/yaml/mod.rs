//! Comes in: the text of a file. Goes out: values known to be right, and every problem with its line and column. Never
//! knows what a file is for.

mod document;
mod problem;
mod reader;

pub use self::document::{Node, Value, parse, parse_all};
pub use self::problem::{Problem, Problems};
pub use self::reader::{Fields, Reader, address, host_port, web_url};
