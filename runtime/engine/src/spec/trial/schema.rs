//! The schema of tests, for the walker and for editors.

use catchwater_sdk::FieldKind;
use serde_json::{Value, json};

use super::{PIPELINE, TESTS};

/// The definition that a file of tests follows.
pub(in crate::spec) const TESTS_BESIDE: &str = "tests_beside";

/// The schema of a file of tests.
pub(in crate::spec) fn beside_schema() -> Value {
    json!({
        "title": "tests",
        "description": "Tests of a pipeline, in a file beside its own.",
        "type": "object",
        "properties": {
            PIPELINE: {
                "description": "The pipeline's name; needed where the file beside this one holds several.",
                "type": "string",
                "x-names": ["name", "of"],
            },
            TESTS: trials_schema(),
        },
        "required": [TESTS],
        "additionalProperties": false,
    })
}

/// The schema of the value of `tests`.
pub(in crate::spec) fn trials_schema() -> Value {
    json!({
        "description": "What must come out of records that come in; run by `catchwater test`, passed over by all else.",
        "type": "array",
        "minItems": 1,
        "items": trial(),
        "x-names": ["test", "examples"],
    })
}

fn trial() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": {
                "description": "What it shows; no other test of the pipeline may have it.",
                "type": "string",
                "minLength": 1,
                "x-names": ["title", "it", "description"],
            },
            "input": {
                "description": "The records that come in, in this order. What follows calls them by their numbers, from 1.",
                "type": "array",
                "minItems": 1,
                "items": given(),
                "x-names": ["inputs", "records", "input_batch", "given"],
            },
            "sinks": {
                "description": "What each sink gets, in this order, by the sink's name. A sink that is not named is not compared.",
                "type": "object",
                "additionalProperties": { "type": "array", "items": expected() },
                "x-names": ["outputs", "output", "expect", "output_batches"],
            },
            "rejected": {
                "description": "The records that are rejected. The test fails when any other is.",
                "type": "array",
                "items": rejection(),
                "x-names": ["rejects", "errors", "dead_letters"],
            },
            "dropped": {
                "description": "The numbers of all records of which nothing comes out anywhere. Without it that is not compared.",
                "type": "array",
                "items": number(),
                "x-names": ["drops", "filtered"],
            },
        },
        "required": ["name", "input"],
        "additionalProperties": false,
    })
}

fn given() -> Value {
    json!({
        "type": "object",
        "properties": {
            "payload": { "description": "The payload: text as it is, a map or list as JSON, `null` for a tombstone, `{base64: ...}` for what is no text." },
            "key": { "description": "The key: text, or `{base64: ...}`. Without it there is none." },
            "headers": fields("The headers, in this order: a map, or a list where a name comes twice or a value has a type."),
            "properties": fields("The properties of its protocol, such as those of AMQP; written as headers are."),
            "timestamp": timestamp("The source's time, as `2026-11-22T10:00:00Z`. Without it there is none."),
            "stream": { "description": "The topic, queue or file that it is of.", "type": "string", "minLength": 1, "default": "test", "x-names": ["topic", "queue"] },
            "partition": { "description": "The stream's partition.", "type": "integer", "format": "int32", "minimum": 0, "default": 0 },
        },
        "required": ["payload"],
        "additionalProperties": false,
    })
}

/// A record that comes out, or only the number of what it is made of.
fn expected() -> Value {
    let record = json!({
        "type": "object",
        "properties": {
            "input": { "description": "The number of the input that it is made of.", "type": "integer", "minimum": 1 },
            "payload": { "description": "The whole payload. A map or list is compared as JSON, text byte for byte." },
            "key": { "description": "The key; `null` for none." },
            "headers": fields("All its headers, in this order."),
            "properties": fields("All its properties, in this order."),
            "timestamp": timestamp("The source's time."),
            "matches": {
                "description": "A query that it matches (sdk/query/LANGUAGE.md), where the whole payload is not of interest.",
                "type": "string",
                "format": "query",
                "minLength": 1,
                "x-names": ["match", "where", "query"],
            },
        },
        "additionalProperties": false,
    });
    json!({ "anyOf": [number(), record] })
}

fn rejection() -> Value {
    json!({
        "type": "object",
        "properties": {
            "input": { "description": "The number of the input.", "type": "integer", "minimum": 1 },
            "step": { "description": "The name of the step that rejects it; `sinks` where no sink's `when` asks for it.", "type": "string" },
            "reason": { "description": "A part of the reason.", "type": "string", "minLength": 1, "x-names": ["error", "message"] },
        },
        "required": ["input"],
        "additionalProperties": false,
    })
}

fn fields(description: &str) -> Value {
    let kinds: Vec<_> = FieldKind::all().map(FieldKind::name).collect();
    let list = json!({
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "name": { "description": "Its name.", "type": "string" },
                "value": { "description": "Its value: text, `null`, or `{base64: ...}`." },
                "type": { "description": "What the value is.", "enum": kinds },
            },
            "required": ["name", "value"],
            "additionalProperties": false,
        },
    });
    json!({ "description": description, "anyOf": [{ "type": "object", "additionalProperties": {} }, list] })
}

fn timestamp(description: &str) -> Value {
    json!({ "description": description, "type": "string", "format": "date-time", "x-names": ["time"] })
}

fn number() -> Value {
    json!({ "description": "The number of an input.", "type": "integer", "minimum": 1 })
}
