//! Records as a case writes them: a text, which is the payload, `~` for a tombstone, or a mapping with what else a record has.

use std::collections::BTreeMap;

use catchwater_sdk::config::{Kind, Mistake, Node};
use catchwater_sdk::{Batch, BatchBuilder, Field, FieldKind, Record, RecordRef, Timestamp, TimestampKind};
use serde::Deserialize;
use serde::de::{Deserializer, Error};
use serde_json::{Value, json};

/// `None` is a tombstone.
pub(super) type Payload = Option<Vec<u8>>;

/// What a case says of a record. Of one that comes out, the rest is not compared.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Said {
    #[serde(default, deserialize_with = "said")]
    payload: Option<Option<String>>,
    #[serde(default, deserialize_with = "said")]
    key: Option<Option<String>>,
    headers: Option<BTreeMap<String, Option<String>>>,
    #[serde(default, deserialize_with = "time")]
    timestamp: Option<Option<i64>>,
}

/// A record that goes in or has come out. Its headers are in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Given {
    pub(super) payload: Payload,
    key: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
    /// In microseconds.
    timestamp: Option<i64>,
}

// === impl Said ===

impl Said {
    pub(super) fn read(node: &Node) -> Result<Said, Mistake> {
        match node.kind {
            Kind::Map(..) => node.read(),
            _ => Ok(Said { payload: Some(node.read()?), ..Said::default() }),
        }
    }

    pub(super) fn given(self) -> Given {
        let bytes = |text: Option<String>| text.map(String::into_bytes);
        let headers = self.headers.unwrap_or_default().into_iter();
        Given {
            payload: bytes(self.payload.flatten()),
            key: bytes(self.key.flatten()),
            headers: headers.map(|(name, value)| (name, bytes(value))).collect(),
            timestamp: self.timestamp.flatten(),
        }
    }

    /// Whether all that is said of it is true of a record.
    pub(super) fn fits(&self, came: &Given) -> bool {
        let said = self.clone().given();
        (self.payload.is_none() || said.payload == came.payload)
            && (self.key.is_none() || said.key == came.key)
            && (self.headers.is_none() || said.headers == came.headers)
            && (self.timestamp.is_none() || said.timestamp == came.timestamp)
    }

    /// In a line: the payload, or all that is said.
    pub(super) fn show(&self, wholly: bool) -> String {
        let given = self.clone().given();
        if !wholly {
            return given.show(false);
        }
        let is_said =
            [self.payload.is_some(), self.key.is_some(), self.headers.is_some(), self.timestamp.is_some()].into_iter();
        in_line(given.parts().into_iter().zip(is_said).filter_map(|(part, is_said)| is_said.then_some(part)))
    }

    /// Whether it says more than what the payload is.
    pub(super) fn says_more(&self) -> bool {
        self.payload.is_none() || self.key.is_some() || self.headers.is_some() || self.timestamp.is_some()
    }
}

fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<i64>>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(Some(None)) };
    let wrong = |_| D::Error::custom(format!("`{text}` is no time: write it like 2026-11-22T10:00:00Z"));
    text.parse::<jiff::Timestamp>().map(|time| Some(Some(time.as_microsecond()))).map_err(wrong)
}

// === impl Given ===

impl Given {
    pub(super) fn put(&self, batch: &mut BatchBuilder, origin: u32, position: i64) {
        let headers = self.headers.iter();
        let headers: Vec<_> =
            headers.map(|(name, value)| Field { name, value: value.as_deref(), kind: FieldKind::Text }).collect();
        let timestamp = self.timestamp.map(|micros| Timestamp { micros, kind: TimestampKind::Create });
        let (payload, key) = (self.payload.as_deref(), self.key.as_deref());
        let record = Record { payload, key, headers: &headers, timestamp, ..Record::default() };
        batch.push(origin, position, position + 1, record);
    }

    /// The same with another payload.
    pub(super) fn with(&self, payload: Payload) -> Given {
        Given { payload, ..self.clone() }
    }

    pub(super) fn all(batch: &Batch) -> Vec<Given> {
        batch.iter().map(Given::of).collect()
    }

    pub(super) fn of(record: RecordRef<'_>) -> Given {
        let bytes = |part: Option<&[u8]>| part.map(<[u8]>::to_vec);
        let mut headers: Vec<_> =
            record.headers().map(|header| (header.name.to_owned(), bytes(header.value))).collect();
        headers.sort();
        Given {
            payload: bytes(record.payload()),
            key: bytes(record.key()),
            headers,
            timestamp: record.timestamp().map(|time| time.micros),
        }
    }

    /// In a line: its payload, or all of it.
    pub(super) fn show(&self, wholly: bool) -> String {
        match (&self.payload, wholly) {
            (_, true) => in_line(self.parts()),
            (Some(payload), false) => text(payload),
            (None, false) => "~".into(),
        }
    }

    fn parts(&self) -> [(&'static str, Value); 4] {
        let time =
            |micros| jiff::Timestamp::from_microsecond(micros).map_or(micros.to_string(), |time| time.to_string());
        let headers = self.headers.iter().map(|(name, value)| (name.clone(), json!(value.as_deref().map(text))));
        [
            ("payload", json!(self.payload.as_deref().map(text))),
            ("key", json!(self.key.as_deref().map(text))),
            ("headers", Value::Object(headers.collect())),
            ("timestamp", json!(self.timestamp.map(time))),
        ]
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn in_line(parts: impl IntoIterator<Item = (&'static str, Value)>) -> String {
    let parts: Vec<_> = parts.into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
    parts.join(", ")
}
