//! Where a plugin says what became of each record.

use crate::batch::{Batch, Field, Record, Timestamp, TimestampKind};
use crate::bindings::catchwater::plugin::types::{
    ByteColumn, Edit, FieldColumn, Outcome, Rejection, Replacement, TimeColumn,
};

/// Takes what becomes of the records of a batch; each is told of once. Records go on in the order of the input.
#[derive(Debug)]
pub struct Output<'a> {
    batch: &'a Batch,
    fates: Vec<Fate>,
    rejected: Vec<Rejection>,
    made: Made,
}

/// A record that takes the place of another.
#[derive(Clone, Debug, Default)]
pub struct NewRecord<'a> {
    /// The event itself; `None` is a tombstone.
    pub payload: Option<&'a [u8]>,
    /// The key; `None` is no key.
    pub key: Option<&'a [u8]>,
    /// Headers in order.
    pub headers: Vec<Field<'a>>,
    /// Properties in order.
    pub properties: Vec<Field<'a>>,
    /// The source's time.
    pub timestamp: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Open,
    Kept,
    Dropped,
    Rejected,
    Made,
}

/// New records. Those parts are left out that all have from their parents.
#[derive(Debug, Default)]
struct Made {
    input: Vec<u32>,
    payload: Bytes,
    rest: Option<Rest>,
}

/// All of a record but its payload.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    pub(crate) key: Bytes,
    pub(crate) headers: Fields,
    pub(crate) properties: Fields,
    pub(crate) micros: Vec<i64>,
    pub(crate) kinds: Vec<u8>,
}

#[derive(Debug, Default)]
pub(crate) struct Bytes {
    ends: Vec<u32>,
    data: Vec<u8>,
    absent: Vec<u8>,
}

#[derive(Debug, Default)]
pub(crate) struct Fields {
    ends: Vec<u32>,
    names: Bytes,
    values: Bytes,
    kinds: Vec<u8>,
}

// === impl NewRecord ===

