//! The schema as the table's log states it: JSON, by "Schema Serialization Format" of the Delta protocol.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use catchwater_sdk::{Error, Result, ResultExt};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What Delta's readers call the element of a list.
const ELEMENT: &str = "element";

/// Any type: a name, or an object for one that is made of others.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Type {
    Primitive(String),
    Nested(Nested),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", rename_all_fields = "camelCase")]
enum Nested {
    Struct { fields: Vec<Column> },
    Array { element_type: Box<Type>, contains_null: bool },
    Map { key_type: Box<Type>, value_type: Box<Type>, value_contains_null: bool },
}

#[derive(Debug, Serialize, Deserialize)]
struct Column {
    name: String,
    #[serde(rename = "type")]
    kind: Type,
    nullable: bool,
    #[serde(default)]
    metadata: BTreeMap<String, Value>,
}

/// Refuses names that differ by case only, and types that Delta does not have.
pub(super) fn to_json(schema: &Schema) -> Result<String> {
    let fields =
        columns(schema.fields()).map_err(|reason| Error::bug(format!("write the schema into the log: {reason}")))?;
    serde_json::to_string(&Nested::Struct { fields }).or_bug(|| "write the schema into the log".to_owned())
}

/// Refuses what Delta does not have.
pub(super) fn from_json(text: &str) -> Result<Schema> {
    let refused = |reason| Error::refused(format!("read the schema in the log: {reason}"));
    match serde_json::from_str(text).or_refused(|| "read the schema in the log".to_owned())? {
        Nested::Struct { fields: columns } => Ok(Schema::new(fields(columns).map_err(refused)?)),
        other => Err(refused(format!("it is no struct but {other:?}"))),
    }
}

fn columns(fields: &Fields) -> Result<Vec<Column>, String> {
    let mut seen = HashSet::new();
    match fields.iter().find(|field| !seen.insert(field.name().to_lowercase())) {
        Some(twin) => Err(format!("two columns are named {}, but for upper and lower case", twin.name())),
        None => fields.iter().map(|field| column(field)).collect(),
    }
}

fn column(field: &Field) -> Result<Column, String> {
    let metadata = field.metadata().iter().map(|(key, value)| (key.clone(), Value::String(value.clone()))).collect();
    Ok(Column {
        name: field.name().clone(),
        kind: delta_type(field.data_type())?,
        nullable: field.is_nullable(),
        metadata,
    })
}

fn delta_type(kind: &DataType) -> Result<Type, String> {
    let boxed = |field: &Field| delta_type(field.data_type()).map(Box::new);
    Ok(match kind {
        DataType::Struct(fields) => Type::Nested(Nested::Struct { fields: columns(fields)? }),
        DataType::List(element) => {
            Type::Nested(Nested::Array { element_type: boxed(element)?, contains_null: element.is_nullable() })
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => {
                let (key_type, value_type) = (boxed(&pair[0])?, boxed(&pair[1])?);
                Type::Nested(Nested::Map { key_type, value_type, value_contains_null: pair[1].is_nullable() })
            }
            other => return Err(format!("a map of {other}")),
        },
        primitive => Type::Primitive(primitive_name(primitive)?),
    })
}

fn primitive_name(kind: &DataType) -> Result<String, String> {
    Ok(match kind {
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::Timestamp(TimeUnit::Microsecond, None) => "timestamp_ntz".to_owned(),
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if zone.eq_ignore_ascii_case("utc") => {
            "timestamp".to_owned()
        }
        other => match PRIMITIVES.iter().find(|(_, arrow)| arrow == other) {
            Some((name, _)) => (*name).to_owned(),
            None => return Err(format!("Delta has no type for {other}")),
        },
    })
}

const PRIMITIVES: [(&str, DataType); 10] = [
    ("string", DataType::Utf8),
    ("long", DataType::Int64),
    ("integer", DataType::Int32),
    ("short", DataType::Int16),
    ("byte", DataType::Int8),
    ("float", DataType::Float32),
    ("double", DataType::Float64),
    ("boolean", DataType::Boolean),
    ("binary", DataType::Binary),
    ("date", DataType::Date32),
];

fn fields(columns: Vec<Column>) -> Result<Fields, String> {
    columns.into_iter().map(field).collect()
}

fn field(column: Column) -> Result<Field, String> {
    let kind = arrow_type(column.kind).map_err(|reason| format!("column {}: {reason}", column.name))?;
    let text = |value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let metadata = column.metadata.into_iter().map(|(key, value)| (key, text(value))).collect();
    Ok(Field::new(column.name, kind, column.nullable).with_metadata(metadata))
}

