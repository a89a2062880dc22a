//! A question with all that a table's schema says about it.

use catchwater_query::{Bounds, Condition, Field, Query, Test};
use catchwater_sdk::nearest;

use super::evidence::{Blooms, Statistics};
use super::locate::{self, Place};
use crate::read::{Snapshot, Stats};
use crate::shred::LakeSchema;

/// Which events are asked for.
#[derive(Clone, Debug)]
pub struct Filter {
    /// What they are.
    pub query: Query,
    /// Their time is this or later, in microseconds since 1970.
    pub since: Option<i64>,
    /// Their time is before this.
    pub until: Option<i64>,
}

/// A filter, and where what it names is kept.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) filter: Filter,
    fields: Vec<(Field, Vec<Place>)>,
    bare_lists: Vec<Place>,
}

/// The columns that tell together where an event came from.
pub(crate) const ORIGIN_NAMES: [&str; 6] = ["_id", "_source", "_stream", "_partition", "_position", "_index"];

/// The columns that tell when an event happened.
pub(crate) const TIME_NAMES: [&str; 2] = ["_timestamp", "_ingested_at"];

// === impl Filter ===

impl Filter {
    /// All events.
    pub fn everything() -> Filter {
        Filter { query: Query::everything(), since: None, until: None }
    }

    /// Events that a query asks for, of any time.
    pub fn of(query: Query) -> Filter {
        Filter { query, ..Filter::everything() }
    }

    pub(super) fn has_times(&self) -> bool {
        self.since.is_some() || self.until.is_some()
    }

    /// Whether a time is among those asked for.
    pub(super) fn holds_time(&self, micros: i64) -> bool {
        self.since.is_none_or(|since| micros >= since) && self.until.is_none_or(|until| micros < until)
    }
}

// === impl Plan ===

impl Plan {
    pub(super) fn new(filter: Filter, snapshot: &Snapshot) -> Plan {
        let schema = LakeSchema::from_fields(snapshot.schema().fields());
        let fields = filter.query.fields().map(|field| (field.clone(), locate::places(&schema, field))).collect();
        Plan { fields, bare_lists: locate::bare_lists(&schema), filter }
    }

    /// Whether events of a file may match, and whether all must, as far as the log tells.
    pub(super) fn file(&self, stats: Option<&Stats>) -> Bounds<bool> {
        match stats {
            Some(stats) => Statistics::new(self, stats, &Blooms::new()).bounds(),
            None => Bounds { may: true, must: false },
        }
    }

    /// Where a field of the query is kept.
    pub(super) fn places(&self, field: &Field) -> &[Place] {
        self.fields.iter().find(|(known, _)| known == field).map_or(&[], |(_, places)| places)
    }

    /// Where lists are kept that are a whole payload: of such rows nothing is known.
    pub(super) fn bare_lists(&self) -> &[Place] {
        &self.bare_lists
    }

    /// Whether the query asks for anything in the payload's columns.
    pub(super) fn asks_columns(&self) -> bool {
        self.filter.query.tests().iter().any(|test| self.is_payload_test(test))
    }

    fn is_payload_test(&self, test: &Test<'_>) -> bool {
        matches!(test, Test::Field(Field::Payload(_), _))
    }

    /// The places whose columns tell rows apart.
    pub(super) fn column_places(&self) -> Vec<&Place> {
        let tests = self.filter.query.tests();
        let fields = tests.iter().filter_map(|test| match test {
            Test::Field(field, _) => Some(self.places(field)),
            _ => None,
        });
        fields.flatten().filter(|place| !is_payload(place)).collect()
    }

    /// The places where a literal is looked for that bloom filters may know.
    pub(super) fn equal_places(&self) -> Vec<&Place> {
        let tests = self.filter.query.tests();
        let fields = tests.iter().filter_map(|test| match test {
            Test::Field(field, Condition::Equals(literal)) if literal.moment.is_none() => Some(self.places(field)),
            _ => None,
        });
        fields.flatten().collect()
    }

    /// The envelope's columns that the query asks an event for.
    pub(super) fn deciding_names(&self) -> Vec<&'static str> {
        let asked = self.filter.query.fields().filter_map(|field| match field {
            Field::Envelope(envelope) => Some(envelope.name()),
            Field::Payload(_) => None,
        });
        let mut names: Vec<_> = asked.collect();
        if names.iter().any(|name| ORIGIN_NAMES.contains(name)) {
            names.extend(ORIGIN_NAMES);
        }
        if names.iter().any(|name| matches!(*name, "_timestamp" | "_timestamp_type" | "_properties")) {
            names.extend(["_timestamp", "_timestamp_type", "_properties"]);
        }
        names.push("_payload");
        names
    }
}

/// The bytes of payloads are looked at when they are read for good.
fn is_payload(place: &Place) -> bool {
    place.root() == "_payload"
}

/// The fields of a query that no record of the table has, each with the nearest name that some have.
pub fn unknown_fields(query: &Query, snapshot: &Snapshot) -> Vec<(String, Option<String>)> {
    let schema = LakeSchema::from_fields(snapshot.schema().fields());
    let names = locate::names(&schema);
    let unknown = query.fields().filter(|field| locate::places(&schema, field).is_empty());
    let mut unknown: Vec<_> = unknown
        .map(|field| {
            let name = field.to_string();
            let near = nearest(&name, names.iter().map(String::as_str)).map(str::to_owned);
            (name, near)
        })
        .collect();
    unknown.dedup();
    unknown
}
