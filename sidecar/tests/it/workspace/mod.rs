//! The workspace from the outside: which room imports which, and what its types are called. Comes in: the sources of every
//! crate, parsed. Goes out: what breaks a rule of ARCHITECTURE.md.

mod imports;
mod names;
mod rooms;
mod sources;
mod words;
