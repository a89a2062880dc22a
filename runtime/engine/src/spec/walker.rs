//! Checks a tree against a schema and names every mistake.
//!
//! A validator of JSON Schema says that something is invalid; this says what was meant. It knows the part of draft 7 that
//! `schemars` writes for configuration structs, and our extensions: `x-names` (what other tools call a key), `x-min` and
//! `x-max` (bounds of sizes and durations), and the formats of the SDK's types. What no schema can say, such as a regular
//! expression that does not compile, is found when the connector deserializes.

mod alternatives;
mod keys;
mod scalar;

use std::ops::Range;

use catchwater_sdk::config::{Document, Kind, Mistake, Node, Problem};
use serde_json::Value;

use super::traps;

/// What the walk of one document found.
pub(super) struct Found {
    pub(super) mistakes: Vec<Mistake>,
    /// Where secrets stand in the file; nothing may print them.
    pub(super) secrets: Vec<Range<usize>>,
}

/// Checks a document against `schema`, whose references lead into `root`; `text` is its file.
pub(super) fn walk<'a>(document: &Document, root: &'a Value, schema: &'a Value, text: &'a str) -> Found {
    let found = Found { mistakes: Vec::new(), secrets: Vec::new() };
    let mut walker = Walker { root, text, incomplete: document.incomplete, path: String::new(), found };
    walker.value(&document.root, schema);
    walker.found
}

struct Walker<'a> {
    root: &'a Value,
    text: &'a str,
    /// Lines were unreadable, so that no key can be said to be missing.
    incomplete: bool,
    /// The key at hand, such as `sinks[0].path`.
    path: String,
    found: Found,
}

impl<'a> Walker<'a> {
    fn value(&mut self, node: &Node, schema: &'a Value) {
        let schema = self.resolve(schema);
        if matches!(node.kind, Kind::Bad) {
            return;
        }
        if node.is_null() {
            return self.nothing(node, schema);
        }
        if let Some(branches) = alternatives::of(schema) {
            return self.alternatives(node, schema, &branches);
        }
        if let Some(choices) = scalar::choices(schema) {
            return self.choice(node, &choices);
        }
        match self.type_for(node, schema) {
            Some("object") => self.map(node, schema),
            Some("array") => self.list(node, schema),
            Some("string") => self.text(node, schema),
            Some("integer") => self.integer(node, schema),
            Some("number") => self.number(node, schema),
            Some("boolean") => self.boolean(node),
            _ => self.anything(node),
        }
    }

    /// Follows a reference, and the `allOf` of one that draft 7 needs to describe a referenced key.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        loop {
            let referred = schema["$ref"].as_str().and_then(|path| self.root.pointer(path.strip_prefix('#')?));
            let only =
                schema["allOf"].as_array().and_then(|all| if let [only] = all.as_slice() { Some(only) } else { None });
            match referred.or(only) {
                Some(next) => schema = next,
                None => return schema,
            }
        }
    }

    /// The one type of those that a schema allows that suits the node; the first if none does.
    fn type_for(&self, node: &Node, schema: &'a Value) -> Option<&'a str> {
        let types = types(schema);
        let suits = |name: &&&str| match (&node.kind, **name) {
            (Kind::Map(..), "object") | (Kind::Seq(..), "array") => true,
            (Kind::Scalar(scalar), name) => scalar::suits(&scalar.text, name),
            _ => false,
        };
        types.iter().find(suits).or(types.first()).copied()
    }

    /// An empty value, `null` or `~`. An empty one is a slip even where `null` may be said.
    fn nothing(&mut self, node: &Node, schema: &'a Value) {
        let written = node.as_text().unwrap_or_default();
        if types(schema).is_empty() && alternatives::of(schema).is_none() && !written.is_empty() {
            return;
        }
        let help = match types(schema).contains(&"string") && !written.is_empty() {
            true => format!("leave the key out, or quote it if it is text: '{written}'"),
            false => "give it a value, or leave the key out".to_owned(),
        };
        let problem = if written.is_empty() {
            Problem::new("is empty")
        } else {
            Problem::new(format!("is `{written}`, which is nothing"))
        };
        self.report(node.span.clone(), problem.help(help));
    }

    fn list(&mut self, node: &Node, schema: &'a Value) {
        let Kind::Seq(items, _) = &node.kind else {
            return self.wrong(node, "a list", traps::to_list(node, self.text));
        };
        if schema["minItems"].as_u64().is_some_and(|min| (items.len() as u64) < min) {
            self.report(node.span.clone(), Problem::new("must not be an empty list"));
        }
        let schema = &schema["items"];
        for (index, item) in items.iter().enumerate() {
            self.within(&format!("[{index}]"), |walker| walker.value(item, schema));
        }
    }

    /// A value that the schema leaves open.
    fn anything(&mut self, node: &Node) {
        match &node.kind {
            Kind::Scalar(scalar) => self.no_placeholder(node, scalar),
            Kind::Seq(items, _) => items.iter().for_each(|item| self.anything(item)),
            Kind::Map(entries, _) => {
                for (key, value) in entries {
                    self.within_key(&key.text, |walker| walker.anything(value));
                }
            }
            Kind::Bad => {}
        }
    }

    fn wrong(&mut self, node: &Node, expected: &str, help: Option<String>) {
        let problem = Problem::new(format!("must be {expected}, not {}", shown(node)));
        self.report(node.span.clone(), Problem { help, ..problem });
    }

    fn report(&mut self, span: Range<usize>, problem: Problem) {
        self.found.mistakes.push(problem.at(span).key(self.path.clone()));
    }

    fn within(&mut self, part: &str, walk: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push_str(part);
        walk(self);
        self.path.truncate(length);
    }

    fn within_key(&mut self, key: &str, walk: impl FnOnce(&mut Self)) {
        let dot = if self.path.is_empty() { "" } else { "." };
        self.within(&format!("{dot}{key}"), walk);
    }
}

/// The types that a schema allows, but for `null`, which a configuration says by leaving the key out.
fn types(schema: &Value) -> Vec<&str> {
    let types = match &schema["type"] {
        Value::String(name) => vec![name.as_str()],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ if schema.get("properties").is_some() => vec!["object"],
        _ => Vec::new(),
    };
    types.into_iter().filter(|name| *name != "null").collect()
}

/// A node in a message. What came from outside is named by its placeholder.
fn shown(node: &Node) -> String {
    match &node.kind {
        Kind::Scalar(scalar) if scalar.is_secret() => format!("the value of `{}`", scalar.written()),
        Kind::Scalar(scalar) if scalar.text.chars().count() > 40 => "this text".to_owned(),
        Kind::Scalar(scalar) => format!("`{}`", scalar.text.escape_debug()),
        Kind::Seq(..) => "a list".to_owned(),
        Kind::Map(..) => "a map".to_owned(),
        Kind::Bad => "this".to_owned(),
    }
}
