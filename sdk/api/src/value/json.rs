//! A decoded value as JSON, whatever its bytes were.

use std::io::Write;

use super::Value;

impl Value<'_> {
    /// Appends it as JSON without white space. Integers of any length keep their digits.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        match *self {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Bool(flag) => print(out, flag),
            Value::Int(number) => print(out, number),
            Value::UInt(number) => print(out, number),
            // JSON has no infinity and no NaN.
            Value::Float(number) if !number.is_finite() => out.extend_from_slice(b"null"),
            Value::Float(number) => print(out, format_args!("{number:?}")),
            Value::Number(digits) => print(out, digits),
            Value::Text(text) => write_text(text, out),
            Value::List(list) => write_all(b"[]", list.iter(), out, |element, out| element.write_json(out)),
            Value::Object(object) => write_all(b"{}", object.iter(), out, |(key, value), out| {
                write_text(key, out);
                out.push(b':');
                value.write_json(out);
            }),
        }
    }
}

fn write_all<T>(
    brackets: &[u8; 2],
    items: impl Iterator<Item = T>,
    out: &mut Vec<u8>,
    write: impl Fn(T, &mut Vec<u8>),
) {
    out.push(brackets[0]);
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(brackets[1]);
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("memory can be written");
}

fn print(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    write!(out, "{value}").expect("memory can be written");
}
