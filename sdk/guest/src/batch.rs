//! Records as a plugin sees them: views into the columns that the host handed over.

use crate::bindings::catchwater::plugin::types::{self, ByteColumn, FieldColumn};

/// Records in order. Within a partition positions ascend.
#[derive(Debug)]
pub struct Batch {
    columns: types::Batch,
}

/// A record of a batch. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    columns: &'a types::Batch,
    number: usize,
}

/// The records of a batch in order.
#[derive(Debug)]
pub struct Records<'a> {
    batch: &'a Batch,
    numbers: std::ops::Range<usize>,
}

/// A header or a property. Order and duplicates are kept; a missing value is not an empty one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name; empty is allowed.
    pub name: &'a str,
    /// Its value as bytes.
    pub value: Option<&'a [u8]>,
    /// What the bytes are.
    pub kind: Kind,
}

/// What the value of a field is, as a number of the interface (`sdk/wit/types.wit`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind(pub u8);

/// The source's own time of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp {
    /// Microseconds since the Unix epoch, UTC.
    pub micros: i64,
    /// Who set it.
    pub kind: TimestampKind,
}

/// Who set a record's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampKind {
    /// The producer, when it made the event.
    Create,
    /// The broker, when it stored the event.
    Append,
}

// === impl Kind, Field ===

impl Kind {
    /// Any bytes.
    pub const BYTES: Kind = Kind(0);
    /// UTF-8 text.
    pub const TEXT: Kind = Kind(1);
    /// A decimal integer as text.
    pub const INTEGER: Kind = Kind(2);
    /// A floating point number as text.
    pub const FLOAT: Kind = Kind(3);
    /// `true` or `false`.
    pub const BOOL: Kind = Kind(4);
    /// A nested value, as JSON.
    pub const JSON: Kind = Kind(6);
}

impl<'a> Field<'a> {
    /// A field of text.
    pub fn text(name: &'a str, value: &'a str) -> Field<'a> {
        Field { name, value: Some(value.as_bytes()), kind: Kind::TEXT }
    }
}

// === impl Batch ===

impl Batch {
    pub(crate) fn new(columns: types::Batch) -> Batch {
        Batch { columns }
    }

    /// How many records.
    pub fn len(&self) -> usize {
        self.columns.count as usize
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The i-th record.
    pub fn get(&self, number: usize) -> Record<'_> {
        Record { columns: &self.columns, number }
    }

    /// All records in order.
    pub fn iter(&self) -> Records<'_> {
        Records { batch: self, numbers: 0..self.len() }
    }
}

impl<'a> IntoIterator for &'a Batch {
    type Item = Record<'a>;
    type IntoIter = Records<'a>;

    fn into_iter(self) -> Records<'a> {
        self.iter()
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        self.numbers.next().map(|number| self.batch.get(number))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.numbers.size_hint()
    }
}

impl ExactSizeIterator for Records<'_> {}

// === impl Record ===

impl<'a> Record<'a> {
    /// Its number within the batch.
    pub fn number(&self) -> usize {
        self.number
    }

    /// The event itself; `None` is a tombstone.
    pub fn payload(&self) -> Option<&'a [u8]> {
        value(&self.columns.payload, self.number)
    }

    /// The key; `None` is no key.
    pub fn key(&self) -> Option<&'a [u8]> {
        value(&self.columns.key, self.number)
    }

    /// Headers in order.
    pub fn headers(&self) -> impl Iterator<Item = Field<'a>> + use<'a> {
        fields(&self.columns.headers, self.number)
    }

    /// What the protocol says beside headers, such as AMQP's content type.
    pub fn properties(&self) -> impl Iterator<Item = Field<'a>> + use<'a> {
        fields(&self.columns.properties, self.number)
    }

    /// The last header of that name: what most systems mean by "the" header.
    pub fn header(&self, name: &str) -> Option<Field<'a>> {
        self.headers().filter(|header| header.name == name).last()
    }

    /// The source's time.
    pub fn timestamp(&self) -> Option<Timestamp> {
        let kind = match self.columns.time.kinds[self.number] {
            1 => TimestampKind::Create,
            2 => TimestampKind::Append,
            _ => return None,
        };
        Some(Timestamp { micros: self.columns.time.micros[self.number], kind })
    }

    /// The system that it came from: Kafka's cluster id, a host's name.
    pub fn source(&self) -> &'a str {
        &self.origin().source
    }

    /// Topic, queue or file.
    pub fn stream(&self) -> &'a str {
        &self.origin().stream
    }

    /// The number of the partition; 0 where a stream has but one.
    pub fn partition(&self) -> i32 {
        self.origin().partition
    }

    /// Its place within the partition.
    pub fn position(&self) -> i64 {
        self.columns.position[self.number]
    }

    fn origin(&self) -> &'a types::Origin {
        &self.columns.origins[self.columns.origin[self.number] as usize]
    }
}

fn value(column: &ByteColumn, row: usize) -> Option<&[u8]> {
    if column.absent.get(row / 8).is_some_and(|bits| bits >> (row % 8) & 1 == 1) {
        return None;
    }
    Some(&column.data[column.offsets[row] as usize..column.offsets[row + 1] as usize])
}

fn fields(column: &FieldColumn, row: usize) -> impl Iterator<Item = Field<'_>> {
    let of = match column.row_offsets.is_empty() {
        true => 0..0,
        false => column.row_offsets[row] as usize..column.row_offsets[row + 1] as usize,
    };
    of.map(|field| {
        let name = value(&column.names, field).unwrap_or_default();
        let name = std::str::from_utf8(name).expect("the host hands names over as UTF-8");
        Field { name, value: value(&column.values, field), kind: Kind(column.kinds[field]) }
    })
}
