//! The schema that editors get.

use serde_json::json;

use super::*;

#[test]
fn offers_the_keys_of_each_connector() {
    let schema = editor_schema(&Drawn::new());
    let source = &schema["definitions"]["source"]["oneOf"][0];
    assert_eq!(source["title"], "kafka");
    assert_eq!(source["properties"]["type"]["const"], "kafka");
    assert_eq!(source["properties"]["brokers"]["description"], "Where the cluster is.");
    assert_eq!(source["properties"]["brokers"]["markdownDescription"], "Where the cluster is.");
    assert_eq!(source["required"], json!(["type", "brokers", "topics"]));
    assert!(!schema.to_string().contains("\"x-"));
}

#[test]
fn allows_what_check_allows() {
    let schema = editor_schema(&Drawn::new());
    let source = &schema["definitions"]["source"]["oneOf"][0]["properties"];
    let placeholder = json!({"type": "string", "pattern": r"^\$\{(env|file):"});
    assert_eq!(source["follow"]["anyOf"][1], placeholder);
    assert_eq!(source["start"]["oneOf"][2], placeholder);
    assert_eq!(source["brokers"]["type"], json!(["string", "number", "boolean"]));
    assert_eq!(source["group"]["type"], json!(["string", "number", "boolean"]));
    let sinks = schema["definitions"]["sink"]["oneOf"].as_array().expect("branches");
    let lake = sinks.iter().find(|sink| sink["title"] == "lake").expect("it is known");
    assert_eq!(lake["properties"]["file_size"]["anyOf"][1], placeholder);
    assert_eq!(schema["else"]["else"]["properties"]["tasks"]["anyOf"][1], placeholder);
}
