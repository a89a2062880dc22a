//! How a source or a transform fills a batch.

use std::sync::{Arc, OnceLock};

use super::columns::{BytesColumn, Columns, Origin, Rest};
use super::{Batch, Limit};
use crate::format::Format;
use crate::position::Partition;
use crate::record::{Field, Record, RecordRef};

/// A batch under construction.
#[derive(Debug)]
pub struct BatchBuilder {
    payload: BytesColumn,
    rest: Rest,
    format: OnceLock<Arc<dyn Format>>,
    limit: Limit,
    bytes: usize,
}

impl BatchBuilder {
    /// An empty one that is full at `limit`.
    pub fn new(limit: Limit) -> BatchBuilder {
        let (payload, rest) = (BytesColumn::default(), Rest::default());
        BatchBuilder { payload, rest, format: OnceLock::new(), limit, bytes: 0 }
    }

    /// One for records that are made out of those of `batch`: it knows the same origins under the same numbers.
    pub fn like(batch: &Batch) -> BatchBuilder {
        let limit = Limit { records: usize::MAX, bytes: usize::MAX };
        let mut builder = BatchBuilder::new(limit);
        builder.rest.origins = batch.origins().to_vec();
        if let Some(format) = batch.format() {
            builder.format.get_or_init(|| Arc::clone(format));
        }
        builder
    }

    /// The number under which records of `partition` are pushed. Ask once per run of records, not per record.
    pub fn origin(&mut self, partition: &Arc<Partition>) -> u32 {
        let origins = &mut self.rest.origins;
        let same = |origin: &Origin| Arc::ptr_eq(&origin.partition, partition) || origin.partition == *partition;
        let number = origins.iter().position(same).unwrap_or_else(|| {
            origins.push(Origin { partition: Arc::clone(partition), after: i64::MIN });
            origins.len() - 1
        });
        number as u32
    }

    /// Appends a record. `position` is its own place, `after` the place where reading goes on behind it.
    #[inline]
    pub fn push(&mut self, origin: u32, position: i64, after: i64, record: Record<'_>) {
        let at = &mut self.rest.origins[origin as usize];
        debug_assert!(position >= at.after || at.after == i64::MIN, "positions ascend within a partition");
        at.after = after;
        self.push_row(origin, position, 0, record);
    }

    /// Moves a partition's position on without a record: past what the source skips, such as a transaction's marker.
    pub fn advance(&mut self, origin: u32, after: i64) {
        let at = &mut self.rest.origins[origin as usize];
        at.after = at.after.max(after);
    }

    /// Appends a record that cannot be read, with what is left of it; the engine dead-letters it under `reason`.
    pub fn reject(&mut self, origin: u32, position: i64, after: i64, record: Record<'_>, reason: String) {
        let row = self.len() as u32;
        self.push(origin, position, after, record);
        self.rest.rejected.insert(row, reason);
    }

    /// Appends a copy of `parent` with another content: what a transform makes out of a record.
    /// `index` tells apart several records made out of one.
    pub fn push_from(&mut self, parent: RecordRef<'_>, index: i32, record: Record<'_>) {
        self.push_row(parent.origin() as u32, parent.position(), index, record);
    }

    /// Appends a record made out of one of another batch; `origin` is its partition's number here.
    pub fn push_foreign(&mut self, origin: u32, parent: RecordRef<'_>, record: Record<'_>) {
        self.push_row(origin, parent.position(), parent.index(), record);
    }

    /// Appends a record as it was captured before, with the index that it had then. Its partition goes on behind it.
    pub fn push_captured(&mut self, origin: u32, position: i64, index: i32, record: Record<'_>) {
        self.advance(origin, position.saturating_add(1));
        self.push_row(origin, position, index, record);
    }

    /// As [`BatchBuilder::push_captured`], with all that the record of another batch has: nothing is gathered on the way.
    pub fn push_copy(&mut self, origin: u32, record: RecordRef<'_>) {
        self.advance(origin, record.position().saturating_add(1));
        let own = record.with_fields(&[], &[]);
        self.push_parts(origin, record.position(), record.index(), own, record.headers(), record.properties());
    }

    /// Appends a copy of `parent` with another payload. Nothing is gathered on the way.
    pub(crate) fn push_like(&mut self, parent: RecordRef<'_>, index: i32, payload: Option<&[u8]>) {
        let own = Record { payload, ..parent.with_fields(&[], &[]) };
        let (origin, position) = (parent.origin() as u32, parent.position());
        self.push_parts(origin, position, index, own, parent.headers(), parent.properties());
    }

    /// Appends a record of a batch that has the same origins under the same numbers.
    pub(crate) fn push_same(&mut self, record: RecordRef<'_>) {
        if let Some(reason) = record.rejected() {
            self.rest.rejected.insert(self.len() as u32, reason.to_owned());
        }
        self.push_like(record, record.index(), record.payload());
    }

    fn push_row(&mut self, origin: u32, position: i64, index: i32, record: Record<'_>) {
        let (headers, properties) = (record.headers.iter().copied(), record.properties.iter().copied());
        self.push_parts(origin, position, index, record, headers, properties);
    }

    fn push_parts<'f>(
        &mut self,
        origin: u32,
        position: i64,
        index: i32,
        record: Record<'_>,
        headers: impl ExactSizeIterator<Item = Field<'f>>,
        properties: impl ExactSizeIterator<Item = Field<'f>>,
    ) {
        let size = record.payload.map_or(0, <[u8]>::len) + record.key.map_or(0, <[u8]>::len);
        self.bytes += size + 64 * (1 + headers.len() + properties.len());
        self.payload.push(record.payload);
        let rest = &mut self.rest;
        rest.key.push(record.key);
        rest.headers.push(headers);
        rest.properties.push(properties);
        rest.timestamp.push(record.timestamp);
        rest.origin.push(origin);
        rest.position.push(position);
        rest.index.push(index);
        rest.redelivered.push(record.redelivered);
    }

    /// How many records are in.
    pub fn len(&self) -> usize {
        self.rest.rows()
    }

    /// Whether no record is in.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the limit is reached.
    pub fn is_full(&self) -> bool {
        self.len() >= self.limit.records || self.bytes >= self.limit.bytes
    }

    /// The batch.
    pub fn finish(mut self) -> Batch {
        self.rest.origins.iter_mut().filter(|origin| origin.after == i64::MIN).for_each(|origin| origin.after = 0);
        self.rest.finish();
        Batch::new(Columns::new(self.payload, Arc::new(self.rest), self.format))
    }
}
