//! The public items of a crate. Comes in: rustdoc's JSON. Goes out: a line for each item, and the foreign crates in them.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::signature::Signatures;

/// The public surface.
pub(crate) struct Listing {
    /// Sorted and unique.
    pub(crate) lines: BTreeSet<String>,
    /// The crates other than the standard library that the lines name.
    pub(crate) crates: BTreeSet<String>,
}

/// A listing under construction.
struct Walk<'d> {
    document: &'d Value,
    signatures: Signatures<'d>,
    lines: BTreeSet<String>,
}

impl Listing {
    pub(crate) fn new(document: &Value) -> Self {
        let signatures = Signatures { document, crates: BTreeSet::new() };
        let mut walk = Walk { document, signatures, lines: BTreeSet::new() };
        let root = walk.item(&document["root"]);
        let name = root["name"].as_str().unwrap().to_owned();
        walk.module(root, &name);
        Self { lines: walk.lines, crates: walk.signatures.crates }
    }
}

impl<'d> Walk<'d> {
    fn item(&self, id: &Value) -> &'d Value {
        &self.document["index"][id.to_string()]
    }

    fn module(&mut self, module: &Value, path: &str) {
        for id in module["inner"]["module"]["items"].as_array().unwrap() {
            let item = self.item(id);
            let import = &item["inner"]["use"];
            if import.is_null() {
                self.public(item, path, item["name"].as_str().unwrap_or_default());
                continue;
            }
            let target = self.item(&import["id"]);
            let name = import["name"].as_str().unwrap_or_default();
            if target.is_null() || target["crate_id"] != 0 {
                let source = import["source"].as_str().unwrap_or_default();
                let of = source.split("::").next().unwrap_or_default();
                if self.is_foreign(of) {
                    self.signatures.crates.insert(of.to_owned());
                }
                self.lines.insert(format!("pub use {source} as {path}::{name}"));
            } else {
                self.public(target, path, name);
            }
        }
    }

    fn is_foreign(&self, name: &str) -> bool {
        let crates = self.document["external_crates"].as_object().unwrap();
        crates.values().any(|it| it["name"] == name) && !["std", "core", "alloc"].contains(&name)
    }

    fn public(&mut self, item: &Value, path: &str, name: &str) {
        let path = format!("{path}::{name}");
        let (kind, inner) = item["inner"].as_object().unwrap().iter().next().unwrap();
        let (generics, conditions) = self.signatures.generics(&inner["generics"]);
        let marks = marks(item);
        match kind.as_str() {
            "module" => {
                self.lines.insert(format!("pub mod {path}"));
                self.module(item, &path);
            }
            "struct" | "enum" => {
                self.lines.insert(format!("{marks}pub {kind} {path}{generics}{conditions}"));
                self.fields(&inner["kind"]["plain"]["fields"], &path);
                self.variants(&inner["variants"], &path);
                self.implementations(&inner["impls"], &path);
            }
            "function" => self.function(item, &path),
            "constant" => {
                let of = self.signatures.of_type(&inner["type"]);
                self.lines.insert(format!("pub const {path}: {of}"));
            }
            other => {
                self.lines.insert(format!("pub {other} {path}"));
            }
        }
    }

    fn fields(&mut self, fields: &Value, path: &str) {
        for id in fields.as_array().into_iter().flatten() {
            let field = self.item(id);
            let of = self.signatures.of_type(&field["inner"]["struct_field"]);
            self.lines.insert(format!("pub {path}::{}: {of}", field["name"].as_str().unwrap()));
        }
    }

    fn variants(&mut self, variants: &Value, path: &str) {
        for id in variants.as_array().into_iter().flatten() {
            let variant = self.item(id);
            let path = format!("{path}::{}", variant["name"].as_str().unwrap());
            let kind = &variant["inner"]["variant"]["kind"];
            let mut tuple = Vec::new();
            for id in kind["tuple"].as_array().into_iter().flatten() {
                tuple.push(self.signatures.of_type(&self.item(id)["inner"]["struct_field"]));
            }
            let tuple = if tuple.is_empty() { String::new() } else { format!("({})", tuple.join(", ")) };
            self.lines.insert(format!("{}pub {path}{tuple}", marks(variant)));
            self.fields(&kind["struct"]["fields"], &path);
        }
    }

    /// Methods, and explicitly implemented traits: neither by the compiler nor for all types.
    fn implementations(&mut self, implementations: &Value, path: &str) {
        for id in implementations.as_array().into_iter().flatten() {
            let implementation = &self.item(id)["inner"]["impl"];
            if implementation["is_synthetic"] == true || !implementation["blanket_impl"].is_null() {
                continue;
            }
            if implementation["trait"].is_null() {
                for id in implementation["items"].as_array().unwrap() {
                    let method = self.item(id);
                    let path = format!("{path}::{}", method["name"].as_str().unwrap());
                    self.public_method(method, &path);
                }
            } else {
                // `pin_project_lite` writes it, under conditions that name its own types.
                if implementation["trait"]["path"].as_str().is_some_and(|path| path.ends_with("Unpin")) {
                    continue;
                }
                let of_trait = self.signatures.path(&implementation["trait"]);
                let of = self.signatures.of_type(&implementation["for"]);
                let (generics, conditions) = self.signatures.generics(&implementation["generics"]);
                self.lines.insert(format!("impl{generics} {of_trait} for {of}{conditions}"));
            }
        }
    }

    fn public_method(&mut self, method: &Value, path: &str) {
        let constant = &method["inner"]["assoc_const"];
        if constant.is_null() {
            return self.function(method, path);
        }
        let of = self.signatures.of_type(&constant["type"]);
        self.lines.insert(format!("pub const {path}: {of}"));
    }

    fn function(&mut self, item: &Value, path: &str) {
        let function = &item["inner"]["function"];
        let word = |name: &str, word| if function["header"][name] == true { word } else { "" };
        let words = [word("is_const", "const "), word("is_async", "async "), word("is_unsafe", "unsafe ")];
        let (generics, conditions) = self.signatures.generics(&function["generics"]);
        let signature = self.signatures.of(&function["sig"]);
        self.lines.insert(format!("pub {}fn {path}{generics}{signature}{conditions}", words.concat()));
    }
}

/// The attributes of an item that matter to its users.
fn marks(item: &Value) -> &'static str {
    let attributes = item["attrs"].as_array().into_iter().flatten();
    if attributes.clone().any(|attribute| attribute.to_string().contains("non_exhaustive")) {
        "#[non_exhaustive] "
    } else {
        ""
    }
}
