//! Comes in: a text. Goes out: its documents, each with its format. Never looks below the heads of documents.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::yaml::{self, Node, Problem, Reader, YamlValue};

/// The largest file in bytes. Raised, larger generated files are read; lowered, a file without objectives is refused
/// sooner.
pub(super) const MAX_FILE: u64 = 4 << 20;

/// One document of a file.
#[derive(Clone, Debug)]
pub(super) struct Document {
    /// The path of the file as the caller named it.
    pub(super) path: Arc<PathBuf>,
    /// The whole text of the file.
    pub(super) text: Arc<str>,
    /// The content of the document.
    pub(super) root: Node,
    /// The format that its head declares.
    pub(super) format: Format,
}

/// The format that the head of a document declares. A closed set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// `apiVersion: openslo/...`, and its kind.
    OpenSlo {
        /// The version after the slash.
        version: String,
        /// The kind.
        kind: String,
    },
    /// `version: prometheus/v1`.
    Sloth,
    /// `apiVersion: sloth.slok.dev/v1`, and its kind.
    SlothKubernetes {
        /// The kind.
        kind: String,
    },
    /// Anything else, with its `apiVersion` or `version`; none where it has neither.
    Other(Option<String>),
}

impl Document {
    /// Returns a reader of its content.
    pub(super) fn reader(&self) -> Reader<'_> {
        Reader::of(&self.path, &self.text)
    }
}

/// Returns the documents of a text. The members of a list at its top are documents too.
pub(super) fn documents(path: &Path, text: &str) -> Result<Vec<Document>, Problem> {
    let nodes = yaml::read_all(path, text)?;
    let (path, text) = (Arc::new(path.to_owned()), Arc::<str>::from(text));
    let documents = nodes.into_iter().flat_map(|node| match node.value {
        YamlValue::List(members) => members,
        YamlValue::Nothing => Vec::new(),
        YamlValue::Truth(_)
        | YamlValue::Integer(_)
        | YamlValue::Float(_)
        | YamlValue::Text(_)
        | YamlValue::Object(_) => {
            vec![node]
        }
    });
    let document =
        |root: Node| Document { path: path.clone(), text: text.clone(), format: format(&root), root };
    Ok(documents.map(document).collect())
}

fn format(root: &Node) -> Format {
    let kind = top_text(root, "kind").unwrap_or_default().to_owned();
    let version = top_text(root, "version");
    let Some(group) = top_text(root, "apiVersion") else {
        return match version {
            Some("prometheus/v1") => Format::Sloth,
            Some(_) | None => Format::Other(version.map(str::to_owned)),
        };
    };
    match group.split_once('/') {
        Some(("openslo", version)) => Format::OpenSlo { version: version.to_owned(), kind },
        Some(("sloth.slok.dev", "v1")) => Format::SlothKubernetes { kind },
        Some(_) | None => Format::Other(Some(group.to_owned())),
    }
}

/// Returns a text field at the top of a document.
fn top_text<'n>(root: &'n Node, name: &str) -> Option<&'n str> {
    let YamlValue::Object(fields) = &root.value else { return None };
    let (_, node) = fields.iter().find(|(key, _)| key.value == name)?;
    let YamlValue::Text(text) = &node.value else { return None };
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_found_in_heads() {
        let text = "apiVersion: openslo/v1\nkind: SLO\n---\nversion: prometheus/v1\n---\n\
                    - apiVersion: sloth.slok.dev/v1\n  kind: AlertWindows\n- apiVersion: v1\n  kind: ConfigMap\n---\n\
                    admin: 1\n---\n7\n";
        let found = documents(Path::new("f.yaml"), text).unwrap();
        let formats: Vec<Format> = found.into_iter().map(|document| document.format).collect();
        let expected = [
            Format::OpenSlo { version: "v1".to_owned(), kind: "SLO".to_owned() },
            Format::Sloth,
            Format::SlothKubernetes { kind: "AlertWindows".to_owned() },
            Format::Other(Some("v1".to_owned())),
            Format::Other(None),
            Format::Other(None),
        ];
        assert_eq!(formats, expected);
        let problem = documents(Path::new("f.yaml"), "a: [\n").unwrap_err();
        assert!(problem.to_string().starts_with("f.yaml:1:4: is not YAML: "), "{problem}");
    }
}
