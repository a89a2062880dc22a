//! Values as JSON text, for columns that hold what no other type does.

use catchwater_sdk::Value;
use serde::Serialize;

/// Appends a value without blanks, keys in their order. Its depth is that of the payload, which the format bounds.
pub(super) fn write(value: Value<'_>, json: &mut Vec<u8>) {
    match value {
        Value::Bool(value) => json.extend_from_slice(if value { b"true" } else { b"false" }),
        Value::Int(value) => scalar(&value, json),
        Value::UInt(value) => scalar(&value, json),
        Value::Float(value) => scalar(&value, json),
        Value::Number(digits) => json.extend_from_slice(digits.as_bytes()),
        Value::Text(text) => scalar(&text, json),
        Value::List(list) => {
            json.push(b'[');
            for (i, element) in list.iter().enumerate() {
                separate(i, json);
                write(element, json);
            }
            json.push(b']');
        }
        Value::Object(object) => {
            json.push(b'{');
            for (i, (key, value)) in object.iter().enumerate() {
                separate(i, json);
                scalar(&key, json);
                json.push(b':');
                write(value, json);
            }
            json.push(b'}');
        }
        _ => json.extend_from_slice(b"null"),
    }
}

fn separate(index: usize, json: &mut Vec<u8>) {
    if index > 0 {
        json.push(b',');
    }
}

fn scalar(value: &impl Serialize, json: &mut Vec<u8>) {
    serde_json::to_writer(json, value).expect("memory takes whatever is written, and scalars are all JSON can say");
}
