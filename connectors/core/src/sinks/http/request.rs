//! Records become requests.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::Write as _;

use catchwater_sdk::config::{Part, Template};
use catchwater_sdk::{Batch, RecordRef};
use flate2::write::GzEncoder;
use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use serde::de::IgnoredAny;

use super::config::{Body, Compression, Encoding, Plan};
use crate::sinks::encoding::write_json;

/// Where a request goes, and with which headers of its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) url: Url,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

/// Records that are sent together.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) target: Target,
    /// Each a batch of one record.
    pub(super) records: Vec<Batch>,
    pub(super) bytes: usize,
    /// Nothing is added any more.
    pub(super) closed: bool,
}

/// What a record costs beside its content.
const RECORD_BYTES: usize = 128;
/// Among so many of the newest requests one with the same target is looked for.
const OPEN_MAX: usize = 64;

impl Plan {
    /// Where this record goes; else what it lacks.
    pub(super) fn target(&self, record: RecordRef<'_>) -> Result<Target, String> {
        let url = address(&self.url, record)?;
        let mut headers = Vec::with_capacity(self.headers.len());
        for (name, template) in &self.headers {
            let mut value = Vec::new();
            template.render(record, &mut value)?;
            let value = HeaderValue::from_maybe_shared(value);
            headers
                .push((name.clone(), value.map_err(|_| format!("the value of the header `{name}` is no header's"))?));
        }
        Ok(Target { url, headers })
    }

    /// Whether this record can be part of a body; else why not.
    pub(super) fn check(&self, record: RecordRef<'_>) -> Result<(), String> {
        let payload = match (self.encoding, record.payload()) {
            (Encoding::Json, _) => return Ok(()),
            (Encoding::Payload, None) => return Err("a tombstone has no payload to send; `encoding: json` has".into()),
            (Encoding::Payload, Some(payload)) => payload,
        };
        match self.body {
            Body::Event => Ok(()),
            Body::Ndjson => match memchr::memchr(b'\n', payload) {
                None => Ok(()),
                Some(byte) => Err(format!("the payload holds a newline at byte {byte} and would be several lines")),
            },
            Body::Array => match serde_json::from_slice::<IgnoredAny>(payload) {
                Ok(_) => Ok(()),
                Err(error) => Err(format!("the payload is not JSON and cannot be in a list: {error}")),
            },
        }
    }

    /// Adds a record to the newest request for its target that has room, else to a new one.
    pub(super) fn add(&self, waiting: &mut VecDeque<Outgoing>, target: Target, record: Batch) {
        let size = record.get(0).size_bytes() + RECORD_BYTES;
        let open = waiting.iter_mut().rev().take(OPEN_MAX).find(|outgoing| outgoing.target == target);
        match open {
            Some(outgoing) if !outgoing.closed && outgoing.bytes + size <= self.bytes_max => {
                outgoing.records.push(record);
                outgoing.bytes += size;
                outgoing.closed = outgoing.records.len() >= self.records_max;
            }
            open => {
                if let Some(full) = open {
                    full.closed = true;
                }
                let closed = self.records_max == 1;
                waiting.push_back(Outgoing { target, records: vec![record], bytes: size, closed });
            }
        }
    }

    /// The body of a request.
    pub(super) fn body(&self, records: &[Batch]) -> Vec<u8> {
        let mut body = Vec::new();
        for (i, record) in records.iter().flat_map(Batch::iter).enumerate() {
            match self.body {
                Body::Array => body.extend_from_slice(if i == 0 { b"[" } else { b"," }),
                Body::Event | Body::Ndjson => {}
            }
            match self.encoding {
                Encoding::Payload => body.extend_from_slice(record.payload().unwrap_or_default()),
                Encoding::Json => {
                    write_json(record, &mut body);
                    body.pop(); // its newline
                }
            }
            if self.body == Body::Ndjson {
                body.push(b'\n');
            }
        }
        if self.body == Body::Array {
            body.push(b']');
        }
        match self.compression {
            Compression::None => body,
            Compression::Gzip => gzip(&body),
        }
    }
}

// === impl Outgoing ===

impl Outgoing {
    /// As two, in order.
    pub(super) fn halve(mut self) -> (Outgoing, Outgoing) {
        let second = self.records.split_off(self.records.len() / 2);
        let bytes = |records: &[Batch]| records.iter().map(|record| record.get(0).size_bytes() + RECORD_BYTES).sum();
        let second = Outgoing { target: self.target.clone(), bytes: bytes(&second), records: second, closed: true };
        (self.bytes, self.closed) = (bytes(&self.records), true);
        (self, second)
    }
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), flate2::Compression::fast());
    encoder.write_all(body).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

/// What the record brings in is made harmless: it cannot leave its part of the path.
fn address(template: &Template, record: RecordRef<'_>) -> Result<Url, String> {
    let (mut url, mut value) = (String::new(), Vec::new());
    for part in template.parts() {
        match part {
            Part::Text(text) => url.push_str(text),
            part => {
                value.clear();
                part.render(record, &mut value)?;
                push_harmless(&value, &mut url);
            }
        }
    }
    Url::parse(&url).map_err(|error| format!("`{url}` is no URL: {error}"))
}

/// `.` and `..` alone would be taken for folders.
fn push_harmless(value: &[u8], url: &mut String) {
    let is_folder = matches!(value, b"." | b"..");
    for byte in value {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'~') || (*byte == b'.' && !is_folder);
        match plain {
            true => url.push(char::from(*byte)),
            false => write!(url, "%{byte:02X}").expect("memory can be written"),
        }
    }
}
