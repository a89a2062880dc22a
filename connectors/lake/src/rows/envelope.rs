//! The envelope: what is kept of a record beside the columns that its payload turns into.
//!
//! | Column | What |
//! |---|---|
//! | `_key` | the key's bytes; null is no key |
//! | `_headers`, `_properties` | lists of name, value, type |
//! | `_timestamp`, `_timestamp_type` | the source's time and who set it: `create` or `append` |
//! | `_ingested_at` | when Catchwater took the record |
//! | `_source`, `_stream`, `_partition`, `_position`, `_index` | where it came from; the index tells apart several rows made of one record |
//! | `_id` | the row's identity in one text: source, incarnation, stream, partition, position and, unless 0, index |
//! | `_payload` | the payload byte for byte; null is a tombstone |
//! | `_schema` | the hash of the schema that the row was written under |
//! | `_error` | what could not be made columns of, and why |
//! | `_redelivered` | the broker delivered it before |
//! | `_replay` | the replay that sent it, as its header `catchwater-replay` says; null for an original |
//!
//! A time outside the years 1 to 9999 cannot be shown by most languages, and one such value would make a whole file
//! unreadable there. `_timestamp` is then null and the time stands in `_properties` under [`TIMESTAMP_PROPERTY`].

use std::fmt::Write;
use std::mem::take;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Int32Array, Int64Array, StringArray, StringBuilder, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use catchwater_sdk::{Partition, RecordRef, TimestampKind, record};

use super::bytes::BytesBuilder;
use super::date;
use super::fields::{self, FieldsBuilder};
use super::order::Selection;
use crate::table::app_id::escape;

/// The partition column of every table.
pub(crate) const DATE: &str = "date";

/// Where a time is kept that no column can hold; its type is `timestamp`, its value microseconds since the epoch.
pub(crate) const TIMESTAMP_PROPERTY: &str = "catchwater.timestamp";

/// The header by which a record says which replay sent it; a replay sets it where provenance is asked for.
pub(crate) const REPLAY_HEADER: &str = "catchwater-replay";

/// Envelope rows under construction, in arrival order.
#[derive(Debug)]
pub(crate) struct EnvelopeBuilder {
    payload: BytesBuilder,
    key: BytesBuilder,
    headers: FieldsBuilder,
    properties: FieldsBuilder,
    timestamp: Vec<Option<i64>>,
    timestamp_kind: Vec<Option<TimestampKind>>,
    ingested_at: Vec<i64>,
    origin: Vec<u32>,
    position: Vec<i64>,
    index: Vec<i32>,
    error: StringBuilder,
    redelivered: BooleanBuilder,
    replay: StringBuilder,
}

/// Finished envelope rows, in arrival order.
#[derive(Debug)]
pub(crate) struct Envelope {
    payload: ArrayRef,
    key: ArrayRef,
    headers: ArrayRef,
    properties: ArrayRef,
    timestamp: ArrayRef,
    timestamp_kind: Vec<Option<TimestampKind>>,
    ingested_at: ArrayRef,
    origin: Vec<u32>,
    position: Int64Array,
    index: Int32Array,
    error: ArrayRef,
    redelivered: ArrayRef,
    replay: ArrayRef,
}

/// A partition as the rows need it.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) partition: Arc<Partition>,
    /// The identity of its rows up to the position.
    id_prefix: String,
}

// === the columns ===

/// The envelope's columns, in order.
pub(crate) fn envelope_fields() -> Vec<FieldRef> {
    let time = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let columns = [
        ("_key", DataType::Binary),
        ("_headers", fields::data_type()),
        ("_properties", fields::data_type()),
        ("_timestamp", time()),
        ("_timestamp_type", DataType::Utf8),
        ("_ingested_at", time()),
        ("_source", DataType::Utf8),
        ("_stream", DataType::Utf8),
        ("_partition", DataType::Int32),
        ("_position", DataType::Int64),
        ("_index", DataType::Int32),
        ("_id", DataType::Utf8),
        ("_payload", DataType::Binary),
        ("_schema", DataType::Utf8),
        ("_error", DataType::Utf8),
        ("_redelivered", DataType::Boolean),
        ("_replay", DataType::Utf8),
    ];
    columns.into_iter().map(|(name, kind)| Arc::new(Field::new(name, kind, true))).collect()
}

