//! One JSON Schema for a whole pipeline, composed out of those of the connectors.

use catchwater_sdk::config::{Catalog, Role, schema_of};
use serde_json::{Map, Value, json};

use super::component::CommonKeys;
use super::destination::DESTINATION;
use super::routes::Unmatched;
use super::settings::Settings;
use super::trial::{TESTS, TESTS_BESIDE, beside_schema, trials_schema};

/// The schema of a pipeline document, draft 7. A role is a `oneOf` over the connectors, told apart by `type`.
pub fn pipeline_schema(catalog: &dyn Catalog) -> Value {
    let mut definitions = Map::new();
    for (name, role, extra) in ROLES {
        let component = component_schema(catalog, *role, &extra(catalog), &mut definitions);
        definitions.insert((*name).to_owned(), component);
    }
    definitions.insert(TESTS_BESIDE.to_owned(), beside_schema());
    let mut properties = pipeline_keys();
    properties.append(&mut keys_of(schema_of::<Settings>()));
    properties.insert(TESTS.to_owned(), trials_schema());
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "pipeline",
        "description": "A pipeline: a source, transforms, and sinks.",
        "type": "object",
        "properties": properties,
        "required": ["name", "source", "sinks"],
        "additionalProperties": false,
        "definitions": definitions,
    })
}

type Keys = fn(&dyn Catalog) -> Value;

/// The definitions of components: their role, and the keys that they have there besides the common ones.
const ROLES: &[(&str, Role, Keys)] = &[
    ("source", Role::Source, source_keys),
    ("transform", Role::Transform, transform_keys),
    ("sink", Role::Sink, routed_sink_keys),
    ("dead_letters", Role::Sink, |_| json!({})),
    (DESTINATION, Role::Sink, destination_keys),
];

fn pipeline_keys() -> Map<String, Value> {
    let keys = json!({
        "name": {
            "description": "Names the pipeline, its state and its metrics; no other pipeline may have it.",
            "type": "string",
            "format": "pipeline",
            "x-names": ["id", "pipeline"],
        },
        "source": {
            "description": "Where records come from.",
            "allOf": [{ "$ref": "#/definitions/source" }],
            "x-names": ["input", "sources", "from"],
        },
        "transforms": {
            "description": "What happens to the records on their way, in this order.",
            "type": "array",
            "items": { "$ref": "#/definitions/transform" },
            "x-names": ["processors", "pipeline", "transform"],
        },
        "sinks": {
            "description": "Where records go: each record to each sink.",
            "type": "array",
            "minItems": 1,
            "items": { "$ref": "#/definitions/sink" },
            "x-names": ["output", "outputs", "sink", "to"],
        },
        "dead_letters": {
            "description": "Where records go that could not be processed or stored, with the reason in their headers.",
            "allOf": [{ "$ref": "#/definitions/dead_letters" }],
            "x-names": ["dlq", "dead_letter", "dead_letter_queue", "errors"],
        },
        "unmatched": {
            "description": "What becomes of a record that no sink's `when` asks for. Needed where every sink has a query.",
            "oneOf": schema_of::<Unmatched>()["oneOf"],
            "x-names": ["default", "else", "no_match", "unrouted"],
        },
    });
    into_map(keys)
}

fn source_keys(catalog: &dyn Catalog) -> Value {
    json!({
        "format": {
            "description": "How the payloads are to be read.",
            "type": "string",
            "enum": catalog.names(Role::Format),
            "default": "json",
            "x-names": ["codec", "decoding", "value.converter"],
        },
    })
}

fn transform_keys(_: &dyn Catalog) -> Value {
    json!({
        "when": {
            "description": "Which records it is for, as a query (sdk/query/LANGUAGE.md); the others pass it unchanged, in their places.",
            "type": "string",
            "format": "query",
            "minLength": 1,
            "examples": ["event:order_created"],
            "x-names": ["where", "if", "condition", "predicate"],
        },
    })
}

/// A sink among others.
fn routed_sink_keys(catalog: &dyn Catalog) -> Value {
    let mut keys = into_map(sink_keys(catalog));
    keys.insert(
        "when".to_owned(),
        json!({
            "description": "Which records go there, as a query (sdk/query/LANGUAGE.md), or `otherwise`: those that no other sink's query asks for.",
            "type": "string",
            "format": "when",
            "minLength": 1,
            "examples": ["event:order_created", "otherwise"],
            "x-names": ["where", "if", "condition", "predicate", "route"],
        }),
    );
    Value::Object(keys)
}

fn sink_keys(_: &dyn Catalog) -> Value {
    json!({
        "transforms": {
            "description": "What happens to the records on their way to this sink only.",
            "type": "array",
            "items": { "$ref": "#/definitions/transform" },
            "x-names": ["processors"],
        },
    })
}

fn destination_keys(catalog: &dyn Catalog) -> Value {
    let mut keys = into_map(sink_keys(catalog));
    keys.insert(
        DESTINATION.to_owned(),
        json!({
            "description": "Names the destination, for replays; no other may have it.",
            "type": "string",
            "format": "name",
        }),
    );
    Value::Object(keys)
}

fn component_schema(catalog: &dyn Catalog, role: Role, extra: &Value, definitions: &mut Map<String, Value>) -> Value {
    let branch = |type_name: &str| {
        let own = catalog.schema(role, type_name).cloned().unwrap_or_default();
        branch_schema(type_name, own, extra, definitions)
    };
    let branches: Vec<_> = catalog.names(role).into_iter().map(branch).collect();
    json!({ "title": role.name(), "oneOf": branches })
}

/// A connector's own schema with the keys that it has in common with others.
fn branch_schema(type_name: &str, mut own: Value, extra: &Value, definitions: &mut Map<String, Value>) -> Value {
    if let Some(Value::Object(of_own)) = own.get_mut("definitions").map(Value::take) {
        definitions.extend(of_own);
    }
    let mut required = vec![json!("type")];
    required.extend(own["required"].as_array().cloned().unwrap_or_default());
    let description = own["description"].as_str().unwrap_or_default().to_owned();
    let mut properties = keys_of(schema_of::<CommonKeys>());
    properties["type"]["const"] = json!(type_name);
    properties.extend(into_map(extra.clone()));
    for (key, schema) in keys_of(own) {
        let taken = properties.insert(key.clone(), schema);
        assert!(taken.is_none(), "the connector {type_name} has a key {key} of its own, which belongs to the engine");
    }
    json!({
        "title": type_name,
        "description": description,
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn keys_of(mut schema: Value) -> Map<String, Value> {
    into_map(schema.get_mut("properties").map(Value::take).unwrap_or_default())
}

fn into_map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
