//! The table's log keeps every schema whole.

use deltalake::kernel::StructType;
use deltalake::kernel::engine::arrow_conversion::{TryIntoArrow, TryIntoKernel};

use super::*;

fn check(payloads: &[&str], options: Options) {
    let shredded = cut(&mut over(LakeSchema::empty(), options), payloads);
    let schema = Schema::new(shredded.schema.fields());
    let written: StructType = (&schema).try_into_kernel().unwrap();
    let text = serde_json::to_string(&written).unwrap();
    let read: StructType = serde_json::from_str(&text).unwrap();
    let read: Schema = (&read).try_into_arrow().unwrap();
    for (field, read) in schema.fields().iter().zip(read.fields()) {
        assert_eq!(field.data_type(), read.data_type(), "{}", field.name());
    }
    assert_eq!(LakeSchema::from_fields(read.fields()), *shredded.schema, "{text}");
    assert_eq!(LakeSchema::from_fields(read.fields()).hash(), shredded.schema.hash());
}

#[test]
fn a_schema_survives_the_tables_log() {
    let pins = serde_json::from_value(json!({"raw": "json"})).unwrap();
    let all_types = r#"{"b": true, "l": 1, "d": 1.5, "n": 18446744073709551615, "t": "2026-11-22T10:30:00Z", "day": "2026-11-22",
        "s": "x", "o": {"p": {"q": 1}}, "list": [{"x": [1]}], "map": {"10.0.0.1": {"x": 1}}, "raw": 5, "mixed": [1, "x"]}"#;
    let siblings = r#"{"l": "x", "o": {"p": 5}, "list": 5, "map": {"10.0.0.1": 1}}"#;
    let names = r#"{"_id": 1, "A B": {"ü": 1, "1": 2}, "a_b": 1, "date": 1, "x__json": "y", "L": [{"a b": 1}]}"#;
    check(&[all_types, siblings, names], Options { pins, ..Options::default() });
}

#[test]
fn real_streams_survive_the_tables_log() {
    let nginx = include_str!("../../../tests/data/nginx.ndjson");
    let tweets = include_str!("../../../tests/data/tweets.ndjson");
    for file in [nginx, tweets] {
        check(&file.lines().collect::<Vec<_>>(), Options::default());
    }
}