impl<'a> NewRecord<'a> {
    /// All that a record has, to be changed.
    pub fn like(record: Record<'a>) -> NewRecord<'a> {
        NewRecord {
            payload: record.payload(),
            key: record.key(),
            headers: record.headers().collect(),
            properties: record.properties().collect(),
            timestamp: record.timestamp(),
        }
    }
}

// === impl Output ===

impl<'a> Output<'a> {
    /// Nothing is said yet of any record of `batch`.
    pub(crate) fn new(batch: &'a Batch) -> Output<'a> {
        Output { batch, fates: vec![Fate::Open; batch.len()], rejected: Vec::new(), made: Made::default() }
    }

    /// The record goes on as it is.
    pub fn keep(&mut self, record: Record<'_>) {
        self.settle(record, Fate::Kept);
    }

    /// The record is dropped on purpose.
    pub fn drop_record(&mut self, record: Record<'_>) {
        self.settle(record, Fate::Dropped);
    }

    /// The record cannot be processed; `reason` says why, lowercase. The pipeline decides what becomes of it.
    pub fn reject(&mut self, record: Record<'_>, reason: impl Into<String>) {
        self.settle(record, Fate::Rejected);
        self.rejected.push(Rejection { record: record.number() as u32, reason: reason.into() });
    }

    /// A record like it but for its payload takes its place. Called again for the same record, it adds one behind.
    pub fn replace_payload(&mut self, record: Record<'_>, payload: &[u8]) {
        self.begin(record);
        self.made.payload.push(Some(payload));
        if let Some(rest) = &mut self.made.rest {
            rest.push(&NewRecord::like(record));
        }
    }

    /// Another record takes its place; start from [`NewRecord::like`]. Called again for the same record, it adds one behind.
    pub fn replace(&mut self, record: Record<'_>, new: &NewRecord<'_>) {
        self.begin(record);
        self.made.payload.push(new.payload);
        let (batch, made) = (self.batch, &mut self.made);
        let rest = made.rest.get_or_insert_with(|| {
            // Those before had all but their payloads from their parents.
            let mut rest = Rest::default();
            let before = &made.input[..made.input.len() - 1];
            before.iter().for_each(|input| rest.push(&NewRecord::like(batch.get(*input as usize))));
            rest
        });
        rest.push(new);
    }

    fn begin(&mut self, record: Record<'_>) {
        let number = record.number() as u32;
        assert!(self.made.input.last() <= Some(&number), "record {number} is replaced after a later one");
        self.settle(record, Fate::Made);
        self.made.input.push(number);
    }

    fn settle(&mut self, record: Record<'_>, fate: Fate) {
        let before = std::mem::replace(&mut self.fates[record.number()], fate);
        let fits = before == Fate::Open || (before, fate) == (Fate::Made, Fate::Made);
        assert!(fits, "record {} was {before:?} and is now {fate:?}", record.number());
    }

    pub(crate) fn finish(mut self) -> Outcome {
        let forgotten = self.fates.iter().position(|fate| *fate == Fate::Open);
        assert!(
            forgotten.is_none(),
            "record {} was forgotten: keep, replace, drop or reject it",
            forgotten.unwrap_or(0)
        );
        self.rejected.sort_by_key(|rejection| rejection.record);
        let edit = match (self.made.input.is_empty(), self.fates.contains(&Fate::Dropped)) {
            (true, false) => Edit::Unchanged,
            (true, true) => Edit::Keep(bitmap(&self.fates, Fate::Kept)),
            (false, _) => Edit::Replace(self.made.finish(&self.fates)),
        };
        Outcome { edit, rejected: self.rejected }
    }
}

fn bitmap(fates: &[Fate], wanted: Fate) -> Vec<u8> {
    let byte = |fates: &[Fate]| fates.iter().rev().fold(0, |bits, fate| bits << 1 | u8::from(*fate == wanted));
    fates.chunks(8).map(byte).collect()
}

// === impl Made, Rest, Bytes, Fields ===

impl Made {
    fn finish(self, fates: &[Fate]) -> Replacement {
        let mut replacement = Replacement {
            input: self.input,
            payload: Some(self.payload.finish()),
            key: None,
            headers: None,
            properties: None,
            time: None,
            kept: bitmap(fates, Fate::Kept),
            dropped: bitmap(fates, Fate::Dropped),
        };
        if let Some(rest) = self.rest {
            replacement.key = Some(rest.key.finish());
            replacement.headers = Some(rest.headers.finish());
            replacement.properties = Some(rest.properties.finish());
            replacement.time = Some(TimeColumn { micros: rest.micros, kinds: rest.kinds });
        }
        replacement
    }
}

impl Rest {
    pub(crate) fn push(&mut self, record: &NewRecord<'_>) {
        self.key.push(record.key);
        self.headers.push(&record.headers);
        self.properties.push(&record.properties);
        self.micros.push(record.timestamp.map_or(0, |time| time.micros));
        self.kinds.push(match record.timestamp.map(|time| time.kind) {
            None => 0,
            Some(TimestampKind::Create) => 1,
            Some(TimestampKind::Append) => 2,
        });
    }
}

impl Bytes {
    pub(crate) fn push(&mut self, value: Option<&[u8]>) {
        let row = self.ends.len();
        if value.is_none() {
            self.absent.resize(row / 8 + 1, 0);
            self.absent[row / 8] |= 1 << (row % 8);
        }
        self.data.extend_from_slice(value.unwrap_or_default());
        self.ends.push(u32::try_from(self.data.len()).expect("a plugin's memory ends before that"));
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn finish(mut self) -> ByteColumn {
        if !self.absent.is_empty() {
            self.absent.resize(self.ends.len().div_ceil(8), 0);
        }
        ByteColumn { offsets: offsets(self.ends), data: self.data, absent: self.absent }
    }
}

impl Fields {
    fn push(&mut self, fields: &[Field<'_>]) {
        for field in fields {
            self.names.push(Some(field.name.as_bytes()));
            self.values.push(field.value);
            self.kinds.push(field.kind.0);
        }
        self.ends.push(self.kinds.len() as u32);
    }

    pub(crate) fn finish(self) -> FieldColumn {
        FieldColumn {
            row_offsets: offsets(self.ends),
            names: self.names.finish(),
            values: self.values.finish(),
            kinds: self.kinds,
        }
    }
}

fn offsets(mut ends: Vec<u32>) -> Vec<u32> {
    ends.insert(0, 0);
    ends
}
