//! The rows that a sink holds for one collection between two `Cut`s.
//!
//! A record is shredded once, as it arrives; its envelope is kept beside the columns, and the runs of rows that go to one
//! file are noted. At a `Cut` all becomes Arrow arrays, nothing is sorted or copied before it is written.
//! What is held is bounded by the sink: it asks for a `Cut` when its buffers are full, so nothing ever spills to disk.

mod bytes;
pub(crate) mod date;
pub(crate) mod envelope;
mod fields;
mod order;

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringBuilder};
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use catchwater_sdk::format::Format;
use catchwater_sdk::value::Values;
use catchwater_sdk::{Batch, Partition, RecordRef};

use self::date::Window;
use self::envelope::{Envelope, EnvelopeBuilder, Origin, envelope_fields};
use self::order::Runs;
pub(crate) use self::order::{Bucket, Selection};
use crate::shred::{LakeSchema, Options, SchemaEvent, Shredded, Shredder};

/// How many payloads are decoded at once when rows are shredded again.
const DECODE_ROWS: usize = 4096;

/// Rows under construction.
pub(crate) struct Rows {
    options: Arc<Options>,
    shredder: Shredder,
    envelope: EnvelopeBuilder,
    runs: Runs,
    origins: Vec<Origin>,
    format: Option<Arc<dyn Format>>,
}

/// Finished rows: what one `Cut` stores in one collection.
pub(crate) struct Cut {
    envelope: Envelope,
    shredded: Shredded,
    origins: Vec<Origin>,
    buckets: Vec<Bucket>,
    format: Option<Arc<dyn Format>>,
}

/// When a batch came in, and so which dates are believable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    micros: i64,
    window: Window,
}

impl Arrival {
    pub(crate) fn at(micros: i64) -> Arrival {
        Arrival { micros, window: Window::around(micros) }
    }
}

// === impl Rows ===

