//! The schema history of a collection: for each version of the table that changed its schema one file
//! `_catchwater/schemas/VERSION.json` that says when, with which records, and what changed.
//!
//! Readers of the table skip the folder. The log has every schema too; this says it in words and keeps it when old log
//! entries are cleaned up.

use std::collections::BTreeSet;

use bytes::Bytes;
use catchwater_sdk::{Result, ResultExt};
use catchwater_storage::Store;
use serde::Serialize;

use super::Part;
use crate::rows::date;
use crate::shred::LakeSchema;
use crate::writer::Covered;

/// One version of the schema.
#[derive(Debug, Serialize)]
pub(super) struct Entry<'a> {
    version: i64,
    at: Option<String>,
    /// The hash of this schema.
    schema: String,
    /// The hashes that rows of this commit have in `_schema`; several when tasks widened the schema side by side.
    rows: BTreeSet<String>,
    /// What changed, in words.
    changes: Vec<&'a str>,
    /// Which records brought the change: those of these ranges.
    positions: Vec<&'a Covered>,
    /// `name: type`
    columns: Vec<String>,
}

// === impl Entry ===

impl<'a> Entry<'a> {
    pub(super) fn new(version: i64, at_micros: i64, schema: &LakeSchema, parts: &[&'a Part]) -> Entry<'a> {
        let changing = || parts.iter().copied().filter(|part| !part.changes.is_empty());
        Entry {
            version,
            at: date::iso(at_micros),
            schema: schema.hash(),
            rows: parts.iter().filter_map(|part| Some(part.schema.as_ref()?.hash())).collect(),
            changes: changing().flat_map(|part| part.changes.iter().map(String::as_str)).collect(),
            positions: changing().flat_map(|part| &part.covered).collect(),
            columns: schema.to_string().lines().map(str::to_owned).collect(),
        }
    }

    /// Writes it where nothing was before: a version is written once.
    pub(super) async fn write(&self, store: &Store) -> Result<()> {
        let path = format!("_catchwater/schemas/{:020}.json", self.version);
        let text = serde_json::to_vec_pretty(self).or_bug(|| format!("write {path}"))?;
        store.put_new(&path, Bytes::from(text)).await
    }
}
