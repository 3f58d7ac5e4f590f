//! Two notices to try out formats and sinks with before there is a fault.

/// A notice with every part measured, as JSON.
pub const MEASURED: &str = include_str!("samples/measured.json");

/// A notice with no part measured: each has the reason why it is missing. As JSON.
pub const MISSING: &str = include_str!("samples/missing.json");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::notice::Notice;

    /// The path of every field, without those of lists.
    fn fields(value: &Value, path: &str, into: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    let path = format!("{path}/{name}");
                    fields(member, &path, into);
                    into.insert(path);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| fields(item, path, into)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn the_measured_sample_has_every_field_of_a_notice() {
        let sample: Value = serde_json::from_str(MEASURED).unwrap();
        let notice: Notice = serde_json::from_str(MEASURED).unwrap();
        let (mut written, mut known) = (BTreeSet::new(), BTreeSet::new());
        fields(&sample, "", &mut written);
        fields(&serde_json::to_value(&notice).unwrap(), "", &mut known);
        let of_types = known.difference(&written).collect::<Vec<_>>();
        assert_eq!(of_types, Vec::<&String>::new(), "add these fields to samples/measured.json");
        let of_sample = written.difference(&known).collect::<Vec<_>>();
        assert_eq!(
            of_sample,
            Vec::<&String>::new(),
            "samples/measured.json has fields that notices do not have"
        );
    }

    #[test]
    fn the_missing_sample_is_a_notice() {
        let notice: Notice = serde_json::from_str(MISSING).unwrap();
        assert!(notice.map.value().is_none() && notice.trigger.is_none());
    }
}