impl Rows {
    pub(crate) fn new(committed: Arc<LakeSchema>, options: Arc<Options>) -> Rows {
        Rows {
            shredder: Shredder::new(committed, Arc::clone(&options)),
            options,
            envelope: EnvelopeBuilder::new(),
            runs: Runs::default(),
            origins: Vec::new(),
            format: None,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.envelope.rows()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn size_bytes(&self) -> usize {
        self.envelope.size_bytes() + self.shredder.size_bytes() + self.runs.size_bytes()
    }

    /// The number under which rows of a partition are pushed.
    pub(crate) fn origin(&mut self, partition: &Arc<Partition>) -> u32 {
        let known = self.origins.iter().position(|origin| origin.partition == *partition);
        let number = known.unwrap_or_else(|| {
            self.origins.push(Origin::new(Arc::clone(partition)));
            self.origins.len() - 1
        });
        number as u32
    }

    /// How the payloads of the rows that follow are understood; needed should they have to be shredded again.
    pub(crate) fn set_format(&mut self, batch: &Batch) {
        self.format = batch.format().cloned();
    }

    /// Appends a record.
    pub(crate) fn push(&mut self, record: RecordRef<'_>, origin: u32, arrival: Arrival) {
        let error = self.shredder.push(record.value());
        let date = arrival.window.day(record.timestamp().map(|timestamp| timestamp.micros));
        self.runs.push(self.envelope.rows(), date, origin, record.position(), record.index());
        self.envelope.push(record, origin, arrival.micros, error.as_deref());
    }

    /// The partitions that have rows here, each with the position of its last.
    pub(crate) fn reached(&self) -> Vec<(&Arc<Partition>, i64)> {
        let reached = self.runs.reached(self.origins.len()).into_iter().zip(&self.origins);
        reached.filter_map(|(position, origin)| Some((&origin.partition, position?))).collect()
    }

    /// Takes on a schema that was committed; there must be no rows.
    pub(crate) fn set_schema(&mut self, committed: Arc<LakeSchema>) {
        assert!(self.is_empty(), "rows under construction keep the schema that they began with");
        self.shredder = Shredder::new(committed, Arc::clone(&self.options));
    }

    /// The rows so far, as arrays.
    pub(crate) fn finish(&mut self) -> Cut {
        Cut {
            envelope: self.envelope.finish(),
            shredded: self.shredder.finish(),
            buckets: std::mem::take(&mut self.runs).into_buckets(&rank(&self.origins)),
            origins: self.origins.clone(),
            format: self.format.clone(),
        }
    }
}

/// The place of each origin in the order of the rows within a file.
fn rank(origins: &[Origin]) -> Vec<u32> {
    let key = |origin: usize| {
        let Partition { source, stream, incarnation, number } = &*origins[origin].partition;
        (stream, number, incarnation, source)
    };
    let mut order: Vec<usize> = (0..origins.len()).collect();
    order.sort_by_key(|origin| key(*origin));
    let mut ranks = vec![0; origins.len()];
    order.into_iter().enumerate().for_each(|(rank, origin)| ranks[origin] = rank as u32);
    ranks
}

// === impl Cut ===

impl Cut {
    /// How many rows.
    pub(crate) fn rows(&self) -> usize {
        self.envelope.rows()
    }

    /// How many bytes of payload consecutive rows have.
    pub(crate) fn payload_bytes(&self, rows: &Range<usize>) -> usize {
        let ends = self.envelope.payloads().as_binary::<i32>().value_offsets();
        (ends[rows.end] - ends[rows.start]) as usize
    }

    /// How many bytes the largest payload has.
    pub(crate) fn largest_payload_bytes(&self) -> usize {
        let ends = self.envelope.payloads().as_binary::<i32>().value_offsets();
        ends.windows(2).map(|ends| ends[1] - ends[0]).max().unwrap_or_default() as usize
    }

    /// The files that the rows make.
    pub(crate) fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    /// The committed schema that the rows were shredded under, with what they added.
    pub(crate) fn schema(&self) -> &Arc<LakeSchema> {
        &self.shredded.schema
    }

    /// What the rows changed in the schema.
    pub(crate) fn events(&self) -> &[SchemaEvent] {
        &self.shredded.events
    }

    /// The payload columns that hold anything, with their fields: a table may have hundreds that these rows lack, and a
    /// column that a file does not have reads as null.
    pub(crate) fn payload_columns(&self) -> Vec<(FieldRef, ArrayRef)> {
        let fields = self.shredded.schema.fields();
        let columns = fields.iter().cloned().zip(self.shredded.columns.iter().cloned());
        columns.filter(|(_, column)| column.null_count() < column.len()).collect()
    }

    /// The columns whose values decide how they are best written.
    pub(crate) fn sampled_columns(&self) -> Vec<(FieldRef, ArrayRef)> {
        let mut columns = self.payload_columns();
        columns.push(self.envelope.key_column());
        columns
    }

    /// Some of the rows in the order of a file.
    pub(crate) fn batch(&self, file: &FileShape, rows: &Selection) -> Result<RecordBatch, ArrowError> {
        let mut columns = self.envelope.columns(rows, &self.origins, &file.hash)?;
        for column in &file.payload {
            columns.push(rows.gather(column)?);
        }
        RecordBatch::try_new(Arc::clone(&file.schema), columns)
    }

    /// What all files of these rows have in common.
    pub(crate) fn file_shape(&self) -> FileShape {
        let (fields, payload): (Vec<_>, Vec<_>) = self.payload_columns().into_iter().unzip();
        let schema = Schema::new(envelope_fields().into_iter().chain(fields).collect::<Vec<_>>());
        FileShape { schema: Arc::new(schema), hash: self.shredded.schema.hash(), payload }
    }

    /// Makes the payload columns again, under a schema that someone else committed meanwhile and that these do not fit.
    /// The payloads are decoded anew: decoded values are not kept, they take more room than the rows.
    pub(crate) fn shred_again(&mut self, committed: Arc<LakeSchema>, options: &Arc<Options>) {
        let mut shredder = Shredder::new(committed, Arc::clone(options));
        let mut errors = StringBuilder::new();
        for start in (0..self.rows()).step_by(DECODE_ROWS) {
            let rows = DECODE_ROWS.min(self.rows() - start);
            let values = self.decode_again(start, rows);
            (0..rows).for_each(|row| errors.append_option(shredder.push(values.get(row))));
        }
        self.envelope.set_errors(errors.finish());
        self.shredded = shredder.finish();
    }

    fn decode_again(&self, start: usize, rows: usize) -> Values {
        let payloads = self.envelope.payloads().slice(start, rows);
        match &self.format {
            Some(format) => Values::decode(format.as_ref(), payloads.as_binary::<i32>().iter()),
            None => Values::opaque(rows),
        }
    }
}

/// The columns that files of one `Cut` share.
pub(crate) struct FileShape {
    pub(crate) schema: SchemaRef,
    hash: String,
    payload: Vec<ArrayRef>,
}
