//! How a record becomes a line.

mod json;
mod picked;
mod view;

use catchwater_sdk::RecordRef;
use schemars::JsonSchema;
use serde::Deserialize;

/// How a record is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Encoding {
    /// The payload as it is, and a newline. A record whose payload holds a newline, and a tombstone, is rejected.
    #[default]
    Lines,
    /// A JSON object with all that the record has: source, stream, partition, position, timestamp, key, headers,
    /// properties, payload, and redelivered where it is true. What is not UTF-8 is `{"base64": "..."}`, what is absent is null.
    Json,
}

impl Encoding {
    /// Appends the record's line, or says why it cannot be one and appends nothing.
    pub(crate) fn write(self, record: RecordRef<'_>, out: &mut Vec<u8>) -> Result<(), String> {
        match self {
            Encoding::Lines => write_line(record, out),
            Encoding::Json => {
                write_json(record, out);
                Ok(())
            }
        }
    }
}

pub use json::write as write_json;
pub use picked::write as write_field;
pub(crate) use view::write as write_view;

fn write_line(record: RecordRef<'_>, out: &mut Vec<u8>) -> Result<(), String> {
    let Some(payload) = record.payload() else {
        return Err("a tombstone has no line; `encoding: json` has".into());
    };
    if let Some(byte) = memchr::memchr(b'\n', payload) {
        return Err(format!(
            "the payload holds a newline at byte {byte} and would be several lines; `encoding: json` keeps it one"
        ));
    }
    out.reserve(payload.len() + 1);
    out.extend_from_slice(payload);
    out.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests;
