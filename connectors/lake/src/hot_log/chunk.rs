//! A chunk: records of one batch as bytes, with all that it takes to store them later: where they go, and when they came.
//!
//! A chunk stands within a frame's checksum: one that cannot be read was written by another version.

use std::sync::Arc;

use catchwater_sdk::{
    Batch, BatchBuilder, Error, Field, FieldKind, Limit, Partition, Record, RecordRef, Result, Timestamp, TimestampKind,
};

/// Where records of one partition go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) partition: Arc<Partition>,
    /// Where reading goes on behind the batch.
    pub(crate) after: i64,
    pub(crate) collection: String,
}

/// A chunk as it was read.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// The lake that it was meant for.
    pub(crate) lake: String,
    pub(crate) arrived_micros: i64,
    /// By the number of the origin in the batch.
    pub(crate) targets: Vec<Target>,
    pub(crate) batch: Batch,
}

/// A chunk under construction.
pub(crate) struct ChunkBuilder {
    bytes: Vec<u8>,
    records: u32,
}

const HAS_PAYLOAD: u8 = 1;
const HAS_KEY: u8 = 2;
const REDELIVERED: u8 = 4;
const TIMED: u8 = 8;
const TIMED_BY_BROKER: u8 = 16;

// === impl ChunkBuilder ===

impl ChunkBuilder {
    pub(crate) fn new(lake: &str, arrived_micros: i64, targets: &[Target]) -> ChunkBuilder {
        let mut bytes = Vec::new();
        put(&mut bytes, lake.as_bytes());
        bytes.extend_from_slice(&arrived_micros.to_le_bytes());
        bytes.extend_from_slice(&(targets.len() as u32).to_le_bytes());
        for Target { partition, after, collection } in targets {
            let Partition { source, stream, incarnation, number } = &**partition;
            [source, stream, incarnation].into_iter().for_each(|text| put(&mut bytes, text.as_bytes()));
            bytes.extend_from_slice(&number.to_le_bytes());
            bytes.extend_from_slice(&after.to_le_bytes());
            put(&mut bytes, collection.as_bytes());
        }
        ChunkBuilder { bytes, records: 0 }
    }

    /// Adds a record; its origin is the number of its target.
    pub(crate) fn push(&mut self, record: RecordRef<'_>) {
        let bytes = &mut self.bytes;
        bytes.push(flags(record));
        bytes.extend_from_slice(&(record.origin() as u32).to_le_bytes());
        bytes.extend_from_slice(&record.position().to_le_bytes());
        bytes.extend_from_slice(&record.index().to_le_bytes());
        if let Some(timestamp) = record.timestamp() {
            bytes.extend_from_slice(&timestamp.micros.to_le_bytes());
        }
        record.payload().into_iter().chain(record.key()).for_each(|value| put(bytes, value));
        put_fields(bytes, record.headers());
        put_fields(bytes, record.properties());
        self.records += 1;
    }

    /// How many records, and their bytes.
    pub(crate) fn finish(self) -> (u32, Vec<u8>) {
        (self.records, self.bytes)
    }
}

fn flags(record: RecordRef<'_>) -> u8 {
    let timed_by_broker = record.timestamp().is_some_and(|timestamp| timestamp.kind == TimestampKind::Append);
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    flag(record.payload().is_some(), HAS_PAYLOAD)
        | flag(record.key().is_some(), HAS_KEY)
        | flag(record.redelivered(), REDELIVERED)
        | flag(record.timestamp().is_some(), TIMED)
        | flag(timed_by_broker, TIMED_BY_BROKER)
}

fn put(bytes: &mut Vec<u8>, value: &[u8]) {
    bytes.extend_from_slice(&u32::try_from(value.len()).expect("a batch is below 4 GiB").to_le_bytes());
    bytes.extend_from_slice(value);
}

fn put_fields<'a>(bytes: &mut Vec<u8>, fields: impl ExactSizeIterator<Item = Field<'a>>) {
    bytes.extend_from_slice(&(fields.len() as u32).to_le_bytes());
    for Field { name, value, kind } in fields {
        put(bytes, name.as_bytes());
        // By name: numbers of kinds are nobody's promise.
        put(bytes, kind.name().as_bytes());
        bytes.push(u8::from(value.is_some()));
        value.into_iter().for_each(|value| put(bytes, value));
    }
}

// === impl Chunk ===

impl Chunk {
    /// Reads one, and leaves what stands behind it.
    pub(crate) fn read(bytes: &[u8], records: u32) -> Result<Chunk> {
        let newer = || {
            Error::refused(
                "read the hot log: it was written by another version of catchwater; let that one bring it into the lake",
            )
        };
        Reader(bytes).chunk(records).ok_or_else(newer)
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn chunk(&mut self, records: u32) -> Option<Chunk> {
        let lake = self.text()?.to_owned();
        let arrived_micros = i64::from_le_bytes(self.array()?);
        let targets = (0..self.number()?).map(|_| self.target()).collect::<Option<Vec<_>>>()?;
        let mut batch = BatchBuilder::new(Limit { records: usize::MAX, bytes: usize::MAX });
        let origins: Vec<u32> = targets.iter().map(|target| batch.origin(&target.partition)).collect();
        (0..records).try_for_each(|_| self.record(&mut batch, &origins))?;
        targets.iter().zip(origins).for_each(|(target, origin)| batch.advance(origin, target.after));
        self.0.is_empty().then(|| Chunk { lake, arrived_micros, targets, batch: batch.finish() })
    }

    fn target(&mut self) -> Option<Target> {
        let (source, stream, incarnation) = (self.text()?.into(), self.text()?.into(), self.text()?.into());
        let partition = Partition { source, stream, incarnation, number: i32::from_le_bytes(self.array()?) };
        let after = i64::from_le_bytes(self.array()?);
        Some(Target { partition: Arc::new(partition), after, collection: self.text()?.to_owned() })
    }

    fn record(&mut self, batch: &mut BatchBuilder, origins: &[u32]) -> Option<()> {
        let [flags] = self.array()?;
        let origin = *origins.get(self.number()? as usize)?;
        let (position, index) = (i64::from_le_bytes(self.array()?), i32::from_le_bytes(self.array()?));
        let has = |flag: u8| flags & flag != 0;
        let kind = if has(TIMED_BY_BROKER) { TimestampKind::Append } else { TimestampKind::Create };
        let timestamp = match has(TIMED) {
            true => Some(Timestamp { micros: i64::from_le_bytes(self.array()?), kind }),
            false => None,
        };
        let payload = if has(HAS_PAYLOAD) { Some(self.bytes()?) } else { None };
        let key = if has(HAS_KEY) { Some(self.bytes()?) } else { None };
        let (headers, properties) = (self.fields()?, self.fields()?);
        let (headers, properties, redelivered) = (&headers, &properties, has(REDELIVERED));
        batch.push_captured(
            origin,
            position,
            index,
            Record { payload, key, headers, properties, timestamp, redelivered },
        );
        Some(())
    }

    fn fields(&mut self) -> Option<Vec<Field<'a>>> {
        (0..self.number()?).map(|_| self.field()).collect()
    }

    fn field(&mut self) -> Option<Field<'a>> {
        let (name, kind) = (self.text()?, FieldKind::from_name(self.text()?)?);
        let value = match self.array()? {
            [0] => None,
            _ => Some(self.bytes()?),
        };
        Some(Field { name, value, kind })
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.number()? as usize;
        let (value, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(value)
    }

    fn number(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (value, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*value)
    }
}
