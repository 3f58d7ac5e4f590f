//! What comes in: notices. What goes out: all of them in one text, in the order given. Renders each with the template
//! of a single notice, so that a replaced template also holds for lists; the HTML list is a page of links instead.

use jiff::Timestamp;
use mapwarden_engine::notice::Notice;
use minijinja::context;
use minijinja::value::Serde;

use super::{NoticeForm, RenderError, Templates};

impl Templates {
    /// Writes several notices; `when_empty` is the sentence that stands for no notice, `at` the time of the view.
    ///
    /// # Errors
    /// A value that a template's filter does not take.
    pub(crate) fn render_list(
        &self,
        notices: &[&Notice],
        form: NoticeForm,
        when_empty: &str,
        at: Timestamp,
    ) -> Result<String, RenderError> {
        if form == NoticeForm::Html {
            let notices = Serde(notices);
            let (at, version) = (Serde(at), env!("CARGO_PKG_VERSION"));
            return self.page("notices.html", context! { notices, when_empty, at, version });
        }
        let texts: Vec<String> =
            notices.iter().map(|notice| self.render(notice, form)).collect::<Result<_, _>>()?;
        Ok(match form {
            NoticeForm::Yaml if texts.is_empty() => format!("[] # {when_empty}\n"),
            NoticeForm::Yaml => texts.iter().map(|text| yaml_item(text)).collect(),
            NoticeForm::Markdown | NoticeForm::Text if texts.is_empty() => format!("{when_empty}\n"),
            NoticeForm::Markdown => texts.join("\n---\n\n"),
            NoticeForm::Html | NoticeForm::Text => texts.join("\n"),
        })
    }
}

/// Makes a YAML document an item of a sequence: indents it, so that comments and block scalars stay as they are.
fn yaml_item(document: &str) -> String {
    let lines = document.lines().skip_while(|line| line.is_empty() || *line == "---");
    let item = lines.enumerate().map(|(at, line)| match (at, line) {
        (0, line) => format!("- {line}\n"),
        (_, "") => "\n".to_owned(),
        (_, line) => format!("  {line}\n"),
    });
    item.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_yaml_document_becomes_an_item() {
        let documents = ["a: 1\nb:\n  - c\n", "---\na: |\n  x\n\n  y\n"];
        let list: String = documents.iter().map(|document| yaml_item(document)).collect();
        let read: serde_json::Value = serde_saphyr::from_str(&list).unwrap();
        assert_eq!(read, serde_json::json!([{"a": 1, "b": ["c"]}, {"a": "x\n\ny\n"}]), "{list}");
    }
}
