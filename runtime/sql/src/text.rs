//! Values as text, for the forms that are text.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use arrow::json::writer::{LineDelimited, WriterBuilder};

/// Bytes become text, so that a payload can be read: as it stands where it is UTF-8, else `\x` and hex digits.
pub(crate) fn readable(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    replaced(batch, |column| match column.data_type() {
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            cast(column, &DataType::Binary).map(|binary| Some(texts(&binary)))
        }
        DataType::Binary => Ok(Some(texts(column))),
        _ => Ok(None),
    })
}

/// Columns that hold values within values become JSON, for forms that know none.
pub(crate) fn flat(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    replaced(batch, |column| match column.data_type().is_nested() {
        true => json(column).map(Some),
        false => Ok(None),
    })
}

fn replaced(
    batch: &RecordBatch,
    other: impl Fn(&ArrayRef) -> Result<Option<ArrayRef>, ArrowError>,
) -> Result<RecordBatch, ArrowError> {
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let column = other(column)?.unwrap_or_else(|| Arc::clone(column));
        fields.push(Field::new(field.name(), column.data_type().clone(), true));
        columns.push(column);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

fn texts(column: &ArrayRef) -> ArrayRef {
    let binary = column.as_binary::<i32>();
    let mut texts = StringBuilder::with_capacity(binary.len(), binary.values().len());
    for bytes in binary {
        texts.append_option(bytes.map(text));
    }
    Arc::new(texts.finish())
}

fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().fold("\\x".to_owned(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("text takes whatever is written");
            text
        }),
    }
}

/// Each value as one line of JSON.
fn json(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let field = Field::new("v", column.data_type().clone(), true);
    let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![Arc::clone(column)])?;
    let mut lines = Vec::new();
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(&mut lines);
    writer.write(&batch)?;
    writer.finish()?;
    let lines = String::from_utf8(lines).map_err(|error| ArrowError::ExternalError(error.into()))?;
    let mut values = StringBuilder::new();
    for (row, line) in lines.lines().enumerate() {
        let value = line.strip_prefix(r#"{"v":"#).and_then(|line| line.strip_suffix('}'));
        values.append_option(value.filter(|_| column.is_valid(row)));
    }
    Ok(Arc::new(values.finish()))
}
