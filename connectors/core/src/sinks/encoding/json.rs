//! A record as a JSON object on one line.

use std::io::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use catchwater_sdk::{Field, FieldKind, RecordRef, Timestamp};

/// Appends the record with all that it has, and a newline.
pub fn write(record: RecordRef<'_>, out: &mut Vec<u8>) {
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
    timestamp(record.timestamp(), out);
    out.extend_from_slice(b",\"key\":");
    bytes(record.key(), out);
    fields("headers", record.headers(), out);
    fields("properties", record.properties(), out);
    out.extend_from_slice(b",\"payload\":");
    bytes(record.payload(), out);
    out.extend_from_slice(b"}\n");
}

/// RFC 3339 where a calendar has the time, else microseconds.
fn timestamp(timestamp: Option<Timestamp>, out: &mut Vec<u8>) {
    let Some(Timestamp { micros, .. }) = timestamp else { return out.extend_from_slice(b"null") };
    match jiff::Timestamp::from_microsecond(micros) {
        Ok(moment) => print(out, format_args!("\"{moment}\"")),
        Err(_) => print(out, micros),
    }
}

/// Left out where there is none; a value of a type of its own names it.
fn fields<'a>(name: &str, fields: impl ExactSizeIterator<Item = Field<'a>>, out: &mut Vec<u8>) {
    if fields.len() == 0 {
        return;
    }
    print(out, format_args!(",\"{name}\":["));
    for (i, field) in fields.enumerate() {
        out.extend_from_slice(if i == 0 { b"{\"name\":" } else { b",{\"name\":" });
        text(field.name, out);
        out.extend_from_slice(b",\"value\":");
        bytes(field.value, out);
        if !matches!(field.kind, FieldKind::Bytes | FieldKind::Text) {
            print(out, format_args!(",\"type\":\"{}\"", field.kind.name()));
        }
        out.push(b'}');
    }
    out.push(b']');
}

fn bytes(bytes: Option<&[u8]>, out: &mut Vec<u8>) {
    match bytes.map(std::str::from_utf8) {
        None => out.extend_from_slice(b"null"),
        Some(Ok(valid)) => text(valid, out),
        Some(Err(_)) => {
            print(out, format_args!("{{\"base64\":\"{}\"}}", BASE64_STANDARD.encode(bytes.unwrap_or_default())))
        }
    }
}

fn text(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("memory can be written");
}

fn print(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    write!(out, "{value}").expect("memory can be written");
}
