//! What comes in: the immutable [`View`](crate::view::View) that the state's owner publishes once a second, and notice
//! events. What goes out: HTTP responses, metrics, pages, messages. Never writes state.

pub mod explain;
pub mod exposition;
pub mod render;

pub mod admin;
pub mod deliver;
