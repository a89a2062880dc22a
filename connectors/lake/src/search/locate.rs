//! From the names in a query to the columns of a table.
//!
//! A query names the payload's keys; columns are called safely, have siblings for what does not fit, and hold some values as
//! text that tells no parts. So one field is read from several places, and each says how its values are to be taken.

use catchwater_query::field::{Envelope, Field, Key};

use crate::shred::{Column, Kind, LakeSchema};

/// Where values of a field are kept, one of several places.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    /// From the table's columns inwards.
    pub(super) steps: Vec<Step>,
    pub(super) holds: Holds,
    /// Also payloads that are no object are kept there, whose values have no name: nothing is certain.
    pub(super) bare: bool,
    /// What a null means.
    pub(super) null: Null,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Into a column of that name.
    Column(Box<str>),
    /// Into each element of a list.
    Elements,
}

/// What stands in a place, as far as conditions are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Boolean,
    Integer,
    Double,
    Decimal,
    /// Texts of the payload that are timestamps: how they were written is not known any more.
    TimeText,
    /// Texts of the payload that are dates.
    DateText,
    /// Texts of the payload, or numbers and booleans written as such.
    Text,
    /// Texts of the envelope.
    PlainText,
    Bytes,
    /// Times of the envelope.
    Time,
    /// Objects and lists: they are there, and equal to nothing.
    Composite,
    /// Something that only the payload tells.
    Anything,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Null {
    /// There is no value here.
    Absent,
    /// The row has a value all the same, somewhere else.
    Unknown,
}

/// The places of a field; none if no record has it.
pub(super) fn places(schema: &LakeSchema, field: &Field) -> Vec<Place> {
    let mut places = Vec::new();
    match field {
        Field::Payload(path) => in_columns(schema.columns(), path.keys(), &[], &mut places),
        Field::Envelope(envelope) => places.push(in_envelope(envelope)),
    }
    places
}

/// Where lists are kept that are a whole payload: their elements are looked into as if they were the payload.
pub(super) fn bare_lists(schema: &LakeSchema) -> Vec<Place> {
    let lists = schema.columns().iter().filter(|column| {
        column.original() == crate::shred::BARE_VALUE && matches!(column.kind(), Kind::List(_) | Kind::Json)
    });
    let place = |column: &Column| Place::of(vec![Step::Column(column.name().into())], Holds::Anything);
    lists.map(place).collect()
}

/// All names that a query may use, dotted, in the table's order.
pub(super) fn names(schema: &LakeSchema) -> Vec<String> {
    let mut names = Vec::new();
    collect_names(schema.columns(), "", &mut names);
    names.dedup();
    names
}

fn collect_names(columns: &[Column], prefix: &str, names: &mut Vec<String>) {
    for column in columns {
        let name = format!("{prefix}{}", column.original());
        let mut kind = column.kind();
        while let Kind::List(inner) = kind {
            kind = inner;
        }
        let below = if let Kind::Struct(below) = kind { &below[..] } else { &[] };
        names.push(name.clone());
        collect_names(below, &format!("{name}."), names);
    }
}

fn in_columns(columns: &[Column], keys: &[Key], steps: &[Step], places: &mut Vec<Place>) {
    let mergeable = keys.iter().take_while(|key| !key.whole).count();
    for count in 1..=mergeable.max(1) {
        let name = keys[..count].iter().map(|key| &*key.name).collect::<Vec<_>>().join(".");
        for column in columns.iter().filter(|column| column.original() == name) {
            let mut steps = steps.to_vec();
            steps.push(Step::Column(column.name().into()));
            in_kind(column.kind(), &keys[count..], &steps, places);
        }
    }
}

fn in_kind(kind: &Kind, keys: &[Key], steps: &[Step], places: &mut Vec<Place>) {
    let mut place = |holds| places.push(Place::of(steps.to_vec(), holds));
    match kind {
        Kind::List(element) => {
            if keys.is_empty() {
                place(Holds::Composite);
            }
            let steps = [steps, &[Step::Elements]].concat();
            in_kind(element, keys, &steps, places);
        }
        Kind::Struct(columns) if !keys.is_empty() => in_columns(columns, keys, steps, places),
        Kind::Struct(_) => place(Holds::Composite),
        Kind::Map(_) if keys.is_empty() => place(Holds::Composite),
        Kind::Map(_) | Kind::Json => place(Holds::Anything),
        // Capture puts nothing there.
        Kind::Foreign(_) => {}
        // What is in them has no keys.
        _ if !keys.is_empty() => {}
        Kind::Boolean => place(Holds::Boolean),
        Kind::Long => place(Holds::Integer),
        Kind::Double => place(Holds::Double),
        Kind::Decimal => place(Holds::Decimal),
        Kind::Timestamp => place(Holds::TimeText),
        Kind::Date => place(Holds::DateText),
        Kind::String => place(Holds::Text),
    }
}