fn arrow_type(kind: Type) -> Result<DataType, String> {
    Ok(match kind {
        Type::Primitive(name) => primitive(&name)?,
        Type::Nested(Nested::Struct { fields: columns }) => DataType::Struct(fields(columns)?),
        Type::Nested(Nested::Array { element_type, contains_null }) => {
            DataType::List(Arc::new(Field::new(ELEMENT, arrow_type(*element_type)?, contains_null)))
        }
        Type::Nested(Nested::Map { key_type, value_type, value_contains_null }) => {
            let key = Field::new("key", arrow_type(*key_type)?, false);
            let value = Field::new("value", arrow_type(*value_type)?, value_contains_null);
            let pair = DataType::Struct(Fields::from(vec![key, value]));
            DataType::Map(Arc::new(Field::new("key_value", pair, false)), false)
        }
    })
}

fn primitive(name: &str) -> Result<DataType, String> {
    let known = PRIMITIVES.iter().find(|(known, _)| *known == name).map(|(_, arrow)| arrow.clone());
    known.or_else(|| timestamp(name)).or_else(|| decimal(name)).ok_or_else(|| format!("{name} is no type that we know"))
}

fn timestamp(name: &str) -> Option<DataType> {
    let zone = match name {
        "timestamp" => Some(Arc::from("UTC")),
        "timestamp_ntz" => None,
        _ => return None,
    };
    Some(DataType::Timestamp(TimeUnit::Microsecond, zone))
}

/// `decimal(38,2)`
fn decimal(name: &str) -> Option<DataType> {
    let (precision, scale) = name.strip_prefix("decimal(")?.strip_suffix(')')?.split_once(',')?;
    Some(DataType::Decimal128(precision.trim().parse().ok()?, scale.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use deltalake::kernel::StructType;
    use deltalake::kernel::engine::arrow_conversion::{TryIntoArrow, TryIntoKernel};

    use super::*;

    fn all_types() -> Schema {
        let mut fields: Vec<Field> =
            PRIMITIVES.iter().map(|(name, kind)| Field::new(*name, kind.clone(), true)).collect();
        let item = Field::new(ELEMENT, DataType::Utf8, true);
        let object = DataType::Struct(Fields::from(vec![Field::new("x", DataType::List(Arc::new(item)), false)]));
        let map = arrow_type(Type::Nested(Nested::Map {
            key_type: Box::new(Type::Primitive("string".to_owned())),
            value_type: Box::new(delta_type(&object).expect("a type")),
            value_contains_null: true,
        }));
        let mut add = |name: &str, kind| fields.push(Field::new(name, kind, true));
        add("at", timestamp("timestamp").expect("a type"));
        add("local", timestamp("timestamp_ntz").expect("a type"));
        add("price", DataType::Decimal128(38, 2));
        add("map", map.expect("a type"));
        add("object", object);
        let named = [("catchwater.name".to_owned(), "A \"B\"".to_owned())].into();
        fields.push(Field::new("n", DataType::Int64, false).with_metadata(named));
        Schema::new(fields)
    }

    #[test]
    fn is_written_as_others_write_it() {
        let schema = all_types();
        let theirs: StructType = (&schema).try_into_kernel().expect("a schema");
        let ours: Value = serde_json::from_str(&to_json(&schema).expect("a schema")).expect("json");
        assert_eq!(ours, serde_json::to_value(&theirs).expect("json"));
    }

    #[test]
    fn is_read_as_others_read_it() {
        let text = to_json(&all_types()).expect("a schema");
        let theirs: StructType = serde_json::from_str(&text).expect("a schema");
        let theirs: Schema = (&theirs).try_into_arrow().expect("a schema");
        assert_eq!(from_json(&text).expect("a schema"), theirs);
        assert_eq!(theirs, all_types());
    }

    #[test]
    fn what_delta_does_not_have_is_refused() {
        let check = |text: &str, reason: &str| {
            let error = from_json(text).expect_err("refused").chain();
            assert!(error.contains(reason), "{error}");
        };
        check(
            r#"{"type":"struct","fields":[{"name":"v","type":"variant","nullable":true}]}"#,
            "column v: variant is no type",
        );
        check(r#"{"type":"array","elementType":"long","containsNull":true}"#, "it is no struct");
        check("{", "read the schema in the log");
    }
}
