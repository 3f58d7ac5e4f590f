//! Notices in every form: golden files, replaced templates, broken templates.

use std::path::PathBuf;

use mapwarden_sidecar::output::render::{LoadError, NoticeForm, Templates};
use serde_json::Value;

use crate::output_fixture::{assert_golden, measured, missing};

#[test]
fn every_form_equals_its_golden_file() {
    let templates = Templates::load(None).unwrap();
    for (name, notice) in [("measured", measured()), ("missing", missing())] {
        for form in NoticeForm::ALL {
            let text = templates.render(&notice, form).unwrap();
            let extension = form.template().trim_start_matches("notice.");
            assert_golden(&format!("notice-{name}.{extension}"), &text);
        }
    }
}

#[test]
fn the_yaml_form_is_yaml() {
    let templates = Templates::load(None).unwrap();
    for notice in [measured(), missing()] {
        let text = templates.render(&notice, NoticeForm::Yaml).unwrap();
        let read: Value = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(read["id"], notice.id);
        assert_eq!(read["summary"], notice.summary);
        assert_eq!(read["slis"].as_array().unwrap().len(), notice.slis.len());
        for part in ["slis", "recent_changes", "impact", "dependencies", "map", "hypotheses", "coverage"] {
            assert!(!read[part].is_null(), "{part} in\n{text}");
        }
    }
    let text = templates.render(&measured(), NoticeForm::Yaml).unwrap();
    let read: Value = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(read["onset"], "2026-11-21T10:15:32Z +-2s");
    assert_eq!(read["slis"][0]["delta"], "-7.84pp");
    assert_eq!(read["impact"]["affected_users"], 1284);
    assert_eq!(read["impact"]["regions"]["eu-west-1"], "83%");
}

#[test]
fn untrusted_text_stays_text() {
    let templates = Templates::load(None).unwrap();
    let mut notice = measured();
    let hostile = "<script>alert(1)</script> | \"x\": [y]\n- z\u{1b}[31m";
    notice.summary = hostile.to_owned();
    notice.service = hostile.to_owned();
    if let mapwarden_engine::notice::Known::Value(changes) = &mut notice.recent_changes {
        changes[0].author = Some(hostile.to_owned());
        changes[0].url = Some("javascript:alert(1)".to_owned());
    }
    let html = templates.render(&notice, NoticeForm::Html).unwrap();
    assert!(!html.contains("<script>") && !html.contains("href=\"javascript"), "{html}");
    let text = templates.render(&notice, NoticeForm::Text).unwrap();
    assert!(!text.contains('\u{1b}') && !text.contains("\n- z"), "{text}");
    let yaml = templates.render(&notice, NoticeForm::Yaml).unwrap();
    let read: Value = serde_saphyr::from_str(&yaml).unwrap();
    assert_eq!(read["summary"], hostile);
    assert_eq!(read["recent_changes"][0]["author"], hostile);
    let markdown = templates.render(&notice, NoticeForm::Markdown).unwrap();
    assert!(!markdown.contains("<script>") && !markdown.contains("\n- z"), "{markdown}");
}

/// A folder of templates, removed at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn with(test: &str, files: &[(&str, &str)]) -> Self {
        let path = std::env::temp_dir().join(format!("mapwarden-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        for (name, text) in files {
            std::fs::write(path.join(name), text).unwrap();
        }
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_folder_replaces_the_templates_that_it_holds() {
    let folder =
        Folder::with("replace", &[("notice.txt", "{{ notice.slo }}: {{ notice.coverage|percent(0) }}\n")]);
    let templates = Templates::load(Some(&folder.0)).unwrap();
    assert_eq!(
        templates.render(&measured(), NoticeForm::Text).unwrap(),
        "order-service/sessions-availability: 99.98%\n"
    );
    let built_in = Templates::load(None).unwrap();
    for form in [NoticeForm::Yaml, NoticeForm::Markdown, NoticeForm::Html] {
        assert_eq!(templates.render(&missing(), form).unwrap(), built_in.render(&missing(), form).unwrap());
    }
}

#[test]
fn a_broken_template_is_an_error_with_file_and_line() {
    let cases = [
        ("syntax", "notice.md", "fine\n{% if notice.id %}\nnever closed\n", "notice.md line 3: syntax error"),
        ("field", "notice.txt", "a\nb\n{{ notice.summry }}\n", "notice.txt line 3: undefined value"),
        ("filter", "notice.yaml", "a: {{ notice.id|percnt }}\n", "notice.yaml line 1: unknown filter"),
        ("value", "notice.txt", "\n{{ notice.slo|percent }}\n", "notice.txt line 2: invalid operation"),
        (
            "name",
            "notice.markdown",
            "x",
            "accepted names are notice.yaml, notice.md, notice.html and notice.txt",
        ),
    ];
    for (test, file, text, expected) in cases {
        let folder = Folder::with(test, &[(file, text)]);
        let error = Templates::load(Some(&folder.0)).unwrap_err().to_string();
        assert!(error.contains(expected), "{test}: {error}");
    }
    let nowhere = std::env::temp_dir().join("mapwarden-no-such-folder");
    assert!(
        matches!(Templates::load(Some(&nowhere)), Err(LoadError::Unreadable { path, .. }) if path == nowhere)
    );
}
