//! Hides values that not everybody may see.

mod masking;
#[cfg(test)]
mod tests;

use catchwater_sdk::config::Secret;
use catchwater_sdk::transform::{Output, Transform};
use catchwater_sdk::{Batch, Error, Field, Record, RecordRef, Registry, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::masking::Masking;
use super::fields::{Action, Paths, rewrite};

/// Hides values that not everybody may see: in fields of JSON payloads, in headers, in the key.
///
/// Only the values change; everything else of a payload stays byte for byte. A payload that is not JSON is rejected where
/// `fields` are named, since nobody can say what is in it; the dead letters then hold it as it came. Tombstones and nulls
/// pass. Several ways of masking are several steps.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Fields of the payload. `*` is any one key, `**` any number of keys; lists are passed through, so `items.card` is
    /// the `card` of each item. With a list or an object, every value in it is masked.
    #[serde(default)]
    #[schemars(extend("examples" = [["customer.email", "customer.*.phone", "**.card"]], "x-names" = ["paths"]))]
    fields: Vec<String>,
    /// Headers, by name.
    #[serde(default)]
    headers: Vec<String>,
    /// Whether the record's key is masked. With `hash`, equal keys stay equal.
    #[serde(default)]
    key: bool,
    /// What becomes of a value.
    #[schemars(extend("x-names" = ["method", "mode"], "examples" = ["redact"]))]
    how: How,
    /// What stands there instead, with `redact`. Default: `***`.
    text: Option<String>,
    /// The secret key, with `hash`: who does not have it cannot find a value by trying.
    secret: Option<Secret>,
    /// How many hexadecimal digits, with `hash`, from 8 to 64. Default: 64.
    length: Option<usize>,
    /// How many characters at the end stay, with `partial`. Default: 4.
    keep: Option<usize>,
}

/// What becomes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum How {
    /// A fixed text stands there instead.
    Redact,
    /// A code of it (HMAC-SHA-256) stands there instead: equal values stay equal, so that one can still join and count.
    Hash,
    /// Stars and its last characters, such as `***1234`. All of a value is hidden that is not at least twice as long as
    /// what stays.
    Partial,
}

pub(crate) fn register(registry: &mut Registry) {
    registry.transform("mask", |config: Config, _| Ok(Box::new(Mask::new(config)?)));
}

struct Mask {
    paths: Paths,
    headers: Vec<String>,
    key: bool,
    masking: Masking,
}

// === impl Mask ===

impl Mask {
    fn new(config: Config) -> Result<Mask> {
        if config.fields.is_empty() && config.headers.is_empty() && !config.key {
            return Err(Error::config("nothing to mask: give `fields`, `headers` or `key: true`"));
        }
        Ok(Mask {
            paths: Paths::new(config.fields.iter().map(String::as_str), "fields")?,
            masking: Masking::new(&config)?,
            headers: config.headers,
            key: config.key,
        })
    }

    /// The payload with its fields masked; `None` where none is in it.
    fn payload(&self, payload: Option<&[u8]>) -> Result<Option<Vec<u8>>, String> {
        let Some(payload) = payload.filter(|_| !self.paths.is_empty()) else { return Ok(None) };
        let mut out = Vec::new();
        let masking = &self.masking;
        let changed = rewrite(&self.paths, payload, &mut out, &mut |_, value, out| match value.as_bytes()[0] {
            b'{' | b'[' => Action::Each,
            _ => {
                masking.value(value, out);
                Action::Written
            }
        });
        Ok(changed?.then_some(out))
    }

    fn is_masked(&self, header: &Field<'_>) -> bool {
        header.value.is_some() && self.headers.iter().any(|name| name == header.name)
    }

    /// What stands instead of each header that is masked; empty where none is.
    fn headers(&self, record: RecordRef<'_>) -> Vec<Option<String>> {
        if self.headers.is_empty() || !record.headers().any(|header| self.is_masked(&header)) {
            return Vec::new();
        }
        let text =
            |header: Field<'_>| header.value.filter(|_| self.is_masked(&header)).map(|value| self.masking.text(value));
        record.headers().map(text).collect()
    }

    fn apply_to(&self, i: usize, record: RecordRef<'_>, out: &mut Output<'_>) -> Result<(), String> {
        let payload = self.payload(record.payload())?;
        let key = record.key().filter(|_| self.key).map(|key| self.masking.text(key));
        let texts = self.headers(record);
        if payload.is_none() && key.is_none() && texts.is_empty() {
            out.keep(i);
            return Ok(());
        }
        let mut headers: Vec<_> = record.headers().collect();
        for (header, text) in headers.iter_mut().zip(&texts) {
            if let Some(text) = text {
                *header = Field::text(header.name, text);
            }
        }
        let properties: Vec<_> = record.properties().collect();
        let payload = payload.as_deref().or(record.payload());
        let key = key.as_ref().map(String::as_bytes).or(record.key());
        out.replace(i, Record { payload, key, ..record.with_fields(&headers, &properties) });
        Ok(())
    }
}

impl Transform for Mask {
    fn apply(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<()> {
        for (i, record) in batch.iter().enumerate() {
            if let Err(reason) = self.apply_to(i, record, out) {
                out.reject(i, reason);
            }
        }
        Ok(())
    }

    fn state(&self) -> Option<Vec<u8>> {
        None
    }
}
