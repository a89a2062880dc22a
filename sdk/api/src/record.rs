//! One event: how a source hands it in ([`Record`]) and how everyone else sees it ([`RecordRef`]).

use crate::batch::Columns;
use crate::position::Partition;
use crate::value::Decoded;

/// What kind of value a header or property holds. Kafka has bytes only; AMQP types its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum FieldKind {
    /// Any bytes.
    Bytes = 0,
    /// UTF-8 text.
    Text = 1,
    /// A decimal integer as text.
    Int = 2,
    /// A floating point number as text.
    Float = 3,
    /// `true` or `false`.
    Bool = 4,
    /// Microseconds since the epoch, as text.
    Timestamp = 5,
    /// A nested value, as JSON.
    Json = 6,
    /// A decimal integer as text, of 8 bits at its origin.
    Int8 = 7,
    /// The same without a sign.
    Uint8 = 8,
    /// A decimal integer as text, of 16 bits at its origin.
    Int16 = 9,
    /// The same without a sign.
    Uint16 = 10,
    /// A decimal integer as text, of 32 bits at its origin.
    Int32 = 11,
    /// The same without a sign.
    Uint32 = 12,
    /// A floating point number as text, of 32 bits at its origin.
    Float32 = 13,
    /// A decimal number as text; its digits behind the point are its scale, as in `1.50`.
    Decimal = 14,
    /// Seconds since the epoch, as text: a time that microseconds in 64 bits cannot hold.
    Seconds = 15,
    /// Text in an encoding that nobody named.
    String = 16,
}

const NAMES: [(FieldKind, &str); 17] = [
    (FieldKind::Bytes, "bytes"),
    (FieldKind::Text, "text"),
    (FieldKind::Int, "int"),
    (FieldKind::Float, "float"),
    (FieldKind::Bool, "bool"),
    (FieldKind::Timestamp, "timestamp"),
    (FieldKind::Json, "json"),
    (FieldKind::Int8, "int8"),
    (FieldKind::Uint8, "uint8"),
    (FieldKind::Int16, "int16"),
    (FieldKind::Uint16, "uint16"),
    (FieldKind::Int32, "int32"),
    (FieldKind::Uint32, "uint32"),
    (FieldKind::Float32, "float32"),
    (FieldKind::Decimal, "decimal"),
    (FieldKind::Seconds, "seconds"),
    (FieldKind::String, "string"),
];

impl FieldKind {
    /// The name that the lake and `tap` show.
    pub fn name(self) -> &'static str {
        NAMES[self as usize].1
    }

    /// All there are.
    pub fn all() -> impl Iterator<Item = FieldKind> {
        NAMES.into_iter().map(|(kind, _)| kind)
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<FieldKind> {
        NAMES.into_iter().find(|(_, named)| *named == name).map(|(kind, _)| kind)
    }

    /// The kind of that number, by which it crosses to plugins.
    pub fn from_number(number: u8) -> Option<FieldKind> {
        NAMES.get(usize::from(number)).map(|(kind, _)| *kind)
    }

    /// Whether its text is a number.
    pub fn is_number(self) -> bool {
        !matches!(
            self,
            FieldKind::Bytes
                | FieldKind::Text
                | FieldKind::Bool
                | FieldKind::Timestamp
                | FieldKind::Json
                | FieldKind::String
        )
    }
}

/// A header or a property. Order and duplicates are kept; a missing value is not an empty one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name; empty is allowed.
    pub name: &'a str,
    /// Its value as bytes.
    pub value: Option<&'a [u8]>,
    /// What the bytes are.
    pub kind: FieldKind,
}

impl<'a> Field<'a> {
    /// A field of plain bytes.
    pub fn bytes(name: &'a str, value: Option<&'a [u8]>) -> Field<'a> {
        Field { name, value, kind: FieldKind::Bytes }
    }

    /// A field of text.
    pub fn text(name: &'a str, value: &'a str) -> Field<'a> {
        Field { name, value: Some(value.as_bytes()), kind: FieldKind::Text }
    }
}

/// Who set a record's timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum TimestampKind {
    /// The producer, when it made the event.
    Create = 0,
    /// The broker, when it stored the event.
    Append = 1,
}

