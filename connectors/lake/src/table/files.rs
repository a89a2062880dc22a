//! The data files that a log adds and removes, for those who read the table.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// Whether the files of an entry are wanted. A commit does without them: it then costs the same however many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Files {
    /// To read what is in them.
    Read,
    /// To say the same again, word for word.
    Copy,
    Skip,
}

/// What an entry says of a file, as it says it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Copied {
    /// As it stands there: the same file may not be named in two ways.
    pub(super) path: String,
    pub(super) what: CopiedChange,
}

/// An `add` or a `remove`, as JSON.
#[derive(Debug)]
pub(super) enum CopiedChange {
    Added(Box<RawValue>),
    Removed(Box<RawValue>),
}

/// What an entry says of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FileChange {
    /// It is in the table, in place of a file of the same path.
    Added(Box<Added>),
    /// The file of that path is no longer in the table.
    Removed(String),
}

/// The fields of [`Added`], as the log names them.
pub(super) const ADDED_FIELDS: [&str; 6] = ["path", "partitionValues", "size", "stats", "tags", "deletionVector"];

/// Delta's `add`.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Added {
    /// Below the table's folder, with nothing escaped any more.
    #[serde(deserialize_with = "unescaped")]
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) partition_values: HashMap<String, Option<String>>,
    pub(crate) size: u64,
    /// Delta's statistics, as JSON.
    #[serde(default)]
    pub(crate) stats: Option<Box<str>>,
    #[serde(default)]
    tags: Option<HashMap<String, Option<String>>>,
    #[serde(default, deserialize_with = "is_there")]
    deletion_vector: bool,
}

#[derive(Debug, Deserialize)]
struct Removed {
    #[serde(deserialize_with = "unescaped")]
    path: String,
}

/// An entry's changes in the order in which they count: it may remove a file and add its next version under the same path, in
/// whichever order it says so.
pub(super) fn removals_first<C>(changes: Vec<C>, is_added: impl Fn(&C) -> bool) -> impl Iterator<Item = C> {
    let (added, removed): (Vec<_>, Vec<_>) = changes.into_iter().partition(is_added);
    removed.into_iter().chain(added)
}

// === impl Copied, FileChange, Added ===

impl Copied {
    pub(super) fn added(add: &RawValue) -> serde_json::Result<Copied> {
        Ok(Copied { path: path_of(add)?, what: CopiedChange::Added(add.to_owned()) })
    }

    pub(super) fn removed(remove: &RawValue) -> serde_json::Result<Copied> {
        Ok(Copied { path: path_of(remove)?, what: CopiedChange::Removed(remove.to_owned()) })
    }
}

impl PartialEq for CopiedChange {
    fn eq(&self, other: &CopiedChange) -> bool {
        match (self, other) {
            (CopiedChange::Added(ours), CopiedChange::Added(theirs))
            | (CopiedChange::Removed(ours), CopiedChange::Removed(theirs)) => ours.get() == theirs.get(),
            _ => false,
        }
    }
}

impl Eq for CopiedChange {}

fn path_of(change: &RawValue) -> serde_json::Result<String> {
    #[derive(Deserialize)]
    struct Named {
        path: String,
    }
    serde_json::from_str::<Named>(change.get()).map(|named| named.path)
}

impl FileChange {
    pub(super) fn added(add: &RawValue) -> serde_json::Result<FileChange> {
        serde_json::from_str(add.get()).map(FileChange::Added)
    }

    pub(super) fn removed(remove: &RawValue) -> serde_json::Result<FileChange> {
        serde_json::from_str::<Removed>(remove.get()).map(|removed| FileChange::Removed(removed.path))
    }
}

impl Added {
    /// Whether some of its rows are deleted, which only the file's deletion vector tells.
    pub(super) fn has_deleted_rows(&self) -> bool {
        self.deletion_vector
    }

    /// What the writer noted beside the statistics.
    pub(crate) fn tags(&mut self) -> HashMap<String, String> {
        let tags = self.tags.take().unwrap_or_default();
        tags.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }
}

fn is_there<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Option::<IgnoredAny>::deserialize(deserializer).map(|value| value.is_some())
}

fn unescaped<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let path = String::deserialize(deserializer)?;
    unescape(&path).ok_or_else(|| serde::de::Error::custom(format!("the path `{path}` is not escaped as a URL is")))
}

/// Delta writes paths as URLs do: what else may stand in a file's name is `%` and two digits.
fn unescape(path: &str) -> Option<String> {
    if !path.contains('%') {
        return Some(path.to_owned());
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut parts = path.split('%');
    bytes.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_unescaped() {
        assert_eq!(unescape("date=2026-11-22/a.parquet").as_deref(), Some("date=2026-11-22/a.parquet"));
        assert_eq!(unescape("x%201%25%C3%BC.parquet").as_deref(), Some("x 1%ü.parquet"));
        assert_eq!(unescape("x%2").or(unescape("%zz")).or(unescape("%FF")), None);
    }

    #[test]
    fn a_deletion_vector_is_noticed() {
        let read = |text: &str| serde_json::from_str::<Added>(text).expect("an add").has_deleted_rows();
        assert!(!read(r#"{"path":"a","size":1,"deletionVector":null}"#));
        assert!(!read(r#"{"path":"a","size":1}"#));
        assert!(read(r#"{"path":"a","size":1,"deletionVector":{"storageType":"u","cardinality":1}}"#));
    }
}
