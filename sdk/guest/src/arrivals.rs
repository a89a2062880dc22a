//! Where a source puts what it read.

use crate::bindings::catchwater::plugin::types::{Rejection, TimeColumn};
use crate::bindings::source::exports::catchwater::plugin::source as wire;
use crate::output::{Bytes, NewRecord, Rest};

/// Takes records in order. Within a partition positions ascend.
#[derive(Debug, Default)]
pub struct Arrivals {
    records_max: usize,
    bytes_max: usize,
    bytes: usize,
    payload: Bytes,
    rest: Rest,
    partition: Vec<u32>,
    position: Vec<i64>,
    after: Vec<wire::Place>,
    rejected: Vec<Rejection>,
}

// === impl Arrivals ===

impl Arrivals {
    /// None yet; full at so many, or so many bytes. The host makes one for each `read`; a test makes its own.
    pub fn new(records_max: usize, bytes_max: usize) -> Arrivals {
        Arrivals { records_max, bytes_max, ..Arrivals::default() }
    }

    /// How many records are in.
    pub fn len(&self) -> usize {
        self.payload.len()
    }

    /// Whether none is in.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether no more is to be put in: the rest comes with the next `read`.
    pub fn is_full(&self) -> bool {
        self.len() >= self.records_max || self.bytes >= self.bytes_max
    }

    /// A record with nothing but a payload. `partition` is its number in the answer of `partitions`.
    pub fn push_payload(&mut self, partition: usize, position: i64, payload: &[u8]) {
        self.push(partition, position, &NewRecord { payload: Some(payload), ..NewRecord::default() });
    }

    /// A record. `position` is its place within its partition: reading goes on at the next one.
    pub fn push(&mut self, partition: usize, position: i64, record: &NewRecord<'_>) {
        self.bytes += record.payload.map_or(0, <[u8]>::len) + record.key.map_or(0, <[u8]>::len);
        self.payload.push(record.payload);
        self.rest.push(record);
        self.partition.push(partition as u32);
        self.position.push(position);
    }

    /// A record that cannot be made out, with what is left of it. The pipeline decides what becomes of it.
    pub fn reject(&mut self, partition: usize, position: i64, rest: &[u8], reason: impl Into<String>) {
        self.rejected.push(Rejection { record: self.len() as u32, reason: reason.into() });
        self.push_payload(partition, position, rest);
    }

    /// Reading goes on there, also if there is no record right before it.
    pub fn skip_to(&mut self, partition: usize, position: i64) {
        self.after.push(wire::Place { partition: partition as u32, position });
    }

    pub(crate) fn finish(self) -> wire::Arrivals {
        let rest = self.rest;
        wire::Arrivals {
            count: self.position.len() as u32,
            payload: self.payload.finish(),
            key: rest.key.finish(),
            headers: rest.headers.finish(),
            properties: rest.properties.finish(),
            time: TimeColumn { micros: rest.micros, kinds: rest.kinds },
            partition: self.partition,
            position: self.position,
            after: self.after,
            rejected: self.rejected,
        }
    }
}
