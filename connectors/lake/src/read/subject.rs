//! What a query is asked about, when it is asked about a row.

use catchwater_query::Subject;
use catchwater_sdk::record::Timestamp;
use catchwater_sdk::value::Decoded;
use catchwater_sdk::{Field, Partition};

use super::events::Event;

impl Subject for Event<'_> {
    fn value(&self) -> Decoded<'_> {
        self.record().value()
    }

    fn payload(&self) -> Option<&[u8]> {
        self.record().payload()
    }

    fn key(&self) -> Option<&[u8]> {
        self.record().key()
    }

    fn headers(&self) -> impl Iterator<Item = Field<'_>> {
        self.record().headers()
    }

    fn properties(&self) -> impl Iterator<Item = Field<'_>> {
        self.record().properties()
    }

    fn timestamp(&self) -> Option<Timestamp> {
        self.record().timestamp()
    }

    fn ingested_at(&self) -> Option<i64> {
        Event::ingested_at(self)
    }

    fn partition(&self) -> &Partition {
        self.record().partition()
    }

    fn position(&self) -> i64 {
        self.record().position()
    }

    fn index(&self) -> i32 {
        self.record().index()
    }

    fn redelivered(&self) -> bool {
        self.record().redelivered()
    }

    fn schema(&self) -> Option<&str> {
        Event::schema(self)
    }

    fn error(&self) -> Option<&str> {
        Event::error(self)
    }

    fn replay(&self) -> Option<&str> {
        Event::replay(self)
    }
}
