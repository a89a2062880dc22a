//! Between dotted keys and nested settings, by the schema that a connector's configuration struct has.

use catchwater_sdk::config::{Kind, Node};
use serde_json::{Map, Value};

use super::flat::items;
use super::settings;

/// What stands for a secret that is written in a file.
pub(crate) const HIDDEN: &str = "[hidden]";

/// Where a dotted key leads: the names on the way, and the schema of the value. Names may hold dots themselves, as those of
/// librdkafka's properties do.
pub(crate) fn resolve<'k, 's>(key: &'k str, schema: &'s Value) -> Option<(Vec<&'k str>, &'s Value)> {
    shapes(schema).find_map(|shape| resolve_in(key, shape))
}

fn resolve_in<'k, 's>(key: &'k str, shape: &'s Value) -> Option<(Vec<&'k str>, &'s Value)> {
    let named = |properties: &'s Map<String, Value>| {
        if let Some(schema) = properties.get(key) {
            return Some((vec![key], schema));
        }
        key.rmatch_indices('.').find_map(|(at, _)| {
            let (path, schema) = resolve(&key[at + 1..], properties.get(&key[..at])?)?;
            Some(([&[&key[..at]], path.as_slice()].concat(), schema))
        })
    };
    let any = || is_open(shape).then(|| (vec![key], &shape["additionalProperties"]));
    shape["properties"].as_object().and_then(named).or_else(any)
}

/// Whether it is a map that takes keys beside those that it names.
pub(crate) fn is_open(shape: &Value) -> bool {
    shape["type"] == "object" && (shape.get("properties").is_none() || shape["additionalProperties"].is_object())
}

/// The forms that a value may have, but for none.
pub(crate) fn shapes(schema: &Value) -> impl Iterator<Item = &Value> {
    let mut shapes = Vec::new();
    collect_shapes(schema, &mut shapes);
    shapes.into_iter()
}

fn collect_shapes<'s>(schema: &'s Value, shapes: &mut Vec<&'s Value>) {
    match ["anyOf", "oneOf", "allOf"].iter().find_map(|key| schema[key].as_array()) {
        Some(inner) => inner.iter().for_each(|schema| collect_shapes(schema, shapes)),
        None if schema["type"] == "null" => {}
        None => shapes.push(schema),
    }
}

/// A text as the value that its schema asks for. Numbers and switches stay texts: they are read as what is wanted.
pub(crate) fn value(text: &str, schema: &Value) -> Value {
    let wants = |name: &str| shapes(schema).any(|shape| has_type(shape, name));
    let parsed = || serde_json::from_str::<Value>(text).ok();
    if (wants("array") || wants("object"))
        && let Some(parsed) = parsed().filter(|parsed| parsed.is_array() || parsed.is_object())
    {
        return parsed;
    }
    match wants("array") && !wants("string") {
        true => items(text).map(Value::from).collect(),
        false => Value::from(text),
    }
}

pub(crate) fn has_type(shape: &Value, name: &str) -> bool {
    match &shape["type"] {
        Value::String(only) => only == name,
        Value::Array(names) => names.iter().any(|one| one == name),
        _ => name == "object" && shape.get("properties").is_some(),
    }
}

/// Puts a value in, with the maps that lead there. Says whether nothing had to give way for it.
pub(crate) fn put(map: &mut Map<String, Value>, path: &[&str], value: Value) -> bool {
    match path {
        [] => false,
        [last] => map.insert((*last).to_owned(), value).is_none(),
        [first, rest @ ..] => match map.entry(*first).or_insert_with(|| Value::Object(Map::new())) {
            Value::Object(inner) => put(inner, rest, value),
            _ => false,
        },
    }
}

/// The settings of a component as dotted keys. What came from outside is shown as it was written, and no secret at all.
pub(crate) fn flattened(node: &Node, schema: &Value, prefix: &str) -> Vec<(String, String)> {
    let mut entries = Vec::new();
    flatten(node, schema, prefix.to_owned(), &mut entries);
    entries
}

fn flatten(node: &Node, schema: &Value, key: String, entries: &mut Vec<(String, String)>) {
    match &node.kind {
        Kind::Map(inner, _) => {
            for (name, value) in inner {
                let dot = if key.is_empty() || key.ends_with('.') { "" } else { "." };
                flatten(value, inner_schema(schema, &name.text), format!("{key}{dot}{}", name.text), entries);
            }
        }
        _ => entries.push((key, shown(node, schema))),
    }
}