/// The source's own time of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp {
    /// Microseconds since the Unix epoch, UTC; any value that a producer may have sent.
    pub micros: i64,
    /// Who set it.
    pub kind: TimestampKind,
}

/// A record as a source hands it in: borrowed parts, copied once into the batch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Record<'a> {
    /// The event itself. `None` is a tombstone, which is not an empty payload.
    pub payload: Option<&'a [u8]>,
    /// `None` is no key, which is not an empty key.
    pub key: Option<&'a [u8]>,
    /// Headers in order.
    pub headers: &'a [Field<'a>],
    /// What the protocol says beside headers, such as AMQP's content type.
    pub properties: &'a [Field<'a>],
    /// The source's time.
    pub timestamp: Option<Timestamp>,
    /// The broker says that it delivered this before.
    pub redelivered: bool,
}

impl<'a> Record<'a> {
    /// A record that is nothing but its payload.
    pub fn payload(payload: &'a [u8]) -> Record<'a> {
        Record { payload: Some(payload), ..Record::default() }
    }
}

/// A record within a batch. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct RecordRef<'a> {
    pub(crate) columns: &'a Columns,
    pub(crate) row: usize,
}

impl<'a> RecordRef<'a> {
    /// The event itself; `None` is a tombstone.
    pub fn payload(&self) -> Option<&'a [u8]> {
        self.columns.payload.get(self.row)
    }

    /// The key; `None` is no key.
    pub fn key(&self) -> Option<&'a [u8]> {
        self.columns.rest.key.get(self.row)
    }

    /// Headers in order.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = Field<'a>> + use<'a> {
        self.columns.rest.headers.get(self.row)
    }

    /// Properties in order.
    pub fn properties(&self) -> impl ExactSizeIterator<Item = Field<'a>> + use<'a> {
        self.columns.rest.properties.get(self.row)
    }

    /// The last header of that name: what most systems mean by "the" header.
    pub fn header(&self, name: &str) -> Option<Field<'a>> {
        self.headers().filter(|header| header.name == name).last()
    }

    /// The source's time.
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.columns.rest.timestamp.get(self.row)
    }

    /// Where it came from.
    pub fn partition(&self) -> &'a Partition {
        &self.columns.rest.origins[self.origin()].partition
    }

    /// The number of its origin in [`Batch::origins`](crate::Batch::origins).
    pub fn origin(&self) -> usize {
        self.columns.rest.origin[self.row] as usize
    }

    /// Its place within the partition.
    pub fn position(&self) -> i64 {
        self.columns.rest.position[self.row]
    }

    /// 0 unless one record became several.
    pub fn index(&self) -> i32 {
        self.columns.rest.index[self.row]
    }

    /// The broker says that it delivered this before.
    pub fn redelivered(&self) -> bool {
        self.columns.rest.redelivered[self.row]
    }

    /// Why the source could not read this record; such a record is dead-lettered by the engine.
    pub fn rejected(&self) -> Option<&'a str> {
        self.columns.rest.rejected.get(&(self.row as u32)).map(String::as_str)
    }

    /// The payload as the source's format understands it. Decoded for the whole batch at the first call, and shared.
    pub fn value(&self) -> Decoded<'a> {
        self.columns.values().get(self.row)
    }

    /// Its content with other headers and properties: what a step that changes only those hands on.
    pub fn with_fields<'b>(&self, headers: &'b [Field<'b>], properties: &'b [Field<'b>]) -> Record<'b>
    where
        'a: 'b,
    {
        Record {
            payload: self.payload(),
            key: self.key(),
            headers,
            properties,
            timestamp: self.timestamp(),
            redelivered: self.redelivered(),
        }
    }

    /// About how many bytes it takes.
    pub fn size_bytes(&self) -> usize {
        self.payload().map_or(0, <[u8]>::len) + self.key().map_or(0, <[u8]>::len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_known_by_its_name_and_number() {
        for (i, (kind, name)) in NAMES.into_iter().enumerate() {
            assert_eq!((kind as usize, kind.name(), FieldKind::from_name(name)), (i, name, Some(kind)));
            assert_eq!(FieldKind::from_number(i as u8), Some(kind));
        }
    }
}
