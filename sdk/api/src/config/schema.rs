//! The JSON Schema of a configuration struct.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// The schema of `T`: draft 7, the newest that editors agree on, without references, so that the walker sees each key in
/// its place. A type that contains itself keeps its reference.
pub fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

#[cfg(test)]
mod tests {
    use super::super::Size;
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