fn in_envelope(envelope: &Envelope) -> Place {
    use Null::{Absent, Unknown};
    let (holds, null) = match envelope {
        Envelope::Key => (Holds::Bytes, Absent),
        Envelope::Payload => (Holds::Bytes, Absent),
        Envelope::Headers(_) | Envelope::Properties(_) => (Holds::Anything, Absent),
        // A time that no column can hold is among the properties.
        Envelope::Timestamp => (Holds::Time, Unknown),
        Envelope::TimestampType => (Holds::PlainText, Unknown),
        Envelope::IngestedAt => (Holds::Time, Absent),
        Envelope::Source | Envelope::Stream | Envelope::Id => (Holds::PlainText, Unknown),
        Envelope::Partition | Envelope::Position | Envelope::Index => (Holds::Integer, Unknown),
        Envelope::Schema | Envelope::Error | Envelope::Replay => (Holds::PlainText, Absent),
        Envelope::Redelivered => (Holds::Boolean, Unknown),
    };
    Place { null, ..Place::of(vec![Step::Column(envelope.name().into())], holds) }
}

// === impl Place ===

impl Place {
    fn of(steps: Vec<Step>, holds: Holds) -> Place {
        let bare = matches!(&steps[0], Step::Column(name) if is_bare(name));
        Place { steps, holds, bare, null: Null::Absent }
    }

    /// A column of the table.
    pub(super) fn column(name: &str, holds: Holds) -> Place {
        Place { bare: false, ..Place::of(vec![Step::Column(name.into())], holds) }
    }

    /// The column of the table that it is in.
    pub(super) fn root(&self) -> &str {
        match &self.steps[0] {
            Step::Column(name) => name,
            Step::Elements => unreachable!("a table has columns"),
        }
    }

    /// The names down to the value, if no list is on the way.
    pub(super) fn names(&self) -> Option<Vec<&str>> {
        let names = self.steps.iter().map(|step| match step {
            Step::Column(name) => Some(&**name),
            Step::Elements => None,
        });
        names.collect()
    }

    /// Whether the leaf of a Parquet file at this path is in the place. Lists have two levels of their own there, whose
    /// names depend on the writer.
    pub(super) fn includes(&self, path: &[String]) -> bool {
        let mut path = path.iter();
        self.steps.iter().all(|step| match step {
            Step::Column(name) => path.next().is_some_and(|part| **part == **name),
            Step::Elements => path.next().and(path.next()).is_some(),
        })
    }
}

/// Whether a column holds payloads that are no object, or a sibling of it does.
fn is_bare(name: &str) -> bool {
    let rest = name.strip_prefix(crate::shred::BARE_VALUE);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("__"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use arrow::datatypes::{DataType, Field as Column, Fields};
    use catchwater_query::Query;

    use super::*;

    fn schema() -> LakeSchema {
        use DataType::{Float64, Int64, Utf8};
        let named = |column: Column, original: &str| {
            column.with_metadata(HashMap::from([("catchwater.name".to_owned(), original.to_owned())]))
        };
        let sibling = |column: Column, original: &str, kind: &str| {
            let metadata = [("catchwater.name", original), ("catchwater.sibling", kind), ("catchwater.type", kind)];
            column.with_metadata(metadata.map(|(key, value)| (key.to_owned(), value.to_owned())).into())
        };
        let object = |columns: Vec<Column>| DataType::Struct(columns.into());
        let column = |name: &str, kind| Column::new(name, kind, true);
        let sku = object(vec![column("sku", Utf8)]);
        LakeSchema::from_fields(&Fields::from(vec![
            column("_position", Int64),
            column("amount", Int64),
            sibling(column("amount__double", Float64), "amount", "double"),
            sibling(column("amount__json", Utf8), "amount", "json"),
            named(column("a_b", Utf8), "a.b"),
            column("a", object(vec![named(column("x_id", Utf8), "_id"), column("b", Utf8)])),
            column("items", DataType::new_list(sku, true)),
            column("value", Int64),
        ]))
    }

    fn check(field: &str, expected: &[&str]) {
        let query = Query::parse(&format!("{field}:1")).expect("a query");
        let places = places(&schema(), query.fields().next().expect("a field"));
        let shown = |place: &Place| {
            let step = |step: &Step| match step {
                Step::Column(name) => name.to_string(),
                Step::Elements => "[]".into(),
            };
            format!("{} {:?}", place.steps.iter().map(step).collect::<Vec<_>>().join("/"), place.holds)
        };
        assert_eq!(places.iter().map(shown).collect::<Vec<_>>(), expected, "{field}");
    }

    #[test]
    fn siblings_hold_what_does_not_fit() {
        check("amount", &["amount Integer", "amount__double Double", "amount__json Anything"]);
        check("amount.x", &["amount__json Anything"]);
    }

    #[test]
    fn names_are_the_payloads() {
        check("a.b", &["a/b Text", "a_b Text"]);
        check("a.`b`", &["a/b Text"]);
        check("a._id", &["a/x_id Text"]);
        check("a_b", &[]);
        check("`_position`", &[]);
        check("_position", &["_position Integer"]);
    }

    #[test]
    fn lists_are_looked_into() {
        check("items.sku", &["items/[]/sku Text"]);
        check("items", &["items Composite", "items/[] Composite"]);
    }

    #[test]
    fn payloads_that_are_no_object_have_no_names() {
        let query = Query::parse("value:1").expect("a query");
        assert!(places(&schema(), query.fields().next().expect("a field"))[0].bare);
    }
}
