//! The reports of all benches. Comes in: values of rounds, finished tables. Goes out: medians with their spread, tables
//! in the documents, and the parts of pictures. Never measures.

// Each bench is a program of its own and uses only a part of this.
#![allow(dead_code, reason = "compiled into every bench, and none uses all of it")]

pub(crate) mod document;
pub(crate) mod picture;
pub(crate) mod spread;
