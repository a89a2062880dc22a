//! What comes of records, from their JSON to arrays and back.

mod evolution;
mod inference;
mod log;
mod property;
mod real;

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::*;
use catchwater_sdk::format::{Decoder, Format};
use catchwater_sdk::value::{ValueWriter, Values};
use serde_json::{Map, Value as Json, json};

use super::*;

// === from JSON ===

/// JSON by `serde_json`, with keys that come twice. Text that begins with `#` is a number of that many digits.
#[derive(Debug)]
struct TestFormat;

impl Format for TestFormat {
    fn name(&self) -> &'static str {
        "json"
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(TestFormat)
    }
}

impl Decoder for TestFormat {
    fn decode(&mut self, payload: &[u8], value: &mut ValueWriter<'_>) -> Result<(), String> {
        let node: node::Node = serde_json::from_slice(payload).map_err(|error| error.to_string())?;
        node.write(value);
        Ok(())
    }
}

mod node;

pub(super) fn decode(payloads: &[&str]) -> Values {
    Values::decode(&TestFormat, payloads.iter().map(|payload| Some(payload.as_bytes())))
}

// === to JSON ===

/// The rows of a cut by the names in the table; nulls are left out.
fn rows(shredded: &Shredded) -> Vec<Json> {
    let rows = shredded.columns.first().map_or(0, |column| column.len());
    let fields = shredded.schema.fields();
    (0..rows).map(|row| object(&fields, &shredded.columns, row)).collect()
}

fn object(fields: &Fields, columns: &[ArrayRef], row: usize) -> Json {
    let set = fields.iter().zip(columns).filter(|(_, column)| column.is_valid(row));
    Json::Object(set.map(|(field, column)| (field.name().clone(), cell(column, row))).collect())
}

fn cell(array: &ArrayRef, row: usize) -> Json {
    if array.is_null(row) {
        return Json::Null;
    }
    match array.data_type() {
        DataType::Boolean => json!(array.as_boolean().value(row)),
        DataType::Int64 => json!(array.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => json!(array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(..) => json!(array.as_primitive::<Decimal128Type>().value(row).to_string()),
        DataType::Timestamp(..) => json!(array.as_primitive::<TimestampMicrosecondType>().value(row)),
        DataType::Date32 => json!(array.as_primitive::<Date32Type>().value(row)),
        DataType::Utf8 => json!(array.as_string::<i32>().value(row)),
        DataType::Struct(fields) => object(fields, array.as_struct().columns(), row),
        DataType::List(_) => elements(&array.as_list::<i32>().value(row)),
        DataType::Map(..) => entries(&array.as_map().value(row)),
        other => panic!("a cell of {other}"),
    }
}

fn elements(array: &ArrayRef) -> Json {
    (0..array.len()).map(|i| cell(array, i)).collect()
}

fn entries(array: &arrow::array::StructArray) -> Json {
    let keys = array.column(0).as_string::<i32>();
    Json::Object((0..array.len()).map(|i| (keys.value(i).to_owned(), cell(array.column(1), i))).collect::<Map<_, _>>())
}

// === shredding ===

fn shredder() -> Shredder {
    over(LakeSchema::empty(), Options::default())
}

fn over(committed: LakeSchema, options: Options) -> Shredder {
    Shredder::new(Arc::new(committed), Arc::new(options))
}

/// Pushes payloads; answers the errors of those that have one.
fn push(shredder: &mut Shredder, payloads: &[&str]) -> Vec<String> {
    let values = decode(payloads);
    (0..payloads.len()).filter_map(|row| shredder.push(values.get(row))).collect()
}

/// One cut. Its arrays are of the types that its schema says, and as long as its rows are many.
fn cut(shredder: &mut Shredder, payloads: &[&str]) -> Shredded {
    let rows = shredder.rows + payloads.len();
    push(shredder, payloads);
    let shredded = shredder.finish();
    let fields = shredded.schema.fields();
    assert_eq!(fields.len(), shredded.columns.len());
    for (field, column) in fields.iter().zip(&shredded.columns) {
        assert_eq!((field.data_type(), column.len()), (column.data_type(), rows), "{}", field.name());
    }
    assert_eq!(LakeSchema::from_fields(&fields), *shredded.schema);
    shredded
}

fn words(events: &[SchemaEvent]) -> Vec<String> {
    events.iter().map(SchemaEvent::to_string).collect()
}