/// The schema of a table: envelope, date, then what the payloads have; new columns so come last.
pub(crate) fn table_schema(payload: &Fields) -> SchemaRef {
    let mut columns = envelope_fields();
    columns.push(Arc::new(Field::new(DATE, DataType::Date32, true)));
    columns.extend(payload.iter().cloned());
    Arc::new(Schema::new(columns))
}

// === impl EnvelopeBuilder ===

impl EnvelopeBuilder {
    pub(crate) fn new() -> EnvelopeBuilder {
        EnvelopeBuilder {
            payload: BytesBuilder::new(),
            key: BytesBuilder::new(),
            headers: FieldsBuilder::new(),
            properties: FieldsBuilder::new(),
            timestamp: Vec::new(),
            timestamp_kind: Vec::new(),
            ingested_at: Vec::new(),
            origin: Vec::new(),
            position: Vec::new(),
            index: Vec::new(),
            error: StringBuilder::new(),
            redelivered: BooleanBuilder::new(),
            replay: StringBuilder::new(),
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.position.len()
    }

    pub(crate) fn size_bytes(&self) -> usize {
        let bytes = self.payload.size_bytes() + self.key.size_bytes();
        bytes + self.headers.size_bytes() + self.properties.size_bytes() + self.rows() * 64
    }

    /// Appends a record; `origin` is its partition's number here.
    pub(crate) fn push(&mut self, record: RecordRef<'_>, origin: u32, ingested_at_micros: i64, error: Option<&str>) {
        self.payload.push(record.payload());
        self.key.push(record.key());
        let mut replay = None;
        for header in record.headers() {
            if header.name == REPLAY_HEADER {
                replay = header.value.map(String::from_utf8_lossy).or(replay);
            }
            self.headers.push(header);
        }
        self.replay.append_option(replay);
        self.headers.end_row();
        record.properties().for_each(|property| self.properties.push(property));
        self.push_timestamp(record);
        self.properties.end_row();
        self.ingested_at.push(ingested_at_micros);
        self.origin.push(origin);
        self.position.push(record.position());
        self.index.push(record.index());
        self.error.append_option(error);
        self.redelivered.append_value(record.redelivered());
    }

    fn push_timestamp(&mut self, record: RecordRef<'_>) {
        let timestamp = record.timestamp();
        let common = timestamp.filter(|timestamp| date::is_common(timestamp.micros));
        if common.is_none()
            && let Some(timestamp) = timestamp
        {
            let text = timestamp.micros.to_string();
            let kind = record::FieldKind::Timestamp;
            self.properties.push(record::Field { name: TIMESTAMP_PROPERTY, value: Some(text.as_bytes()), kind });
        }
        self.timestamp.push(common.map(|timestamp| timestamp.micros));
        self.timestamp_kind.push(timestamp.map(|timestamp| timestamp.kind));
    }

    /// The rows; the builder is empty after it.
    pub(crate) fn finish(&mut self) -> Envelope {
        let time = |micros: TimestampMicrosecondArray| Arc::new(micros.with_timezone("UTC"));
        Envelope {
            payload: self.payload.finish(),
            key: self.key.finish(),
            headers: self.headers.finish(),
            properties: self.properties.finish(),
            timestamp: time(take(&mut self.timestamp).into()),
            timestamp_kind: take(&mut self.timestamp_kind),
            ingested_at: time(take(&mut self.ingested_at).into()),
            origin: take(&mut self.origin),
            position: take(&mut self.position).into(),
            index: take(&mut self.index).into(),
            error: Arc::new(self.error.finish()),
            redelivered: Arc::new(self.redelivered.finish()),
            replay: Arc::new(self.replay.finish()),
        }
    }
}

// === impl Envelope, Origin ===

impl Envelope {
    pub(crate) fn rows(&self) -> usize {
        self.origin.len()
    }

