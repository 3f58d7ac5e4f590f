//! Reads any text as an SLO file, OpenSLO's or Sloth's, by what its head says. Nothing may panic, hang or take memory
//! without end, and what loads must be sound.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/it/any_text.rs"]
mod any_text;

fuzz_target!(|text: &str| any_text::read(text));
