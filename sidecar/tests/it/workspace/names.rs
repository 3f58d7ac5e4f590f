//! One name, one type: a reader who meets a name knows which type it is.

use std::collections::BTreeMap;

use super::sources::{CRATES, sources};

/// Names that two types share, each with the reason.
const SHARED: [(&str, &str); 3] = [
    ("Subscriber", NO_SUBSCRIBER),
    ("SubscriberSpan", NO_SUBSCRIBER),
    ("SubscriberSpanGuard", NO_SUBSCRIBER),
];

/// Two files of which a build compiles one, by the SDK's feature `tracing`.
const NO_SUBSCRIBER: &str = "the same type with and without the feature `tracing`";

#[test]
fn no_two_types_share_a_name() {
    let mut declared: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for of in CRATES {
        for source in sources(of).into_values() {
            for name in source.types {
                declared.entry(name).or_default().push(source.file.display().to_string());
            }
        }
    }
    declared.retain(|_, files| files.len() > 1);
    for (name, reason) in SHARED {
        assert!(
            declared.remove(name).is_some(),
            "`{name}` is one type again ({reason}): remove the exception"
        );
    }
    let clashes: Vec<_> =
        declared.iter().map(|(name, files)| format!("{name}: {}", files.join(", "))).collect();
    assert!(clashes.is_empty(), "{} names of two types:\n{}", clashes.len(), clashes.join("\n"));
}