    /// The payloads in arrival order.
    pub(crate) fn payloads(&self) -> &ArrayRef {
        &self.payload
    }

    /// The keys in arrival order.
    pub(crate) fn key_column(&self) -> (FieldRef, ArrayRef) {
        (Arc::new(Field::new("_key", DataType::Binary, true)), Arc::clone(&self.key))
    }

    /// Replaces what could not be made columns of: the rows were shredded anew.
    pub(crate) fn set_errors(&mut self, errors: StringArray) {
        self.error = Arc::new(errors);
    }

    /// The envelope's columns for some of the rows; what follows from the others is made here, so that it is never held.
    pub(crate) fn columns(
        &self,
        rows: &Selection,
        origins: &[Origin],
        schema: &str,
    ) -> Result<Vec<ArrayRef>, ArrowError> {
        let of = |row: usize| &origins[self.origin[row] as usize];
        let text = |text: fn(&Partition) -> &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(rows.rows().map(|row| text(&of(row).partition))))
        };
        let kinds = rows.rows().map(|row| self.timestamp_kind[row].map(kind_name));
        let partitions = Int32Array::from_iter_values(rows.rows().map(|row| of(row).partition.number));
        Ok(vec![
            rows.gather(&self.key)?,
            rows.gather(&self.headers)?,
            rows.gather(&self.properties)?,
            rows.gather(&self.timestamp)?,
            Arc::new(StringArray::from_iter(kinds)),
            rows.gather(&self.ingested_at)?,
            text(|partition| &partition.source),
            text(|partition| &partition.stream),
            Arc::new(partitions),
            Arc::new(Int64Array::from_iter_values(rows.rows().map(|row| self.position.value(row)))),
            Arc::new(Int32Array::from_iter_values(rows.rows().map(|row| self.index.value(row)))),
            self.ids(rows, origins),
            rows.gather(&self.payload)?,
            Arc::new(StringArray::from_iter_values(std::iter::repeat_n(schema, rows.len()))),
            rows.gather(&self.error)?,
            rows.gather(&self.redelivered)?,
            rows.gather(&self.replay)?,
        ])
    }

    fn ids(&self, rows: &Selection, origins: &[Origin]) -> ArrayRef {
        let mut ids = StringBuilder::with_capacity(rows.len(), rows.len() * 64);
        let infallible = "text is written into memory";
        for row in rows.rows() {
            ids.write_str(&origins[self.origin[row] as usize].id_prefix).expect(infallible);
            write!(ids, "{}", self.position.value(row)).expect(infallible);
            if self.index.value(row) != 0 {
                write!(ids, "/{}", self.index.value(row)).expect(infallible);
            }
            ids.append_value("");
        }
        Arc::new(ids.finish())
    }
}

impl Origin {
    pub(crate) fn new(partition: Arc<Partition>) -> Origin {
        let Partition { source, stream, incarnation, number } = &*partition;
        let id_prefix = format!("{}/{}/{}/{number}/", escape(source), escape(incarnation), escape(stream));
        Origin { partition, id_prefix }
    }
}

/// The kind that [`kind_name`] gives that name.
pub(crate) fn kind_of_name(name: &str) -> Option<TimestampKind> {
    [TimestampKind::Create, TimestampKind::Append].into_iter().find(|kind| kind_name(*kind) == name)
}

fn kind_name(kind: TimestampKind) -> &'static str {
    match kind {
        TimestampKind::Create => "create",
        TimestampKind::Append => "append",
    }
}
