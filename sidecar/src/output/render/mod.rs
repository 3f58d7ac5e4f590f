//! What comes in: a [`Notice`]. What goes out: the notice for people, as YAML, Markdown, HTML or terminal text, from
//! templates that operators can replace. Never fills a gap: a missing value is printed as `unknown (reason)`.

mod escape;
mod filters;
mod list;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, context};

use mapwarden_engine::notice::Notice;

/// The built-in templates of a notice, by file name; the operator's folder may replace them.
const BUILT_IN: [(&str, &str); 4] = [
    ("notice.yaml", include_str!("templates/notice.yaml")),
    ("notice.md", include_str!("templates/notice.md")),
    ("notice.html", include_str!("templates/notice.html")),
    ("notice.txt", include_str!("templates/notice.txt")),
];

/// Pages, and the parts that they share; not replaceable.
const PAGES: [(&str, &str); 5] = [
    ("status.html", include_str!("../admin/pages/status.html")),
    ("notices.html", include_str!("../admin/pages/notices.html")),
    ("notice_card.html", include_str!("../admin/pages/notice_card.html")),
    ("macros.html", include_str!("../admin/pages/macros.html")),
    ("style.css", include_str!("../admin/pages/style.css")),
];

/// A notice with everything measured and one with nothing, on which replaced templates are tried at the start.
const SAMPLES: [&str; 2] =
    [mapwarden_engine::notice::samples::MEASURED, mapwarden_engine::notice::samples::MISSING];

/// How a notice is written for people. JSON is what serde writes and needs no template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoticeForm {
    /// For files.
    Yaml,
    /// For tickets.
    Markdown,
    /// A page of its own.
    Html,
    /// For terminals and chats; the first line holds the most important facts.
    Text,
}

impl NoticeForm {
    /// Every form.
    pub const ALL: [Self; 4] = [Self::Yaml, Self::Markdown, Self::Html, Self::Text];

    /// What the admin API calls it in `?format=`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Text => "text",
        }
    }

    /// The template's file name.
    pub const fn template(self) -> &'static str {
        match self {
            Self::Yaml => "notice.yaml",
            Self::Markdown => "notice.md",
            Self::Html => "notice.html",
            Self::Text => "notice.txt",
        }
    }

    /// The media type of an answer in this form.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Yaml => "application/yaml",
            Self::Markdown => "text/markdown; charset=utf-8",
            Self::Html => "text/html; charset=utf-8",
            Self::Text => "text/plain; charset=utf-8",
        }
    }
}

/// Templates could not be loaded from a folder.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The folder or a file in it cannot be read.
    #[error("template {} cannot be read", path.display())]
    Unreadable {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file has the name of no template.
    #[error(
        "template {} replaces nothing, accepted names are notice.yaml, notice.md, notice.html and notice.txt",
        path.display()
    )]
    Unexpected {
        /// The file.
        path: PathBuf,
    },
    /// A template is wrong: it does not parse, or it fails on a sample notice.
    #[error("template {} line {line}: {detail}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        detail: String,
    },
    /// A sample notice of this binary cannot be read; a test excludes it.
    #[error("the sample notice cannot be read")]
    Sample(#[from] serde_json::Error),
}

/// A notice could not be rendered. With the built-in templates that happens only if a measured value has a form that
/// neither sample has.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct RenderError(#[from] minijinja::Error);

/// Templates that are known to parse and to render. Clones share them.
#[derive(Clone, Debug)]
pub struct Templates {
    environment: Arc<Environment<'static>>,
}

impl Templates {
    /// Loads the built-in templates, replaced by files of the same name in the folder. Ignores hidden files and folders
    /// in it (a mounted ConfigMap has some).
    ///
    /// # Errors
    /// The first file that cannot be read, replaces nothing, or is wrong, with its line.
    pub fn load(folder: Option<&Path>) -> Result<Self, LoadError> {
        let mut environment = new_environment();
        for (name, source) in BUILT_IN.into_iter().chain(PAGES) {
            environment.add_template(name, source).map_err(|error| broken(Path::new(name), &error))?;
        }
        let replaced =
            folder.map(|folder| replace(&mut environment, folder)).transpose()?.unwrap_or_default();
        let templates = Self { environment: Arc::new(environment) };
        templates.try_samples(&replaced)?;
        Ok(templates)
    }

    /// Writes a notice.
    ///
    /// # Errors
    /// A value that a template's filter does not take.
    pub fn render(&self, notice: &Notice, form: NoticeForm) -> Result<String, RenderError> {
        self.page(form.template(), context! { notice => Serde(notice) })
    }

    /// Renders any template of this set.
    pub(crate) fn page(&self, name: &str, context: Value) -> Result<String, RenderError> {
        Ok(self.environment.get_template(name)?.render(context)?)
    }

    /// Renders each replaced template with the samples, so that an unknown field is an error at the start and not when
    /// a notice opens.
    fn try_samples(&self, replaced: &[(&'static str, PathBuf)]) -> Result<(), LoadError> {
        for sample in SAMPLES {
            let notice: Notice = serde_json::from_str(sample)?;
            for (name, path) in replaced {
                let context = context! { notice => Serde(&notice) };
                self.page(name, context).map_err(|RenderError(error)| broken(path, &error))?;
            }
        }
        Ok(())
    }
}

fn new_environment() -> Environment<'static> {
    let mut environment = Environment::new();
    // Building fails only for invalid delimiters; these are the defaults.
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
        .unwrap_or_default();
    environment.set_syntax(syntax);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    escape::install(&mut environment);
    filters::install(&mut environment);
    environment
}

/// Replaces templates by the files of a folder, and returns which.
fn replace(
    environment: &mut Environment<'static>,
    folder: &Path,
) -> Result<Vec<(&'static str, PathBuf)>, LoadError> {
    let unreadable = |path: &Path, source| LoadError::Unreadable { path: path.to_owned(), source };
    let mut replaced = Vec::new();
    for entry in fs::read_dir(folder).map_err(|source| unreadable(folder, source))? {
        let path = entry.map_err(|source| unreadable(folder, source))?.path();
        let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() || file_name.starts_with('.') {
            continue;
        }
        let (name, _) = BUILT_IN
            .into_iter()
            .find(|(name, _)| *name == file_name)
            .ok_or_else(|| LoadError::Unexpected { path: path.clone() })?;
        let source = fs::read_to_string(&path).map_err(|source| unreadable(&path, source))?;
        environment.add_template_owned(name, source).map_err(|error| broken(&path, &error))?;
        replaced.push((name, path));
    }
    replaced.sort_unstable();
    Ok(replaced)
}

fn broken(path: &Path, error: &minijinja::Error) -> LoadError {
    let detail = error
        .detail()
        .map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
    LoadError::Broken { path: path.to_owned(), line: error.line().unwrap_or(1), detail }
}
