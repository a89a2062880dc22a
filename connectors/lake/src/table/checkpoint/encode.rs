//! The rows of a checkpoint as Parquet: "Checkpoint Schema" of the Delta protocol, but for the columns of features that we do
//! not write tables with.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::json::ReaderBuilder;
use catchwater_sdk::{Result, ResultExt};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::actions::Row;

/// How many rows are in memory as text at a time.
const BATCH_ROWS: usize = 1024;

/// A checkpoint's bytes, and what is in them.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) bytes: Vec<u8>,
    pub(super) rows: usize,
}

pub(super) fn encode<'a>(rows: impl Iterator<Item = Row<'a>>) -> Result<Encoded> {
    let doing = || "encode a checkpoint".to_owned();
    let schema = schema();
    let mut decoder =
        ReaderBuilder::new(Arc::clone(&schema)).with_batch_size(BATCH_ROWS).build_decoder().or_bug(doing)?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties)).or_bug(doing)?;
    let (mut rows, mut count, mut text) = (rows.peekable(), 0, Vec::new());
    while rows.peek().is_some() {
        text.clear();
        for row in rows.by_ref().take(BATCH_ROWS) {
            serde_json::to_writer(&mut text, &row).or_bug(doing)?;
            text.push(b'\n');
            count += 1;
        }
        decoder.decode(&text).or_bug(doing)?;
        if let Some(batch) = decoder.flush().or_bug(doing)? {
            writer.write(&batch).or_bug(doing)?;
        }
    }
    Ok(Encoded { bytes: writer.into_inner().or_bug(doing)?, rows: count })
}

fn schema() -> SchemaRef {
    use DataType::{Boolean, Int32, Int64, Utf8};
    let file = [("path", Utf8), ("partitionValues", map()), ("size", Int64), ("dataChange", Boolean), ("tags", map())];
    let add = file.iter().cloned().chain([("modificationTime", Int64), ("stats", Utf8)]);
    let remove = file.iter().cloned().chain([("deletionTimestamp", Int64), ("extendedFileMetadata", Boolean)]);
    let format = object([("provider", Utf8), ("options", map())]);
    let metadata = [
        ("id", Utf8),
        ("name", Utf8),
        ("description", Utf8),
        ("format", format),
        ("schemaString", Utf8),
        ("partitionColumns", list()),
        ("configuration", map()),
        ("createdTime", Int64),
    ];
    let protocol = [
        ("minReaderVersion", Int32),
        ("minWriterVersion", Int32),
        ("readerFeatures", list()),
        ("writerFeatures", list()),
    ];
    let columns = [
        ("txn", object([("appId", Utf8), ("version", Int64), ("lastUpdated", Int64)])),
        ("add", object(add)),
        ("remove", object(remove)),
        ("metaData", object(metadata)),
        ("protocol", object(protocol)),
    ];
    Arc::new(Schema::new(columns.map(|(name, kind)| Field::new(name, kind, true)).to_vec()))
}

fn object(fields: impl IntoIterator<Item = (&'static str, DataType)>) -> DataType {
    DataType::Struct(fields.into_iter().map(|(name, kind)| Field::new(name, kind, true)).collect())
}

fn list() -> DataType {
    DataType::List(Arc::new(Field::new("element", DataType::Utf8, true)))
}

fn map() -> DataType {
    let pair = vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Utf8, true)];
    DataType::Map(Arc::new(Field::new("key_value", DataType::Struct(pair.into()), false)), false)
}
