//! Types and signatures of rustdoc's JSON as text. Comes in: a JSON value. Goes out: text, and the crates that it names.

use std::collections::BTreeSet;

use serde_json::Value;

/// Renders signatures of one crate.
pub(crate) struct Signatures<'d> {
    pub(crate) document: &'d Value,
    /// The foreign crates that were named.
    pub(crate) crates: BTreeSet<String>,
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

impl Signatures<'_> {
    /// `(name: Type, ...) -> Type`.
    pub(crate) fn of(&mut self, sig: &Value) -> String {
        let inputs: Vec<_> = list(&sig["inputs"])
            .iter()
            .map(|input| {
                let (name, of) = (text(&input[0]), self.of_type(&input[1]));
                match (name, of.as_str()) {
                    ("self", "Self") => "self".to_owned(),
                    ("self", "&Self") => "&self".to_owned(),
                    ("self", "&mut Self") => "&mut self".to_owned(),
                    _ => format!("{name}: {of}"),
                }
            })
            .collect();
        let output = match &sig["output"] {
            Value::Null => String::new(),
            output => format!(" -> {}", self.of_type(output)),
        };
        format!("({}){output}", inputs.join(", "))
    }

    /// `<T: Bound>` and the `where` clause.
    pub(crate) fn generics(&mut self, generics: &Value) -> (String, String) {
        let mut parameters = Vec::new();
        for parameter in list(&generics["params"]) {
            let (name, kind) = (text(&parameter["name"]), &parameter["kind"]);
            if kind["type"]["is_synthetic"] == true {
                continue;
            }
            let bounds = self.bounds(&kind["type"]["bounds"]);
            parameters.push(if bounds.is_empty() { name.to_owned() } else { format!("{name}: {bounds}") });
        }
        let mut predicates = Vec::new();
        for predicate in list(&generics["where_predicates"]) {
            let bound = &predicate["bound_predicate"];
            if bound.is_object() {
                predicates.push(format!(
                    "{}: {}",
                    self.of_type(&bound["type"]),
                    self.bounds(&bound["bounds"])
                ));
            }
        }
        let angled = |items: Vec<String>| match items.join(", ") {
            none if none.is_empty() => none,
            items => format!("<{items}>"),
        };
        let conditions =
            if predicates.is_empty() { String::new() } else { format!(" where {}", predicates.join(", ")) };
        (angled(parameters), conditions)
    }

    fn bounds(&mut self, bounds: &Value) -> String {
        let bounds = list(bounds).iter().map(|bound| {
            if let Some(lifetime) = bound["outlives"].as_str() {
                return lifetime.to_owned();
            }
            if bound["use"].is_array() {
                return "use<..>".to_owned();
            }
            let question = if bound["trait_bound"]["modifier"] == "maybe" { "?" } else { "" };
            format!("{question}{}", self.path(&bound["trait_bound"]["trait"]))
        });
        bounds.collect::<Vec<_>>().join(" + ")
    }

    /// A path with its arguments, under its last name; the crate of a foreign path is recorded.
    pub(crate) fn path(&mut self, path: &Value) -> String {
        let summary = &self.document["paths"][path["id"].to_string()];
        let external = &self.document["external_crates"][summary["crate_id"].to_string()]["name"];
        let of = external.as_str().unwrap_or_default();
        let name = text(&path["path"]).rsplit("::").next().unwrap_or_default().to_owned();
        let prefix = if of.is_empty() || ["std", "core", "alloc"].contains(&of) {
            String::new()
        } else {
            self.crates.insert(of.to_owned());
            format!("{of}::")
        };
        format!("{prefix}{name}{}", self.arguments(&path["args"]))
    }

    fn arguments(&mut self, arguments: &Value) -> String {
        let function = &arguments["parenthesized"];
        if function.is_object() {
            let inputs: Vec<_> = list(&function["inputs"]).iter().map(|input| self.of_type(input)).collect();
            let output = match &function["output"] {
                Value::Null => String::new(),
                output => format!(" -> {}", self.of_type(output)),
            };
            return format!("({}){output}", inputs.join(", "));
        }
        let angled = &arguments["angle_bracketed"];
        let mut items = Vec::new();
        for argument in list(&angled["args"]) {
            items.push(match argument["lifetime"].as_str() {
                Some(lifetime) => lifetime.to_owned(),
                None if argument["type"].is_null() => "_".to_owned(),
                None => self.of_type(&argument["type"]),
            });
        }
        for constraint in list(&angled["constraints"]) {
            let binding = &constraint["binding"];
            let value = match &binding["equality"]["type"] {
                Value::Null => self.bounds(&binding["constraint"]),
                equal => self.of_type(equal),
            };
            items.push(format!("{} = {value}", text(&constraint["name"])));
        }
        if items.is_empty() { String::new() } else { format!("<{}>", items.join(", ")) }
    }

    /// A type.
    pub(crate) fn of_type(&mut self, value: &Value) -> String {
        let Some((kind, inner)) = value.as_object().and_then(|object| object.iter().next()) else {
            return "_".to_owned();
        };
        let types = |this: &mut Self, all: &Value| {
            list(all).iter().map(|one| this.of_type(one)).collect::<Vec<_>>().join(", ")
        };
        match kind.as_str() {
            "resolved_path" => self.path(inner),
            "generic" | "primitive" => text(inner).to_owned(),
            "tuple" => format!("({})", types(self, inner)),
            "slice" => format!("[{}]", self.of_type(inner)),
            "array" => format!("[{}; {}]", self.of_type(&inner["type"]), text(&inner["len"])),
            "impl_trait" => format!("impl {}", self.bounds(inner)),
            "dyn_trait" => {
                let traits: Vec<_> =
                    list(&inner["traits"]).iter().map(|one| self.path(&one["trait"])).collect();
                format!("dyn {}", traits.join(" + "))
            }
            "borrowed_ref" => {
                let lifetime = inner["lifetime"].as_str().map(|name| format!("{name} ")).unwrap_or_default();
                let mutable = if inner["is_mutable"] == true { "mut " } else { "" };
                format!("&{lifetime}{mutable}{}", self.of_type(&inner["type"]))
            }
            "qualified_path" => {
                let of = self.of_type(&inner["self_type"]);
                match &inner["trait"] {
                    Value::Null => format!("{of}::{}", text(&inner["name"])),
                    of_trait => format!("<{of} as {}>::{}", self.path(of_trait), text(&inner["name"])),
                }
            }
            "function_pointer" => format!("fn{}", self.of(&inner["sig"])),
            other => panic!("a type of the kind {other} is new in rustdoc's JSON: {inner}"),
        }
    }
}
