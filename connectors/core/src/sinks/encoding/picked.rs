//! One field of a record, as JSON.

use catchwater_query::field::{Envelope, Field};
use catchwater_query::{Subject, row_id};
use catchwater_sdk::Field as Named;
use catchwater_sdk::record::TimestampKind;
use catchwater_sdk::value::Decoded;

use super::json::{bytes, list, named, print, text, time};

/// Appends what the record has there: null where it has nothing, a list where it has several values.
pub fn write(field: &Field, record: &impl Subject, out: &mut Vec<u8>) {
    match field {
        Field::Envelope(field) => envelope(field, record, out),
        Field::Payload(path) => match record.value() {
            Decoded::Value(payload) => one_or_all(path.values(payload), out, |value, out| value.write_json(out)),
            Decoded::Absent | Decoded::Undecodable(_) => null(out),
        },
    }
}

fn envelope(field: &Envelope, record: &impl Subject, out: &mut Vec<u8>) {
    match field {
        Envelope::Key => bytes(record.key(), out),
        Envelope::Payload => bytes(record.payload(), out),
        Envelope::Headers(name) => fields(record.headers(), name.as_deref(), out),
        Envelope::Properties(name) => fields(record.properties(), name.as_deref(), out),
        Envelope::Timestamp => time(record.timestamp().map(|timestamp| timestamp.micros), out),
        Envelope::TimestampType => optional(
            record.timestamp().map(|timestamp| match timestamp.kind {
                TimestampKind::Create => "create",
                TimestampKind::Append => "append",
            }),
            out,
        ),
        Envelope::IngestedAt => time(record.ingested_at(), out),
        Envelope::Source => text(&record.partition().source, out),
        Envelope::Stream => text(&record.partition().stream, out),
        Envelope::Partition => print(out, record.partition().number),
        Envelope::Position => print(out, record.position()),
        Envelope::Index => print(out, record.index()),
        Envelope::Id => text(&row_id(record.partition(), record.position(), record.index()), out),
        Envelope::Schema => optional(record.schema(), out),
        Envelope::Error => optional(record.error(), out),
        Envelope::Redelivered => print(out, record.redelivered()),
        Envelope::Replay => optional(record.replay(), out),
    }
}

/// Those of one name are their values; all of them are objects with their names.
fn fields<'a>(fields: impl Iterator<Item = Named<'a>>, name: Option<&str>, out: &mut Vec<u8>) {
    match name {
        None => list(fields, out, named),
        Some(name) => {
            let of_name = fields.filter(|field| field.name == name).map(|field| field.value).collect();
            one_or_all(of_name, out, bytes);
        }
    }
}

fn one_or_all<T: Copy>(values: Vec<T>, out: &mut Vec<u8>, write: impl Fn(T, &mut Vec<u8>)) {
    match values[..] {
        [] => null(out),
        [one] => write(one, out),
        _ => list(values.into_iter(), out, write),
    }
}

fn optional(value: Option<&str>, out: &mut Vec<u8>) {
    bytes(value.map(str::as_bytes), out);
}

fn null(out: &mut Vec<u8>) {
    out.extend_from_slice(b"null");
}
