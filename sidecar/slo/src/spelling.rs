//! The two spellings of field names, so that one function reads a field in every format.

/// The spelling of names of several words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// `page_alert`, in `prometheus/v1` and in the sidecar's own configuration.
    Snake,
    /// `pageAlert`, in the Kubernetes form and in OpenSLO.
    Camel,
}

impl Spelling {
    /// Returns a name, given as `page_alert`, in this spelling.
    pub fn of(self, name: &str) -> String {
        match self {
            Self::Snake => name.to_owned(),
            Self::Camel => {
                let mut words = name.split('_');
                let first = words.next().unwrap_or_default().to_owned();
                words.fold(first, |whole, word| {
                    let (initial, rest) = word.split_at_checked(1).unwrap_or((word, ""));
                    whole + &initial.to_ascii_uppercase() + rest
                })
            }
        }
    }

    /// Returns the other spelling.
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Snake => Self::Camel,
            Self::Camel => Self::Snake,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelled_both_ways() {
        let cases = [("page_alert", "pageAlert"), ("error_ratio_query", "errorRatioQuery"), ("name", "name")];
        for (snake, camel) in cases {
            assert_eq!(
                (Spelling::Snake.of(snake).as_str(), Spelling::Camel.of(snake).as_str()),
                (snake, camel)
            );
        }
    }
}
