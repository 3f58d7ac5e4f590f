//! The name of a map in the telemetry. Comes in: the name from the service, or the location and type of the map. Goes
//! out: a name that is the same in every run. Never numbers unnamed maps: a number would change with the order in which
//! they are made.

use std::any::type_name;
use std::panic::Location;
use std::sync::Arc;

/// Where the name of a map comes from.
#[derive(Clone, Debug)]
pub(crate) enum MapName {
    Given(Arc<str>),
    Unnamed {
        location: &'static Location<'static>,
        /// A function, so that a map with a name never formats its type.
        of_type: fn() -> String,
    },
}

impl MapName {
    /// Returns the given name, otherwise the location in the service's sources, otherwise the type.
    pub(crate) fn resolve(&self) -> Arc<str> {
        match self {
            Self::Given(name) => Arc::clone(name),
            Self::Unnamed { location, of_type } if is_unspecific(location.file()) => {
                format!("unnamed {}", of_type()).into()
            }
            Self::Unnamed { location, .. } => format!("{}:{}", location.file(), location.line()).into(),
        }
    }
}

pub(crate) fn map_type<K, V>() -> String {
    format!("HashMap<{}, {}>", without_paths(type_name::<K>()), without_paths(type_name::<V>()))
}

pub(crate) fn set_type<K>() -> String {
    format!("HashSet<{}>", without_paths(type_name::<K>()))
}

/// Returns whether the file does not show where the service made the map. The caller of `FromIterator` is the standard
/// library, and a constructor that is passed as a value (`LazyLock::new(HashMap::new)`) may get its own location.
fn is_unspecific(file: &str) -> bool {
    let file = file.replace('\\', "/");
    // Without and with the toolchain's component `rust-src`.
    let is_standard = file.starts_with("/rustc/") || file.contains("/rustlib/src/rust/library/");
    is_standard
        || file!().replace('\\', "/").strip_suffix("map/name.rs").is_some_and(|ours| file.starts_with(ours))
}

/// Writes `alloc::vec::Vec<core::option::Option<u8>>` as `Vec<Option<u8>>`.
fn without_paths(type_name: &str) -> String {
    let mut short = String::with_capacity(type_name.len());
    let mut segment = 0;
    for letter in type_name.chars() {
        match letter {
            ':' => short.truncate(segment),
            '_' => short.push(letter),
            _ if letter.is_alphanumeric() => short.push(letter),
            _ => {
                short.push(letter);
                segment = short.len();
            }
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use super::*;

    #[test]
    fn types_are_written_without_their_paths() {
        let cases = [
            (map_type::<u8, String>(), "HashMap<u8, String>"),
            (map_type::<&str, Vec<Option<[u8; 4]>>>(), "HashMap<&str, Vec<Option<[u8; 4]>>>"),
            (
                map_type::<(String, u8), BTreeMap<char, Box<dyn Send>>>(),
                "HashMap<(String, u8), BTreeMap<char, Box<dyn Send>>>",
            ),
            (set_type::<HashMap<&'static [u8], ()>>(), "HashSet<HashMap<&[u8], ()>>"),
            (without_paths("my_service::Größe<r#a::B>"), "Größe<r#B>"),
        ];
        for (got, expected) in cases {
            assert_eq!(got, expected);
        }
    }

    #[test]
    fn the_standard_library_and_this_crate_are_unspecific() {
        let cases = [
            (
                "/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/iter/traits/iterator.rs",
                true,
            ),
            ("/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860\\library\\core\\src\\mem\\mod.rs", true),
            (
                "/home/ada/.rustup/toolchains/stable/lib/rustlib/src/rust/library/core/src/ops/function.rs",
                true,
            ),
            (file!(), true),
            ("src/sessions.rs", false),
            ("src/library/core/src/sessions.rs", false),
            ("src\\sessions.rs", false),
            ("sdk/examples/axum_service.rs", false),
        ];
        for (file, expected) in cases {
            assert_eq!(is_unspecific(file), expected, "{file}");
        }
    }
}
