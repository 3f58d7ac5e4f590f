//! Two notices for whoever formats or sends notices and wants to try that before there is a fault.

/// A notice with every part measured, as JSON.
pub const MEASURED: &str = include_str!("samples/measured.json");

/// A notice with no part measured: each says why it is missing. As JSON.
pub const MISSING: &str = include_str!("samples/missing.json");
