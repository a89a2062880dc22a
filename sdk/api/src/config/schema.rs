//! The JSON Schema of a configuration struct.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::de::REST;

/// The schema of `T`: draft 7, the newest that editors agree on, without references, so that the walker sees each key in
/// its place. A type that contains itself keeps its reference. A field named `..` is a struct whose keys stand among those
/// of its holder.
pub fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    put_in_rest(&mut schema);
    schema
}

/// The keys of a struct that is held under [`REST`] stand among those of its holder.
fn put_in_rest(schema: &mut Value) {
    let rest = schema.get_mut("properties").and_then(Value::as_object_mut).and_then(|keys| keys.remove(REST));
    let Some(Value::Object(mut rest)) = rest else { return };
    let properties = schema["properties"].as_object_mut().expect("it was there just now");
    properties.extend(rest.remove("properties").and_then(object).unwrap_or_default());
    let required = schema["required"].as_array_mut().expect("what is held under it is required");
    required.retain(|key| key != REST);
    required.extend(rest.remove("required").and_then(list).unwrap_or_default());
}

fn object(value: Value) -> Option<Map<String, Value>> {
    if let Value::Object(map) = value { Some(map) } else { None }
}

fn list(value: Value) -> Option<Vec<Value>> {
    if let Value::Array(items) = value { Some(items) } else { None }
}

#[cfg(test)]
mod tests {
    use super::super::{Size, parse};
    use super::*;

    /// A connector.
    #[derive(JsonSchema, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Config {
        /// Its limit.
        #[serde(default = "limit")]
        #[schemars(extend("x-min" = "1KiB"))]
        limit: Size,
        topics: Vec<String>,
    }

    /// Another, with the same keys and one of its own.
    #[derive(JsonSchema, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Holder {
        own: Option<String>,
        #[serde(rename = "..")]
        shared: Config,
    }

    fn read(text: &str) -> Result<Holder, String> {
        let document = parse(text).documents.remove(0);
        document.root.read().map_err(|mistake| format!("{mistake} at {:?}", mistake.span))
    }

    #[test]
    fn the_keys_of_a_shared_struct_stand_among_those_of_its_holder() {
        let schema = schema_of::<Holder>();
        let keys: Vec<_> = schema["properties"].as_object().expect("keys").keys().collect();
        assert_eq!(keys, ["limit", "own", "topics"]);
        assert_eq!(schema["required"], serde_json::json!(["topics"]));
        let holder = read("{own: 1.10, topics: [1.20]}").expect("it is right");
        assert_eq!((holder.own.as_deref(), &holder.shared.topics[0][..]), (Some("1.10"), "1.20"));
        assert_eq!(holder.shared.limit, limit());
    }

    #[test]
    fn mistakes_in_shared_keys_have_their_place() {
        let check = |text: &str, expected: &str| {
            let mistake = read(text).map(drop).expect_err("it is wrong");
            assert!(mistake.starts_with(expected), "{mistake}");
        };
        check("{topics: [a], limit: much}", "limit: ");
        check("{topics: [a], other: 1}", "unknown field `other`");
        check("{own: a}", "missing field `topics`");
    }

    fn limit() -> Size {
        Size::mib(1)
    }

    #[test]
    fn holds_docs_defaults_and_extensions() {
        let schema = schema_of::<Config>();
        let limit = &schema["properties"]["limit"];
        assert_eq!(limit["description"], "Its limit.");
        assert_eq!(limit["default"], "1MiB");
        assert_eq!(limit["format"], "size");
        assert_eq!(limit["x-min"], "1KiB");
        assert_eq!(schema["required"], serde_json::json!(["topics"]));
        assert_eq!(schema["additionalProperties"], false);
    }
}
