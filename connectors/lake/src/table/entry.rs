//! One entry of the log: what one commit says, a line of JSON for each of its actions.
//!
//! The first line of ours carries a mark: the commit's id, by which a commit is recognised whose answer was lost, and the
//! number of lines. An entry that was cut off at the end of a line would be valid otherwise, its positions missing.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use uuid::Uuid;

use super::commit::{AddFile, Commit};
use super::files::{Copied, FileChange, Files};
use super::metadata::Metadata;
use super::protocol::Protocol;
use crate::rows::envelope::DATE;

/// What an entry says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// The commit's id; none if another tool wrote the entry.
    pub(super) commit: Option<Uuid>,
    pub(super) positions: Vec<Position>,
    pub(super) metadata: Option<Metadata>,
    pub(super) protocol: Option<Protocol>,
    /// In order; none if they were not asked for.
    pub(super) files: Vec<FileChange>,
    /// The same word for word, for who asked for that.
    pub(super) copied: Vec<Copied>,
}

/// Delta's `txn`: a position in the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Position {
    pub(super) app_id: String,
    pub(super) version: i64,
}

/// A line. Actions that do not concern us are left out, whatever they are: what must not be ignored is announced by the
/// protocol.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Action<'a> {
    commit_info: Option<CommitInfo>,
    txn: Option<Position>,
    meta_data: Option<Metadata>,
    protocol: Option<Protocol>,
    #[serde(borrow)]
    add: Option<&'a RawValue>,
    #[serde(borrow)]
    remove: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct CommitInfo {
    catchwater: Option<Mark>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    commit: Uuid,
    lines: usize,
}

// === impl Entry ===

impl Entry {
    /// Reads an entry; the error says how it is damaged.
    pub(super) fn parse(bytes: &[u8], files: Files) -> Result<Entry, String> {
        let mut entry = Entry::default();
        let (mut lines, mut expected) = (0, None);
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
            lines += 1;
            let mark = serde_json::from_slice(line).and_then(|action| entry.take(action, files));
            expected = mark.map_err(|error| format!("line {lines} cannot be read: {error}"))?.or(expected);
        }
        match expected {
            _ if lines == 0 => Err("it is empty".to_owned()),
            Some(expected) if expected != lines => Err(format!("it has {lines} of {expected} lines")),
            _ => Ok(entry),
        }
    }

    /// Takes a line in; answers how many lines there are to be, if this is the one that says so.
    pub(super) fn take(&mut self, action: Action<'_>, files: Files) -> serde_json::Result<Option<usize>> {
        self.positions.extend(action.txn);
        self.metadata = action.meta_data.or(self.metadata.take());
        self.protocol = action.protocol.or(self.protocol.take());
        match files {
            Files::Read => {
                self.files.extend(action.add.map(FileChange::added).transpose()?);
                self.files.extend(action.remove.map(FileChange::removed).transpose()?);
            }
            Files::Copy => {
                self.copied.extend(action.add.map(Copied::added).transpose()?);
                self.copied.extend(action.remove.map(Copied::removed).transpose()?);
            }
            Files::Skip => {}
        }
        let mark = action.commit_info.and_then(|info| info.catchwater);
        Ok(mark.map(|mark| {
            self.commit = Some(mark.commit);
            mark.lines
        }))
    }

    /// Writes the entry of a commit, which has `files` beside what is here.
    pub(super) fn encode(&self, commit: &Commit, now_millis: i64) -> Bytes {
        let mut actions = vec![Value::Null];
        actions.extend(self.protocol.iter().map(|protocol| json!({ "protocol": protocol })));
        actions.extend(self.metadata.iter().map(|metadata| json!({ "metaData": metadata })));
        actions.extend(commit.adds.iter().map(|file| add(file, now_millis)));
        actions.extend(self.positions.iter().map(|position| json!({ "txn": position })));
        actions[0] = commit_info(Mark { commit: commit.id, lines: actions.len() }, now_millis);
        let lines: String = actions.iter().map(|action| format!("{action}\n")).collect();
        lines.into()
    }
}

fn commit_info(mark: Mark, now_millis: i64) -> Value {
    json!({ "commitInfo": {
        "timestamp": now_millis,
        "operation": "WRITE",
        "operationParameters": { "mode": "Append", "partitionBy": format!("[\"{DATE}\"]") },
        "isBlindAppend": true,
        "engineInfo": concat!("catchwater ", env!("CARGO_PKG_VERSION")),
        "catchwater": mark,
    }})
}

fn add(file: &AddFile, now_millis: i64) -> Value {
    json!({ "add": {
        "path": file.path,
        "partitionValues": { DATE: file.date },
        "size": file.size,
        "modificationTime": now_millis,
        "dataChange": true,
        "stats": file.stats,
        "tags": file.tags,
    }})
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn sample() -> (Entry, Bytes) {
        let file = |date: Option<&str>| AddFile {
            path: "date=x/f.parquet".into(),
            date: date.map(str::to_owned),
            size: 7,
            stats: r#"{"numRecords":1}"#.into(),
            tags: HashMap::new(),
        };
        let adds = vec![file(Some("2026-11-22")), file(None)];
        let commit = Commit { id: Uuid::now_v7(), adds, moves: Vec::new(), schema: None };
        let positions = vec![Position { app_id: "a/b".into(), version: 7 }];
        let entry = Entry { commit: Some(commit.id), positions, protocol: Some(Protocol::NEW), ..Entry::default() };
        let bytes = entry.encode(&commit, 1_764_000_000_000);
        (entry, bytes)
    }

    fn check_damaged(bytes: &[u8], expected: &str) {
        let error = Entry::parse(bytes, Files::Skip).expect_err("it is damaged");
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn comes_back_as_it_was() {
        let (entry, bytes) = sample();
        assert_eq!(Entry::parse(&bytes, Files::Skip), Ok(entry));
    }

    #[test]
    fn the_null_date_is_null() {
        let (_, bytes) = sample();
        assert!(String::from_utf8_lossy(&bytes).contains(r#""partitionValues":{"date":null}"#));
    }

    #[test]
    fn a_torn_entry_is_noticed_wherever_it_is_cut() {
        let (_, bytes) = sample();
        // Without the last line's end nothing is missing.
        for length in 0..bytes.len() - 1 {
            assert!(Entry::parse(&bytes[..length], Files::Skip).is_err(), "cut after {length} bytes");
        }
        check_damaged(b"", "it is empty");
        check_damaged(&bytes[..bytes.len() - 3], "line 5 cannot be read");
        let last_line = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').expect("several lines");
        check_damaged(&bytes[..last_line], "it has 4 of 5 lines");
    }

    #[test]
    fn files_are_read_when_they_are_asked_for() {
        let (_, bytes) = sample();
        let entry = Entry::parse(&bytes, Files::Read).expect("an entry");
        let dates = entry.files.into_iter().map(|change| match change {
            FileChange::Added(file) => (file.path, file.partition_values["date"].clone(), file.size),
            FileChange::Removed(path) => (path, None, 0),
        });
        let path = "date=x/f.parquet".to_owned();
        assert_eq!(dates.collect::<Vec<_>>(), [(path.clone(), Some("2026-11-22".into()), 7), (path, None, 7)]);
    }

    #[test]
    fn other_tools_entries_are_read_as_they_are() {
        let foreign = br#"{"remove":{"path":"x"}}
{"commitInfo":{"operation":"OPTIMIZE"}}"#;
        assert_eq!(Entry::parse(foreign, Files::Skip), Ok(Entry::default()));
    }
}
