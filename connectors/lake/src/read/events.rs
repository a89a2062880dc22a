//! Rows back as the records that they were.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array};
use arrow::array::{BinaryArray, BooleanArray, Int32Array, Int64Array, ListArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use catchwater_sdk::format::Format;
use catchwater_sdk::record::Field;
use catchwater_sdk::{Batch, BatchBuilder, FieldKind, Limit, Partition, Record, RecordRef, Timestamp, TimestampKind};

use crate::rows::date::is_common;
use crate::rows::envelope::{TIMESTAMP_PROPERTY, envelope_fields, kind_of_name};
use crate::table::app_id::unescape;

/// Events in the order of their rows: an ordinary batch, and beside it what the lake knows of each.
///
/// The batch's origins are the partitions that the records were read from, its positions and indexes those that they had.
#[derive(Clone, Debug)]
pub struct EventBatch {
    batch: Batch,
    beside: Arc<Beside>,
}

/// One event of a batch. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    record: RecordRef<'a>,
    beside: &'a Beside,
    row: usize,
}

/// What a row has beside its record.
#[derive(Debug)]
struct Beside {
    ingested_at: TimestampMicrosecondArray,
    id: StringArray,
    schema: StringArray,
    error: StringArray,
    replay: StringArray,
}

// === impl EventBatch ===

impl EventBatch {
    /// Rows with the envelope's columns; a column that a file lacks is null.
    pub(crate) fn new(rows: &RecordBatch, format: &Arc<dyn Format>) -> Result<EventBatch, ArrowError> {
        let columns = Columns::of(rows)?;
        let batch = columns.batch();
        batch.set_format(format);
        let text = |name| Ok::<_, ArrowError>(column(rows, name)?.as_string::<i32>().clone());
        let beside = Beside {
            ingested_at: column(rows, "_ingested_at")?.as_primitive::<TimestampMicrosecondType>().clone(),
            id: columns.id,
            schema: text("_schema")?,
            error: text("_error")?,
            replay: text("_replay")?,
        };
        Ok(EventBatch { batch, beside: beside.into() })
    }

    /// The records.
    pub fn batch(&self) -> &Batch {
        &self.batch
    }

    /// How many events.
    pub fn len(&self) -> usize {
        self.batch.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// The i-th event, which is the batch's i-th record.
    pub fn get(&self, i: usize) -> Event<'_> {
        Event { record: self.batch.get(i), beside: &self.beside, row: i }
    }

    /// All events in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Event<'_>> {
        (0..self.len()).map(|i| self.get(i))
    }

    /// The records for which `keep` holds, as a batch; nothing copied.
    pub fn filter(&self, keep: impl Fn(Event<'_>) -> bool) -> Batch {
        let kept: Vec<usize> = (0..self.len()).filter(|i| keep(self.get(*i))).collect();
        if kept.len() == self.len() { self.batch.clone() } else { self.batch.select(&kept) }
    }
}

// === impl Event ===

impl<'a> Event<'a> {
    /// The record as it was captured.
    pub fn record(&self) -> RecordRef<'a> {
        self.record
    }

    /// When Catchwater took it, in microseconds since 1970.
    pub fn ingested_at(&self) -> Option<i64> {
        self.beside.ingested_at.is_valid(self.row).then(|| self.beside.ingested_at.value(self.row))
    }

    /// When it happened as far as is known: its own time if a column can hold it, or else when it came in.
    pub fn time(&self) -> Option<i64> {
        let own = self.record.timestamp().map(|timestamp| timestamp.micros);
        own.filter(|micros| is_common(*micros)).or_else(|| self.ingested_at())
    }

    /// Its identity in one text.
    pub fn id(&self) -> Option<&'a str> {
        text(&self.beside.id, self.row)
    }

    /// The hash of the schema that it was written under.
    pub fn schema(&self) -> Option<&'a str> {
        text(&self.beside.schema, self.row)
    }

    /// What could not be made columns of, and why.
    pub fn error(&self) -> Option<&'a str> {
        text(&self.beside.error, self.row)
    }

    /// The replay that sent it; none for an original.
    pub fn replay(&self) -> Option<&'a str> {
        text(&self.beside.replay, self.row)
    }
}

fn text(column: &StringArray, row: usize) -> Option<&str> {
    column.is_valid(row).then(|| column.value(row))
}

// === rows to records ===

/// The columns that records are made of.
struct Columns {
    key: BinaryArray,
    headers: Fields,
    properties: Fields,
    timestamp: TimestampMicrosecondArray,
    timestamp_type: StringArray,
    source: StringArray,
    stream: StringArray,
    partition: Int32Array,
    position: Int64Array,
    index: Int32Array,
    id: StringArray,
    payload: BinaryArray,
    redelivered: BooleanArray,
}

/// A column of headers or properties.
struct Fields {
    rows: ListArray,
    names: StringArray,
    values: BinaryArray,
    kinds: StringArray,
}

