//! The keys of a map: unknown ones, those that other tools use, missing ones.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use catchwater_sdk::config::{Key, Kind, Node, Problem};
use catchwater_sdk::nearest;
use serde_json::{Map, Value};

use super::super::traps;
use super::Walker;

type Properties = Map<String, Value>;

impl<'a> Walker<'a> {
    pub(super) fn map(&mut self, node: &Node, schema: &'a Value) {
        let Kind::Map(entries, _) = &node.kind else {
            return self.wrong(node, "a map of keys and values", traps::to_map(node));
        };
        let Some(properties) = schema["properties"].as_object() else { return self.open_map(entries, schema) };
        let open = schema.get("additionalProperties").is_some_and(|rest| *rest != Value::Bool(false));
        let mut present = Present::of(entries, properties);
        for (key, value) in entries {
            match properties.get(&key.text) {
                Some(schema) => self.within_key(&key.text, |walker| walker.value(value, schema)),
                None if open => self.open_entry(key, value, schema),
                None => self.unknown_key(key, value, schema, properties, &mut present),
            }
        }
        self.missing_keys(node, schema, properties, &present);
    }

    /// A map whose keys are the user's.
    fn open_map(&mut self, entries: &[(Key, Node)], schema: &'a Value) {
        for (key, value) in entries {
            self.open_entry(key, value, schema);
        }
    }

    fn open_entry(&mut self, key: &Key, value: &Node, schema: &'a Value) {
        let schema = &schema["additionalProperties"];
        self.within_key(&key.text, |walker| match schema {
            Value::Object(_) => walker.value(value, schema),
            _ => walker.anything(value),
        });
    }

    /// Names the key that was meant, and goes on as if it had been written.
    fn unknown_key(
        &mut self,
        key: &Key,
        value: &Node,
        schema: &'a Value,
        properties: &'a Properties,
        present: &mut Present<'a>,
    ) {
        let problem = Problem::new("unknown key");
        let (meant, help) = if let Some(ours) = present.foreign(&key.text) {
            (Some(ours), format!("here it is called `{ours}`"))
        } else if let Some(near) = present.nearest(&key.text, schema, properties) {
            (Some(near), format!("did you mean `{near}`?"))
        } else {
            (None, unknown_help(&key.text, properties, present))
        };
        self.within_key(&key.text, |walker| walker.report(key.span.clone(), problem.help(help)));
        if let Some((name, schema)) = meant.and_then(|name| properties.get_key_value(name))
            && present.insert(name)
        {
            self.within_key(&key.text, |walker| walker.value(value, schema));
        }
    }

    fn missing_keys(&mut self, node: &Node, schema: &'a Value, properties: &'a Properties, present: &Present<'a>) {
        if self.incomplete {
            return;
        }
        for name in required(schema).filter(|name| !present.has(name)) {
            let doc = properties.get(name).and_then(|schema| schema["description"].as_str());
            let problem = Problem { help: doc.map(first_paragraph), ..Problem::new("is missing") };
            self.within_key(name, |walker| walker.report(place_of_missing(node), problem));
        }
    }
}

/// The keys that a map has, also under names that were recognised.
struct Present<'a> {
    keys: HashSet<&'a str>,
    foreign: HashMap<&'a str, &'a str>,
}

impl<'a> Present<'a> {
    fn of(entries: &[(Key, Node)], properties: &'a Properties) -> Present<'a> {
        let keys =
            entries.iter().filter_map(|(key, _)| properties.get_key_value(&key.text)).map(|(name, _)| name.as_str());
        let foreign =
            properties.iter().flat_map(|(ours, schema)| names(schema).map(move |theirs| (theirs, ours.as_str())));
        Present { keys: keys.collect(), foreign: foreign.collect() }
    }

    fn has(&self, name: &str) -> bool {
        self.keys.contains(name)
    }

    fn insert(&mut self, name: &'a str) -> bool {
        self.keys.insert(name)
    }

    /// Our name of a key that another tool calls so.
    fn foreign(&self, key: &str) -> Option<&'a str> {
        self.foreign.get(key).copied()
    }

    /// The free key that was meant. Required ones come first: `wher` is as near to `when` as to `where`.
    fn nearest(&self, key: &str, schema: &'a Value, properties: &'a Properties) -> Option<&'a str> {
        let free = |name: &&'a str| !self.has(name);
        let first = nearest(key, required(schema).filter(free));
        let near = first.or_else(|| nearest(key, properties.keys().map(String::as_str).filter(free)));
        near.or_else(|| {
            let theirs = nearest(key, self.foreign.iter().filter(|(_, ours)| free(ours)).map(|(theirs, _)| *theirs))?;
            self.foreign(theirs)
        })
    }
}

fn unknown_help(key: &str, properties: &Properties, present: &Present<'_>) -> String {
    if key == "<<" {
        return "merge keys are not read here; an alias can stand for a whole value".to_owned();
    }
    let free: Vec<_> = properties.keys().map(String::as_str).filter(|name| !present.has(name)).collect();
    match free.as_slice() {
        [] => "remove it; all keys there are have been given".to_owned(),
        free => format!("there are: {}", free.join(", ")),
    }
}

fn required(schema: &Value) -> impl Iterator<Item = &str> {
    schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn names(schema: &Value) -> impl Iterator<Item = &str> {
    schema["x-names"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// Where to point for what is not there: at the type that needs it, else where its map begins.
fn place_of_missing(node: &Node) -> Range<usize> {
    let of_type = node.get("type").filter(|value| value.as_text().is_some());
    let first = node.entries().first().map(|(key, _)| key.span.clone());
    of_type.map(|value| value.span.clone()).or(first).unwrap_or_else(|| node.span.clone())
}

fn first_paragraph(doc: &str) -> String {
    let paragraph = doc.split("\n\n").next().unwrap_or_default();
    paragraph.split_whitespace().collect::<Vec<_>>().join(" ")
}
