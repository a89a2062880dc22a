//! What a query is asked about: one event.

use std::fmt::Write;

use catchwater_sdk::record::Timestamp;
use catchwater_sdk::value::Decoded;
use catchwater_sdk::{Field, Partition, RecordRef};

/// One event, on its way through a pipeline or read back from a lake.
pub trait Subject {
    /// The payload as its format understands it.
    fn value(&self) -> Decoded<'_>;
    /// The payload itself; none is a tombstone.
    fn payload(&self) -> Option<&[u8]>;
    /// The key; none is no key.
    fn key(&self) -> Option<&[u8]>;
    /// Headers in order.
    fn headers(&self) -> impl Iterator<Item = Field<'_>>;
    /// Properties in order.
    fn properties(&self) -> impl Iterator<Item = Field<'_>>;
    /// The source's time.
    fn timestamp(&self) -> Option<Timestamp>;
    /// When it came into the lake, in microseconds since 1970; none on the way there.
    fn ingested_at(&self) -> Option<i64>;
    /// Where it came from.
    fn partition(&self) -> &Partition;
    /// Its place there.
    fn position(&self) -> i64;
    /// 0 unless one record became several.
    fn index(&self) -> i32;
    /// The broker delivered it before.
    fn redelivered(&self) -> bool;
    /// The hash of the schema that it was stored under; none on the way there.
    fn schema(&self) -> Option<&str>;
    /// What no columns could be made of; none on the way to a lake.
    fn error(&self) -> Option<&str>;
    /// The replay that sent it.
    fn replay(&self) -> Option<&str>;
}

impl Subject for RecordRef<'_> {
    fn value(&self) -> Decoded<'_> {
        RecordRef::value(self)
    }

    fn payload(&self) -> Option<&[u8]> {
        RecordRef::payload(self)
    }

    fn key(&self) -> Option<&[u8]> {
        RecordRef::key(self)
    }

    fn headers(&self) -> impl Iterator<Item = Field<'_>> {
        RecordRef::headers(self)
    }

    fn properties(&self) -> impl Iterator<Item = Field<'_>> {
        RecordRef::properties(self)
    }

    fn timestamp(&self) -> Option<Timestamp> {
        RecordRef::timestamp(self)
    }

    fn ingested_at(&self) -> Option<i64> {
        None
    }

    fn partition(&self) -> &Partition {
        RecordRef::partition(self)
    }

    fn position(&self) -> i64 {
        RecordRef::position(self)
    }

    fn index(&self) -> i32 {
        RecordRef::index(self)
    }

    fn redelivered(&self) -> bool {
        RecordRef::redelivered(self)
    }

    fn schema(&self) -> Option<&str> {
        None
    }

    fn error(&self) -> Option<&str> {
        None
    }

    fn replay(&self) -> Option<&str> {
        None
    }
}

/// `_id`: source, incarnation, stream, partition, position and, unless 0, index; slashes and percent signs within a part are
/// escaped as in URLs.
pub fn row_id(partition: &Partition, position: i64, index: i32) -> String {
    let escape = |part: &str| part.replace('%', "%25").replace('/', "%2F");
    let Partition { source, stream, incarnation, number } = partition;
    let mut id = format!("{}/{}/{}/{number}/{position}", escape(source), escape(incarnation), escape(stream));
    if index != 0 {
        write!(id, "/{index}").expect("text is written into memory");
    }
    id
}
