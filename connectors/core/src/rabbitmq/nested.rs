//! Arrays and tables of AMQP as JSON. What JSON has too, stands there as it is: text, 64 bit integers, booleans, null, lists and
//! objects. All else is an object with one key that names the type, as `{"$int32":"5"}`.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use catchwater_sdk::{Field, FieldKind};
use lapin::types::{AMQPValue, FieldArray, FieldTable, ShortString};
use serde_json::{Map, Value};

use super::typed;

/// What a key that names a type begins with.
const MARK: char = '$';
/// Marks an object of which the only key looks like a type.
const TABLE: &str = "$table";

/// A value as JSON.
pub(crate) fn json(value: &AMQPValue) -> Value {
    match value {
        AMQPValue::Boolean(value) => Value::Bool(*value),
        AMQPValue::LongLongInt(value) => Value::from(*value),
        AMQPValue::Void => Value::Null,
        AMQPValue::FieldArray(array) => array.as_slice().iter().map(json).collect(),
        AMQPValue::FieldTable(table) => object(table),
        AMQPValue::Timestamp(seconds) => marked(FieldKind::Seconds, seconds.to_string()),
        other => match typed::held(other) {
            (FieldKind::Text, Some(bytes)) => Value::from(String::from_utf8_lossy(&bytes)),
            (kind @ (FieldKind::Bytes | FieldKind::String), Some(bytes)) => marked(kind, BASE64_STANDARD.encode(bytes)),
            (kind, bytes) => marked(kind, String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()),
        },
    }
}

fn marked(kind: FieldKind, text: String) -> Value {
    one(&format!("{MARK}{}", kind.name()), Value::from(text))
}

fn one(key: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(key.to_owned(), value)]))
}

fn object(table: &FieldTable) -> Value {
    let map: Map<String, Value> =
        table.into_iter().map(|(key, value)| (key.as_str().to_owned(), json(value))).collect();
    match mark(&map) {
        Some(_) => one(TABLE, Value::Object(map)),
        None => Value::Object(map),
    }
}

/// The only key, if it looks like a type.
fn mark(map: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (key, value) = map.iter().next().filter(|_| map.len() == 1)?;
    key.starts_with(MARK).then_some((key, value))
}

/// The value that JSON stands for, or why AMQP has none like it.
pub(crate) fn value(text: &str) -> Result<AMQPValue, String> {
    let json: Value = serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
    read(&json)
}

fn read(json: &Value) -> Result<AMQPValue, String> {
    Ok(match json {
        Value::Null => AMQPValue::Void,
        Value::Bool(value) => AMQPValue::Boolean(*value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => AMQPValue::LongLongInt(integer),
            (None, Some(float)) if number.is_f64() => AMQPValue::Double(float),
            _ => return Err(format!("AMQP has no integer as large as {number}")),
        },
        Value::String(text) => AMQPValue::LongString(text.as_str().into()),
        Value::Array(items) => {
            AMQPValue::FieldArray(FieldArray::from(items.iter().map(read).collect::<Result<Vec<_>, _>>()?))
        }
        Value::Object(map) => match mark(map) {
            Some((TABLE, Value::Object(map))) => table(map)?,
            Some((key, value)) => typed_value(key, value)?,
            None => table(map)?,
        },
    })
}

fn table(map: &Map<String, Value>) -> Result<AMQPValue, String> {
    let mut table = FieldTable::default();
    for (key, value) in map {
        let key = ShortString::try_new(key.as_str()).map_err(|error| format!("`{key}`: {error}"))?;
        table.insert(key, read(value)?);
    }
    Ok(AMQPValue::FieldTable(table))
}

fn typed_value(key: &str, value: &Value) -> Result<AMQPValue, String> {
    let unknown = || format!("`{key}` is no type of AMQP");
    let kind = FieldKind::from_name(&key[MARK.len_utf8()..]).ok_or_else(unknown)?;
    let text = value.as_str().ok_or_else(unknown)?;
    match kind {
        FieldKind::Bytes | FieldKind::String => {
            let bytes = BASE64_STANDARD.decode(text).map_err(|_| format!("`{text}` is not base64"))?;
            typed::value(Field { name: key, value: Some(&bytes), kind })
        }
        FieldKind::Json => Err(unknown()),
        kind => typed::value(Field { name: key, value: Some(text.as_bytes()), kind }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapin::types::DecimalValue;

    fn all() -> Vec<AMQPValue> {
        vec![
            AMQPValue::Boolean(false),
            AMQPValue::ShortShortInt(-1),
            AMQPValue::ShortShortUInt(1),
            AMQPValue::ShortInt(-2),
            AMQPValue::ShortUInt(2),
            AMQPValue::LongInt(-3),
            AMQPValue::LongUInt(3),
            AMQPValue::LongLongInt(i64::MAX),
            AMQPValue::Float(1.5),
            AMQPValue::Double(0.1),
            AMQPValue::DecimalValue(DecimalValue { scale: 2, value: 150 }),
            AMQPValue::LongString("text".into()),
            AMQPValue::LongString(b"\xff".as_slice().into()),
            AMQPValue::ByteArray(b"\x00".as_slice().into()),
            AMQPValue::Timestamp(u64::MAX),
            AMQPValue::Void,
            AMQPValue::FieldArray(FieldArray::default()),
            AMQPValue::FieldTable(FieldTable::default()),
        ]
    }

    #[test]
    fn every_type_comes_back_from_json() {
        let array = AMQPValue::FieldArray(all().into());
        assert_eq!(value(&json(&array).to_string()), Ok(array));
    }

    #[test]
    fn a_table_whose_key_looks_like_a_type_stays_a_table() {
        let mut table = FieldTable::default();
        table.insert("$int32".into(), AMQPValue::LongString("x".into()));
        let table = AMQPValue::FieldTable(table);
        assert_eq!(json(&table).to_string(), r#"{"$table":{"$int32":"x"}}"#);
        assert_eq!(value(&json(&table).to_string()), Ok(table));
    }

    #[test]
    fn what_is_no_type_is_refused() {
        for text in ["{", r#"{"$int9":"1"}"#, r#"{"$int8":"999"}"#, r#"{"$bytes":"%"}"#, "18446744073709551615"] {
            value(text).expect_err(text);
        }
    }

    #[test]
    fn sixty_levels_come_back() {
        let deep = (0..60).fold(AMQPValue::LongInt(1), |inner, _| AMQPValue::FieldArray(vec![inner].into()));
        assert_eq!(value(&json(&deep).to_string()), Ok(deep));
    }
}
