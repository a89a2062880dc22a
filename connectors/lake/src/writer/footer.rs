//! What each data file says about itself, so that the files alone suffice for a recovery.
//!
//! Under the key `catchwater` of the Parquet footer stands one JSON object:
//!
//! ```json
//! {"version":1, "commit":"0199…", "file":1, "files":3, "replaces":[],
//!  "positions":[{"capture":"archive","source":"kraft-1","incarnation":"x","stream":"orders","partition":0,"from":100,"to":250}]}
//! ```
//!
//! The files of one commit are complete when all `files` of them are there; only then do their `positions` count. A range
//! covers also what was dropped on the way, so that ranges without a gap mean that nothing is missing. `from` is null when
//! the table had no position of the partition before. `replaces` names the files that a rewrite took in.

use catchwater_sdk::Partition;
use parquet::file::metadata::{FileMetaData, KeyValue};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The key in the Parquet footer.
const KEY: &str = "catchwater";

/// The part of a partition that a commit covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covered {
    /// The consumer group, or else the pipeline.
    pub capture: String,
    /// Which system it was read from.
    pub source: String,
    /// Which life of the stream.
    pub incarnation: String,
    /// Topic, queue or file.
    pub stream: String,
    /// The number of the partition.
    pub partition: i32,
    /// Where the table was before; none if it had no position.
    pub from: Option<i64>,
    /// Where reading goes on behind it.
    pub to: i64,
}

/// What a data file says of its place in the table, as it is read back.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct FileFooter {
    /// Of this form: 1.
    pub version: u32,
    /// The commit that put it there.
    pub commit: String,
    /// Which file of the commit it is, counted from 1.
    pub file: usize,
    /// How many files the commit has.
    pub files: usize,
    /// The files that it was made of, if it is a rewrite.
    pub replaces: Vec<String>,
    /// What the commit covers of each partition.
    pub positions: Vec<Covered>,
}

/// One file's place among those of its commit.
#[derive(Debug, Serialize)]
pub(crate) struct Footer<'a> {
    version: u32,
    commit: String,
    file: usize,
    files: usize,
    replaces: [&'a str; 0],
    positions: &'a [Covered],
}

impl Covered {
    pub(crate) fn new(capture: &str, partition: &Partition, from: Option<i64>, to: i64) -> Covered {
        Covered {
            capture: capture.to_owned(),
            source: partition.source.to_string(),
            incarnation: partition.incarnation.to_string(),
            stream: partition.stream.to_string(),
            partition: partition.number,
            from,
            to,
        }
    }

    /// The partition.
    pub fn partition(&self) -> Partition {
        Partition {
            source: self.source.as_str().into(),
            stream: self.stream.as_str().into(),
            incarnation: self.incarnation.as_str().into(),
            number: self.partition,
        }
    }

    /// Whether it is of that partition.
    pub fn is_of(&self, partition: &Partition) -> bool {
        self.partition == partition.number
            && *self.stream == *partition.stream
            && *self.source == *partition.source
            && *self.incarnation == *partition.incarnation
    }
}

impl FileFooter {
    /// Reads it from a Parquet footer; none if another tool wrote the file.
    pub(crate) fn of(metadata: &FileMetaData) -> Option<FileFooter> {
        let pair = metadata.key_value_metadata()?.iter().find(|pair| pair.key == KEY)?;
        serde_json::from_str(pair.value.as_deref()?).ok()
    }
}

impl<'a> Footer<'a> {
    /// For file number `file`, counted from 1, of `files`.
    pub(crate) fn new(commit: Uuid, file: usize, files: usize, positions: &'a [Covered]) -> Footer<'a> {
        Footer { version: 1, commit: commit.to_string(), file, files, replaces: [], positions }
    }

    pub(crate) fn to_key_value(&self) -> KeyValue {
        let text = serde_json::to_string(self).expect("a footer holds nothing that JSON cannot");
        KeyValue::new(KEY.to_owned(), text)
    }
}
