//! Receives all inputs. Comes in: OTLP over HTTP, results of probes, announced changes, corrections. Goes
//! out: [`Input`](crate::input::Input)s for the state's owner. Never resolves objectives: their ids are text
//! here.

pub mod changes;
pub(crate) mod corrections;
mod json;
pub mod otlp;
pub mod probe;
