//! The schema of pipelines as editors like it: completion, documentation and checks as one types.

use catchwater_sdk::config::Catalog;
use serde_json::{Map, Value, json};

use super::destination::DESTINATION;
use super::pipeline_schema;
use super::trial::{TESTS, TESTS_BESIDE};

/// What stands for any value: put in when the file is read, so that the editor cannot know its type.
const PLACEHOLDER: &str = r"^\$\{(env|file):";

/// The JSON Schema for editors, draft 7. It differs from [`pipeline_schema`] so that editor and `check` agree:
/// a placeholder may stand for any number, switch or choice, numbers and switches are text where text is wanted, and our
/// own extensions are left out.
pub fn editor_schema(catalog: &dyn Catalog) -> Value {
    let mut schema = into_map(adapt(pipeline_schema(catalog)));
    let mut whole = Map::new();
    for key in ["$schema", "title", "description", "definitions"] {
        whole.extend(schema.remove_entry(key));
    }
    // A document with the key `destination` is one; one with tests and no source stands beside its pipeline's file.
    let beside = json!({ "required": [TESTS], "not": { "required": ["source"] } });
    let other = either(beside, TESTS_BESIDE, Value::Object(schema));
    whole.append(&mut into_map(either(json!({ "type": "object", "required": [DESTINATION] }), DESTINATION, other)));
    Value::Object(whole)
}

fn either(condition: Value, definition: &str, other: Value) -> Value {
    json!({ "if": condition, "then": { "$ref": format!("#/definitions/{definition}") }, "else": other })
}

fn into_map(schema: Value) -> Map<String, Value> {
    if let Value::Object(map) = schema { map } else { Map::new() }
}

fn adapt(schema: Value) -> Value {
    let Value::Object(schema) = schema else { return schema };
    let mut adapted: Map<String, Value> = schema
        .into_iter()
        .filter(|(key, _)| !key.starts_with("x-"))
        .map(|(key, value)| (key.clone(), adapt_key(&key, value)))
        .collect();
    drop_null(&mut adapted);
    if let Some(description) = adapted.get("description").cloned() {
        adapted.insert("markdownDescription".to_owned(), description);
    }
    if is_open_text(&adapted) {
        adapted.insert("type".to_owned(), json!(["string", "number", "boolean"]));
    }
    if let Some(Value::Array(choices)) = adapted.get_mut("oneOf").filter(|choices| is_choice(choices)) {
        choices.push(placeholder());
    }
    if is_narrow(&adapted) { or_placeholder(adapted) } else { Value::Object(adapted) }
}

fn adapt_key(key: &str, value: Value) -> Value {
    match (key, value) {
        ("properties" | "definitions" | "patternProperties", Value::Object(schemas)) => {
            schemas.into_iter().map(|(name, schema)| (name, adapt(schema))).collect()
        }
        ("items" | "additionalProperties", schema) => adapt(schema),
        ("oneOf" | "anyOf" | "allOf", Value::Array(schemas)) => schemas.into_iter().map(adapt_branch).collect(),
        (_, value) => value,
    }
}

/// A choice among others needs no placeholder of its own.
fn adapt_branch(schema: Value) -> Value {
    if schema.get("const").is_some() || schema.get("$ref").is_some() { schema } else { adapt(schema) }
}

/// `null` is said by leaving the key out.
fn drop_null(schema: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(branches)) = schema.get_mut("anyOf") {
        branches.retain(|branch| branch["type"] != "null");
    }
}

/// Text of any form, which numbers and switches are too.
fn is_open_text(schema: &Map<String, Value>) -> bool {
    let narrow = ["const", "enum", "pattern"].iter().any(|key| schema.contains_key(*key));
    schema.get("type") == Some(&json!("string")) && !narrow
}

/// What a placeholder would not match as it stands.
fn is_narrow(schema: &Map<String, Value>) -> bool {
    let numeric = ["integer", "number", "boolean"];
    let of_type = schema.get("type").and_then(Value::as_str).is_some_and(|name| numeric.contains(&name));
    of_type || schema.contains_key("enum") || schema.contains_key("pattern")
}

fn or_placeholder(schema: Map<String, Value>) -> Value {
    let (about, narrow): (Map<_, _>, Map<_, _>) = schema
        .into_iter()
        .partition(|(key, _)| ["description", "markdownDescription", "default", "examples"].contains(&key.as_str()));
    let mut either = about;
    either.insert("anyOf".to_owned(), json!([narrow, placeholder()]));
    Value::Object(either)
}

fn placeholder() -> Value {
    json!({ "type": "string", "pattern": PLACEHOLDER })
}

/// Whether alternatives are constants, each with its own documentation.
fn is_choice(alternatives: &Value) -> bool {
    alternatives.as_array().is_some_and(|all| all.iter().all(|one| one.get("const").is_some()))
}
