//! What a checkpoint says: its positions, its metadata, its protocol. The columns of the files, which are almost all of it,
//! are decoded only for who wants to read the table.

use arrow::array::{BooleanArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{filter_record_batch, is_not_null, or};
use arrow::error::ArrowError;
use arrow::json::WriterBuilder;
use arrow::json::writer::LineDelimited;
use bytes::Bytes;
use catchwater_sdk::{Error, Result};
use catchwater_storage::Store;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::table::entry::Entry;
use crate::table::files::{ADDED_FIELDS, Files};

const COLUMNS: [&str; 3] = ["txn", "metaData", "protocol"];

/// Reads the files of a checkpoint. The error inside says how it is damaged.
pub(in crate::table) async fn read(
    store: &Store,
    files: &[String],
    wanted: Files,
) -> Result<Result<Entry, ArrowError>> {
    let mut parts = Vec::new();
    for file in files {
        let gone = || Error::unavailable(format!("read {}/{file}: it has just gone", store.url()));
        parts.push(store.get(file).await?.ok_or_else(gone)?);
    }
    Ok(sum(parts, wanted))
}

fn sum(parts: Vec<Bytes>, files: Files) -> Result<Entry, ArrowError> {
    let mut entry = Entry::default();
    for part in parts {
        let builder = ParquetRecordBatchReaderBuilder::try_new(part)?;
        let columns = builder.parquet_schema().columns().iter().enumerate();
        let wanted = columns.filter(|(_, column)| is_wanted(column.path().parts(), files));
        let mask = ProjectionMask::leaves(builder.parquet_schema(), wanted.map(|(number, _)| number));
        for batch in builder.with_projection(mask).build()? {
            take(&mut entry, &batch?, files)?;
        }
    }
    match entry {
        Entry { metadata: Some(_), protocol: Some(_), .. } => Ok(entry),
        _ => Err(ArrowError::ParseError("it does not say what the table is".to_owned())),
    }
}

fn is_wanted(path: &[String], files: Files) -> bool {
    match path {
        [action, field, ..] if action == "add" && files == Files::Read => ADDED_FIELDS.contains(&field.as_str()),
        [action, ..] if action == "add" || action == "remove" => files == Files::Copy,
        [action, ..] => COLUMNS.contains(&action.as_str()),
        [] => false,
    }
}

/// The rows become the lines that they are the sum of.
fn take(entry: &mut Entry, batch: &RecordBatch, files: Files) -> Result<(), ArrowError> {
    // A partition whose value is null is to be said so again.
    let mut writer =
        WriterBuilder::new().with_explicit_nulls(files == Files::Copy).build::<_, LineDelimited>(Vec::new());
    writer.write(&filter_record_batch(batch, &says_something(batch)?)?)?;
    writer.finish()?;
    let lines = writer.into_inner();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let taken = serde_json::from_slice(line).and_then(|action| entry.take(action, files));
        taken.map_err(|error| ArrowError::ParseError(error.to_string()))?;
    }
    Ok(())
}

/// The rows where any of the columns has a value.
fn says_something(batch: &RecordBatch) -> Result<BooleanArray, ArrowError> {
    let none = BooleanArray::new(BooleanBuffer::new_unset(batch.num_rows()), None);
    batch.columns().iter().try_fold(none, |any, column| or(&any, &is_not_null(column)?))
}
