//! Any text as an SLO file, OpenSLO's or Sloth's, whichever it says at its head. Nothing may panic, hang or take memory
//! without end, and what loads must be sound.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/it/any_text.rs"]
mod any_text;

fuzz_target!(|text: &str| any_text::read(text));
