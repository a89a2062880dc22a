//! What a checkpoint says, as far as appending goes: its positions, its metadata, its protocol. The columns of the files,
//! which are almost all of it, are not decoded.

use arrow::array::{BooleanArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{filter_record_batch, is_not_null, or};
use arrow::error::ArrowError;
use arrow::json::LineDelimitedWriter;
use bytes::Bytes;
use catchwater_sdk::{Error, Result};
use catchwater_storage::Store;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::table::entry::Entry;

const COLUMNS: [&str; 3] = ["txn", "metaData", "protocol"];

/// Reads the files of a checkpoint. The error inside says how it is damaged.
pub(in crate::table) async fn read(store: &Store, files: &[String]) -> Result<Result<Entry, ArrowError>> {
    let mut parts = Vec::new();
    for file in files {
        let gone = || Error::unavailable(format!("read {}/{file}: it has just gone", store.url()));
        parts.push(store.get(file).await?.ok_or_else(gone)?);
    }
    Ok(sum(parts))
}

fn sum(parts: Vec<Bytes>) -> Result<Entry, ArrowError> {
    let mut entry = Entry::default();
    for part in parts {
        let builder = ParquetRecordBatchReaderBuilder::try_new(part)?;
        let columns = builder.parquet_schema().root_schema().get_fields();
        let wanted = columns.iter().enumerate().filter(|(_, column)| COLUMNS.contains(&column.name()));
        let mask = ProjectionMask::roots(builder.parquet_schema(), wanted.map(|(number, _)| number));
        for batch in builder.with_projection(mask).build()? {
            take(&mut entry, &batch?)?;
        }
    }
    match entry {
        Entry { metadata: Some(_), protocol: Some(_), .. } => Ok(entry),
        _ => Err(ArrowError::ParseError("it does not say what the table is".to_owned())),
    }
}

/// The rows become the lines that they are the sum of.
fn take(entry: &mut Entry, batch: &RecordBatch) -> Result<(), ArrowError> {
    let mut writer = LineDelimitedWriter::new(Vec::new());
    writer.write(&filter_record_batch(batch, &says_something(batch)?)?)?;
    writer.finish()?;
    let lines = writer.into_inner();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let action = serde_json::from_slice(line).map_err(|error| ArrowError::ParseError(error.to_string()))?;
        let _ = entry.take(action);
    }
    Ok(())
}

/// The rows where any of the columns has a value.
fn says_something(batch: &RecordBatch) -> Result<BooleanArray, ArrowError> {
    let none = BooleanArray::new(BooleanBuffer::new_unset(batch.num_rows()), None);
    batch.columns().iter().try_fold(none, |any, column| or(&any, &is_not_null(column)?))
}