fn inner_schema<'s>(schema: &'s Value, name: &str) -> &'s Value {
    let inner = shapes(schema).find_map(|shape| {
        shape["properties"].get(name).or_else(|| is_open(shape).then(|| &shape["additionalProperties"]))
    });
    inner.unwrap_or(&Value::Null)
}

fn shown(node: &Node, schema: &Value) -> String {
    match &node.kind {
        _ if tells_secret(&settings::value(node), schema) => HIDDEN.to_owned(),
        Kind::Scalar(scalar) => scalar.written().to_owned(),
        Kind::Seq(list, _) if list.iter().all(|item| item.as_text().is_some_and(|text| !text.contains(','))) => {
            list.iter().map(|item| item.as_scalar().map_or("", |scalar| scalar.written())).collect::<Vec<_>>().join(",")
        }
        // A node shows itself as JSON, with placeholders as they were written.
        _ => format!("{node:?}"),
    }
}

pub(crate) fn is_secret(schema: &Value) -> bool {
    shapes(schema).any(|shape| shape["format"] == "secret")
}

/// Whether a secret stands in a value, or anywhere within it: settings in one another may be given as JSON.
pub(crate) fn tells_secret(value: &Value, schema: &Value) -> bool {
    match value {
        Value::Object(map) => map.iter().any(|(name, value)| tells_secret(value, inner_schema(schema, name))),
        Value::Array(items) => shapes(schema).any(|shape| items.iter().any(|item| tells_secret(item, &shape["items"]))),
        _ => is_secret(schema) && !value.as_str().is_some_and(is_placeholder),
    }
}

/// Whether a text is a placeholder and nothing else, not even a default: it tells nothing.
fn is_placeholder(text: &str) -> bool {
    let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    name.is_some_and(|name| !name.contains('}') && !name.contains(":-"))
}

#[cfg(test)]
mod tests {
    use catchwater_sdk::config::{Secret, Size, parse, schema_of};
    use schemars::JsonSchema;
    use serde_json::json;
    use std::collections::BTreeMap;

    use super::*;

    #[derive(JsonSchema)]
    #[allow(dead_code)]
    struct Config {
        path: String,
        size: Option<Size>,
        topics: Vec<String>,
        sasl: Option<Sasl>,
        librdkafka: BTreeMap<String, String>,
    }

    #[derive(JsonSchema)]
    #[allow(dead_code)]
    struct Sasl {
        username: String,
        password: Secret,
    }

    fn nested(entries: &[(&str, &str)]) -> Value {
        let (schema, mut map) = (schema_of::<Config>(), Map::new());
        for (key, text) in entries {
            let (path, schema) = resolve(key, &schema).unwrap_or_else(|| panic!("{key} leads nowhere"));
            assert!(put(&mut map, &path, value(text, schema)), "{key} is said once");
        }
        Value::Object(map)
    }

    #[test]
    fn dotted_keys_lead_into_the_settings() {
        let entries = [
            ("path", "x"),
            ("topics", "a, b"),
            ("sasl.username", "u"),
            ("librdkafka.fetch.min.bytes", "7"),
            ("size", "5MiB"),
        ];
        let expected = json!({
            "path": "x", "topics": ["a", "b"], "sasl": {"username": "u"}, "size": "5MiB",
            "librdkafka": {"fetch.min.bytes": "7"},
        });
        assert_eq!(nested(&entries), expected);
        assert_eq!(nested(&[("topics", r#"["a,b"]"#)]), json!({"topics": ["a,b"]}));
        for key in ["pth", "sasl.user", "path.x", "sasl"] {
            assert_eq!(
                resolve(key, &schema_of::<Config>()).map(|(path, _)| path),
                (key == "sasl").then(|| vec!["sasl"])
            );
        }
    }

    #[test]
    fn settings_are_shown_as_dotted_keys_without_secrets() {
        let text =
            "path: x\ntopics: [a, b]\nsasl: {username: u, password: hunter2}\nlibrdkafka: {fetch.min.bytes: 7}\n";
        let node = parse(text).documents.remove(0).root;
        let flat = flattened(&node, &schema_of::<Config>(), "");
        let flat: Vec<_> = flat.iter().map(|(key, text)| format!("{key}={text}")).collect();
        let expected =
            ["path=x", "topics=a,b", "sasl.username=u", "sasl.password=[hidden]", "librdkafka.fetch.min.bytes=7"];
        assert_eq!(flat, expected);
    }
}
