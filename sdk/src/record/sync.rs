//! The atomics and the lock that the recorder's threads share. Goes out: those of the standard library, and under
//! `--cfg mapwarden_loom` those of loom, which runs a test in every order that the memory model allows. Never adds
//! anything of its own.

#[cfg(not(all(test, mapwarden_loom)))]
pub(super) use std::sync::{Mutex, atomic::AtomicU64};

#[cfg(all(test, mapwarden_loom))]
pub(super) use loom::sync::{Mutex, atomic::AtomicU64};

pub(super) use std::sync::atomic::Ordering::Relaxed;