impl Columns {
    fn of(rows: &RecordBatch) -> Result<Columns, ArrowError> {
        let text = |name| Ok::<_, ArrowError>(column(rows, name)?.as_string::<i32>().clone());
        let bytes = |name| Ok::<_, ArrowError>(column(rows, name)?.as_binary::<i32>().clone());
        Ok(Columns {
            key: bytes("_key")?,
            headers: Fields::of(column(rows, "_headers")?),
            properties: Fields::of(column(rows, "_properties")?),
            timestamp: column(rows, "_timestamp")?.as_primitive().clone(),
            timestamp_type: text("_timestamp_type")?,
            source: text("_source")?,
            stream: text("_stream")?,
            partition: column(rows, "_partition")?.as_primitive::<Int32Type>().clone(),
            position: column(rows, "_position")?.as_primitive::<Int64Type>().clone(),
            index: column(rows, "_index")?.as_primitive::<Int32Type>().clone(),
            id: text("_id")?,
            payload: bytes("_payload")?,
            redelivered: column(rows, "_redelivered")?.as_boolean().clone(),
        })
    }

    fn batch(&self) -> Batch {
        let mut builder = BatchBuilder::new(Limit { records: usize::MAX, bytes: usize::MAX });
        let (mut headers, mut properties) = (Vec::new(), Vec::new());
        let mut origin = None;
        for row in 0..self.position.len() {
            let number = match origin {
                Some((number, first)) if self.has_origin_of(row, first) => number,
                _ => builder.origin(&self.partition(row)),
            };
            origin = Some((number, row));
            self.headers.read(row, &mut headers);
            self.properties.read(row, &mut properties);
            let record = Record {
                payload: self.payload.is_valid(row).then(|| self.payload.value(row)),
                key: self.key.is_valid(row).then(|| self.key.value(row)),
                timestamp: self.timestamp(row, &mut properties),
                headers: &headers,
                properties: &properties,
                redelivered: self.redelivered.is_valid(row) && self.redelivered.value(row),
            };
            builder.push_captured(number, self.position.value(row), self.index.value(row), record);
        }
        builder.finish()
    }

    /// Whether two rows come from the same partition, told by columns that mostly repeat.
    fn has_origin_of(&self, row: usize, other: usize) -> bool {
        self.partition.value(row) == self.partition.value(other)
            && value(&self.stream, row) == value(&self.stream, other)
            && value(&self.source, row) == value(&self.source, other)
            && self.incarnation(row) == self.incarnation(other)
    }

    fn partition(&self, row: usize) -> Arc<Partition> {
        let incarnation = unescape(self.incarnation(row)).unwrap_or_default();
        Arc::new(Partition {
            source: value(&self.source, row).into(),
            stream: value(&self.stream, row).into(),
            incarnation: incarnation.into(),
            number: self.partition.value(row),
        })
    }

    /// The incarnation, escaped: the second part of `_id`, and nowhere else.
    fn incarnation(&self, row: usize) -> &str {
        value(&self.id, row).split('/').nth(1).unwrap_or_default()
    }

    /// The time, also one that no column can hold: that one stands among the properties, and is taken out of them.
    fn timestamp(&self, row: usize, properties: &mut Vec<Field<'_>>) -> Option<Timestamp> {
        let kind = self.timestamp_type.is_valid(row).then(|| kind_of_name(self.timestamp_type.value(row))).flatten();
        let kind = kind.unwrap_or(TimestampKind::Create);
        if self.timestamp.is_valid(row) {
            return Some(Timestamp { micros: self.timestamp.value(row), kind });
        }
        let kept = properties.pop_if(|property| property.name == TIMESTAMP_PROPERTY)?;
        let micros = std::str::from_utf8(kept.value?).ok()?.parse().ok()?;
        Some(Timestamp { micros, kind })
    }
}

fn value(column: &StringArray, row: usize) -> &str {
    text(column, row).unwrap_or_default()
}

impl Fields {
    fn of(column: ArrayRef) -> Fields {
        let rows = column.as_list::<i32>().clone();
        let fields = rows.values().as_struct();
        let (names, values) = (fields.column(0).as_string().clone(), fields.column(1).as_binary().clone());
        let kinds = fields.column(2).as_string().clone();
        Fields { names, values, kinds, rows }
    }

    fn read<'a>(&'a self, row: usize, into: &mut Vec<Field<'a>>) {
        into.clear();
        if self.rows.is_null(row) {
            return;
        }
        let ends = self.rows.value_offsets();
        into.extend((ends[row] as usize..ends[row + 1] as usize).map(|i| Field {
            name: value(&self.names, i),
            value: self.values.is_valid(i).then(|| self.values.value(i)),
            kind: FieldKind::from_name(value(&self.kinds, i)).unwrap_or(FieldKind::Bytes),
        }));
    }
}

/// A column of the envelope with the type that it has in files of ours; other tools may have written it differently.
fn column(rows: &RecordBatch, name: &str) -> Result<ArrayRef, ArrowError> {
    let field = envelope_fields().into_iter().find(|field| field.name() == name).expect("a column of the envelope");
    match rows.column_by_name(name) {
        None => Ok(new_null_array(field.data_type(), rows.num_rows())),
        Some(column) if same_type(column.data_type(), field.data_type()) => Ok(Arc::clone(column)),
        Some(column) => cast(column, field.data_type()),
    }
}

/// Whether the arrays are alike, whatever the fields within are called.
fn same_type(a: &DataType, b: &DataType) -> bool {
    match (a, b) {
        (DataType::Timestamp(a, Some(_)), DataType::Timestamp(b, Some(_))) => a == b,
        _ => a.equals_datatype(b),
    }
}
