//! A record as a JSON object on one line.

use std::io::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use catchwater_query::Subject;
use catchwater_sdk::{Field, FieldKind};

/// Appends the record with all that it has, and a newline. A row of a lake also has what only a lake knows.
pub fn write(record: impl Subject, out: &mut Vec<u8>) {
    let partition = record.partition();
    out.extend_from_slice(b"{\"source\":");
    text(&partition.source, out);
    out.extend_from_slice(b",\"stream\":");
    text(&partition.stream, out);
    print(out, format_args!(",\"partition\":{},\"position\":{}", partition.number, record.position()));
    if record.index() != 0 {
        print(out, format_args!(",\"index\":{}", record.index()));
    }
    out.extend_from_slice(b",\"timestamp\":");
    time(record.timestamp().map(|timestamp| timestamp.micros), out);
    out.extend_from_slice(b",\"key\":");
    bytes(record.key(), out);
    fields("headers", record.headers(), out);
    fields("properties", record.properties(), out);
    out.extend_from_slice(b",\"payload\":");
    bytes(record.payload(), out);
    if record.redelivered() {
        out.extend_from_slice(b",\"redelivered\":true");
    }
    beside(&record, out);
    out.extend_from_slice(b"}\n");
}

/// What a lake knows of a record, as far as there is any.
fn beside(record: &impl Subject, out: &mut Vec<u8>) {
    if record.ingested_at().is_some() {
        out.extend_from_slice(b",\"ingested_at\":");
        time(record.ingested_at(), out);
    }
    for (name, value) in [("schema", record.schema()), ("error", record.error()), ("replay", record.replay())] {
        if let Some(value) = value {
            print(out, format_args!(",\"{name}\":"));
            text(value, out);
        }
    }
}

/// RFC 3339 where a calendar has the time, else microseconds.
pub(super) fn time(micros: Option<i64>, out: &mut Vec<u8>) {
    let Some(micros) = micros else { return out.extend_from_slice(b"null") };
    match jiff::Timestamp::from_microsecond(micros) {
        Ok(moment) => print(out, format_args!("\"{moment}\"")),
        Err(_) => print(out, micros),
    }
}

/// Left out where there is none.
fn fields<'a>(name: &str, fields: impl Iterator<Item = Field<'a>>, out: &mut Vec<u8>) {
    let mut fields = fields.peekable();
    if fields.peek().is_some() {
        print(out, format_args!(",\"{name}\":"));
        list(fields, out, named);
    }
}

/// A header or property; a value of a type of its own names it.
pub(super) fn named(field: Field<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"name\":");
    text(field.name, out);
    out.extend_from_slice(b",\"value\":");
    bytes(field.value, out);
    if !matches!(field.kind, FieldKind::Bytes | FieldKind::Text) {
        print(out, format_args!(",\"type\":\"{}\"", field.kind.name()));
    }
    out.push(b'}');
}

pub(super) fn list<T>(items: impl Iterator<Item = T>, out: &mut Vec<u8>, write: impl Fn(T, &mut Vec<u8>)) {
    out.push(b'[');
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

pub(super) fn bytes(bytes: Option<&[u8]>, out: &mut Vec<u8>) {
    match bytes.map(std::str::from_utf8) {
        None => out.extend_from_slice(b"null"),
        Some(Ok(valid)) => text(valid, out),
        Some(Err(_)) => {
            print(out, format_args!("{{\"base64\":\"{}\"}}", BASE64_STANDARD.encode(bytes.unwrap_or_default())))
        }
    }
}

pub(super) fn text(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("memory can be written");
}

pub(super) fn print(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    write!(out, "{value}").expect("memory can be written");
}
