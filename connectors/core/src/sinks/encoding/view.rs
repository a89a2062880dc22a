//! A record for the eyes of a person at a terminal: one line, its place and key first, dimmed.

use std::io::Write;

use catchwater_sdk::RecordRef;

const DIM: &str = "\x1b[2m";
const KEY: &str = "\x1b[36m";
const PLAIN: &str = "\x1b[0m";

/// Appends the line. What a terminal would obey is written as an escape: a record must not move the cursor.
pub(crate) fn write(record: RecordRef<'_>, out: &mut Vec<u8>) {
    print(out, format_args!("{DIM}{}@{}{PLAIN} ", record.partition(), record.position()));
    if let Some(key) = record.key() {
        out.extend_from_slice(KEY.as_bytes());
        harmless(key, out);
        print(out, format_args!("{PLAIN} "));
    }
    for header in record.headers() {
        print(out, DIM);
        harmless(header.name.as_bytes(), out);
        out.push(b'=');
        harmless(header.value.unwrap_or(b"(null)"), out);
        print(out, format_args!("{PLAIN} "));
    }
    match record.payload() {
        Some(payload) => harmless(payload, out),
        None => print(out, format_args!("{DIM}(tombstone){PLAIN}")),
    }
    out.push(b'\n');
}

fn harmless(bytes: &[u8], out: &mut Vec<u8>) {
    for character in String::from_utf8_lossy(bytes).chars() {
        match character.is_control() {
            true => print(out, character.escape_default()),
            false => print(out, character),
        }
    }
}

fn print(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    write!(out, "{value}").expect("memory can be written");
}
