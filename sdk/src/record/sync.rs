//! The atomics and the lock of what threads share without waiting. Comes in: nothing. Goes out: the standard library's,
//! and under `--cfg mapwarden_loom` those of loom, which runs a test through every order that the memory model allows.
//! Never adds anything of its own.

#[cfg(not(all(test, mapwarden_loom)))]
pub(super) use std::sync::{Mutex, atomic::AtomicU64};

#[cfg(all(test, mapwarden_loom))]
pub(super) use loom::sync::{Mutex, atomic::AtomicU64};

pub(super) use std::sync::atomic::Ordering::Relaxed;
