//! The sources of one crate as a tree of modules. Comes in: a crate's folder. Goes out: each file with its module path, its
//! items and the paths that it imports. Code under `#[cfg(test)]` is left out: tests may use everything.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, Meta, Token, UseTree, Visibility};

/// The crates of the workspace, by folder below its root.
pub(super) const CRATES: [&str; 8] = [
    "sdk/contract",
    "sdk",
    "sidecar/objective",
    "sidecar/engine",
    "sidecar/slo",
    "sidecar/rules",
    "sidecar/demo",
    "sidecar",
];

/// A module path within its crate; empty for the crate's root.
pub(super) type ModulePath = Vec<String>;

/// One file of a crate.
pub(super) struct Source {
    /// The file below the workspace's root.
    pub(super) file: PathBuf,
    /// The names of the types that it declares.
    pub(super) types: Vec<String>,
    /// What it imports or names by a path that starts at `crate`, `self`, `super` or a child module.
    pub(super) imports: Vec<Import>,
}

/// One path that a file names.
pub(super) struct Import {
    /// The segments as written.
    pub(super) path: Vec<String>,
    /// Whether the file only re-exports it.
    pub(super) is_reexport: bool,
}

/// The workspace's root.
pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every file below `src` of a crate, by module path.
pub(super) fn sources(of: &str) -> BTreeMap<ModulePath, Source> {
    let root = root();
    let base = root.join(of).join("src");
    let sources: BTreeMap<_, _> = rust_files(&base)
        .into_iter()
        .filter_map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let module = module_path(path.strip_prefix(&base).unwrap());
            let is_test = path.file_stem().unwrap().to_string_lossy().ends_with("tests");
            (!is_test).then(|| (module, read(path.strip_prefix(&root).unwrap(), &text)))
        })
        .collect();
    assert!(!sources.is_empty(), "no sources below {}", base.display());
    sources
}

/// One file, read from its text.
pub(super) fn read(file: &Path, text: &str) -> Source {
    let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut reader = FileReader::default();
    reader.visit_file(&parsed);
    Source { file: file.to_owned(), types: reader.types, imports: reader.imports }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    files.sort();
    files
}

fn module_path(below_src: &Path) -> ModulePath {
    let mut path: ModulePath =
        below_src.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if matches!(path.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        path.pop();
    }
    path
}

/// Whether an item is compiled for tests alone.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).any(|attribute| {
        let Ok(parts) = attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated) else {
            return false;
        };
        parts.iter().any(|part| match part {
            Meta::Path(path) => path.is_ident("test"),
            Meta::List(list) => list.path.is_ident("all") && list.tokens.to_string().contains("test"),
            Meta::NameValue(_) => false,
        })
    })
}

#[derive(Default)]
struct FileReader {
    types: Vec<String>,
    imports: Vec<Import>,
    /// How deep the item at hand lies in modules that the file itself contains.
    inline: usize,
}

impl FileReader {
    fn import(&mut self, path: Vec<String>, is_reexport: bool) {
        let skipped = self.inline;
        // `super` in a module inside the file is the file itself, as often as modules are nested.
        let supers = path.iter().take_while(|segment| *segment == "super").count();
        if supers > skipped || skipped == 0 {
            self.imports.push(Import { path: path[skipped.min(supers)..].to_vec(), is_reexport });
        }
    }
}

impl<'ast> Visit<'ast> for FileReader {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "syn's items grow with the language; others declare no type"
    )]
    fn visit_item(&mut self, item: &'ast Item) {
        let (attributes, name) = match item {
            Item::Struct(item) => (&item.attrs, Some(&item.ident)),
            Item::Enum(item) => (&item.attrs, Some(&item.ident)),
            Item::Trait(item) => (&item.attrs, Some(&item.ident)),
            Item::Type(item) => (&item.attrs, Some(&item.ident)),
            Item::Union(item) => (&item.attrs, Some(&item.ident)),
            Item::Fn(item) => (&item.attrs, None),
            Item::Impl(item) => (&item.attrs, None),
            Item::Mod(item) => (&item.attrs, None),
            Item::Use(item) => (&item.attrs, None),
            Item::Const(item) => (&item.attrs, None),
            Item::Static(item) => (&item.attrs, None),
            _ => return visit::visit_item(self, item),
        };
        if is_test(attributes) {
            return;
        }
        self.types.extend(name.map(ToString::to_string));
        if let Item::Use(item) = item {
            let is_reexport = !matches!(item.vis, Visibility::Inherited);
            for path in flatten(&item.tree) {
                self.import(path, is_reexport);
            }
            return;
        }
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        let is_inline = module.content.is_some();
        self.inline += usize::from(is_inline);
        visit::visit_item_mod(self, module);
        self.inline -= usize::from(is_inline);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 && path.leading_colon.is_none() {
            let segments = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.import(segments, false);
        }
        visit::visit_path(self, path);
    }

    fn visit_visibility(&mut self, _: &'ast Visibility) {
        // `pub(in crate::x)` imports nothing.
    }
}

/// The paths of a `use` tree, one for each leaf.
fn flatten(tree: &UseTree) -> Vec<Vec<String>> {
    let under = |name: String, tree: &UseTree| {
        let below = flatten(tree).into_iter();
        below.map(|path| std::iter::once(name.clone()).chain(path).collect()).collect()
    };
    match tree {
        UseTree::Path(path) => under(path.ident.to_string(), &path.tree),
        UseTree::Name(name) if name.ident == "self" => vec![Vec::new()],
        UseTree::Name(name) => vec![vec![name.ident.to_string()]],
        UseTree::Rename(rename) => vec![vec![rename.ident.to_string()]],
        UseTree::Glob(_) => vec![Vec::new()],
        UseTree::Group(group) => group.items.iter().flat_map(flatten).collect(),
    }
}
