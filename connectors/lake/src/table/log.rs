//! The log of a table: the folder `_delta_log` with one file per entry and, now and then, a checkpoint.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use catchwater_sdk::{Error, Result, ResultExt};
use catchwater_storage::{Created, Store};
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::entry::Entry;
use super::files::Files;

/// Where it is, below the table.
pub(super) const FOLDER: &str = "_delta_log";

const HINT: &str = "_delta_log/_last_checkpoint";

/// A table's log.
#[derive(Clone, Debug)]
pub(super) struct Log {
    store: Store,
}

/// What is in the folder.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) entries: BTreeSet<i64>,
    /// The files of each checkpoint that is complete.
    pub(super) checkpoints: BTreeMap<i64, Vec<String>>,
}

/// The file that tells where the newest checkpoint is: a hint, written after it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LastCheckpoint {
    version: i64,
    /// In rows.
    size: Option<usize>,
    size_in_bytes: Option<usize>,
}

// === impl Log ===

impl Log {
    pub(super) fn new(store: Store) -> Log {
        Log { store }
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Reads an entry without its files; none if it is not there yet.
    pub(super) async fn read(&self, version: i64) -> Result<Option<Entry>> {
        self.read_with(version, Files::Skip).await
    }

    /// Reads an entry; none if it is not there yet.
    pub(super) async fn read_with(&self, version: i64, files: Files) -> Result<Option<Entry>> {
        match self.store.get(&entry_path(version)).await? {
            Some(bytes) => self.parse(version, &bytes, files).map(Some),
            None => Ok(None),
        }
    }

    fn parse(&self, version: i64, bytes: &[u8], files: Files) -> Result<Entry> {
        Entry::parse(bytes, files).map_err(|damage| {
            Error::refused(format!(
                "read {}/{}: {damage}; put the file back from a copy of the lake. Without one, and if it is the last entry, move \
                 it away: what it added is then read again, if the source still has it",
                self.store.url(),
                entry_path(version)
            ))
        })
    }

    /// Writes an entry if there is none of that version.
    pub(super) async fn create(&self, version: i64, bytes: Bytes) -> Result<Created> {
        self.store.create(&entry_path(version), bytes).await
    }

    /// Writes a checkpoint of that many rows, and the hint that leads to it.
    pub(super) async fn create_checkpoint(&self, version: i64, rows: usize, bytes: Bytes) -> Result<()> {
        let size_in_bytes = Some(bytes.len());
        match self.store.create(&checkpoint_path(version), bytes).await? {
            // By another process, of the same entries; the hint it writes itself.
            Created::Existed => return Ok(()),
            Created::New => {}
        }
        let hint = LastCheckpoint { version, size: Some(rows), size_in_bytes };
        let hint = serde_json::to_vec(&hint).or_bug(|| "encode the hint of a checkpoint".to_owned())?;
        self.store.replace(HINT, hint.into()).await
    }

    /// Makes sure that no power cut takes back what was read.
    pub(super) async fn settle(&self) -> Result<()> {
        self.store.settle(FOLDER).await
    }

    /// The newest checkpoint, if there is word of one.
    pub(super) async fn last_checkpoint(&self) -> Result<Option<i64>> {
        let Some(bytes) = self.store.get(HINT).await? else { return Ok(None) };
        match serde_json::from_slice::<LastCheckpoint>(&bytes) {
            Ok(last) => Ok(Some(last.version)),
            Err(error) => {
                warn!(table = %self.store.url(), %error, "damaged hint of the last checkpoint, the whole log is listed");
                Ok(None)
            }
        }
    }

    /// Lists what there is from a version on.
    pub(super) async fn list(&self, from: i64) -> Result<Listing> {
        let files = self.store.list(FOLDER, &format!("{FOLDER}/{from:020}")).await?;
        let names = files.iter().filter_map(|file| file.path.strip_prefix(FOLDER)?.strip_prefix('/'));
        Ok(Listing::of(names))
    }
}

/// The path of an entry.
pub(super) fn entry_path(version: i64) -> String {
    format!("{FOLDER}/{version:020}.json")
}

fn checkpoint_path(version: i64) -> String {
    format!("{FOLDER}/{version:020}.checkpoint.parquet")
}

// === impl Listing ===

impl Listing {
    fn of<'a>(names: impl Iterator<Item = &'a str>) -> Listing {
        let mut listing = Listing::default();
        let mut parts: BTreeMap<(i64, usize), Vec<String>> = BTreeMap::new();
        for name in names {
            let Some((version, rest)) = split(name) else { continue };
            match rest.split('.').collect::<Vec<_>>()[..] {
                ["json"] => drop(listing.entries.insert(version)),
                ["checkpoint", "parquet"] => parts.entry((version, 1)).or_default().push(path(name)),
                ["checkpoint", _, count, "parquet"] => match count.parse() {
                    Ok(count) => parts.entry((version, count)).or_default().push(path(name)),
                    Err(_) => continue,
                },
                _ => continue,
            }
        }
        let complete = parts.into_iter().filter(|((_, count), files)| files.len() == *count);
        listing.checkpoints = complete.map(|((version, _), files)| (version, files)).collect();
        listing
    }
}

fn path(name: &str) -> String {
    format!("{FOLDER}/{name}")
}

/// `00000000000000000007.json` is version 7 and `json`.
fn split(name: &str) -> Option<(i64, &str)> {
    let (number, rest) = name.split_once('.')?;
    let is_version = number.len() == 20 && number.bytes().all(|byte| byte.is_ascii_digit());
    Some((is_version.then(|| number.parse().ok())??, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_only_what_belongs_to_the_log() {
        let names = [
            "00000000000000000007.json",
            "00000000000000000008.json",
            "00000000000000000007.checkpoint.parquet",
            "00000000000000000008.checkpoint.0000000001.0000000002.parquet",
            "00000000000000000009.checkpoint.0000000001.0000000002.parquet",
            "00000000000000000009.checkpoint.0000000002.0000000002.parquet",
            "00000000000000000009.crc",
            "_last_checkpoint",
            "7.json",
            "_sidecars/x.parquet",
        ];
        let listing = Listing::of(names.into_iter());
        assert_eq!(listing.entries.into_iter().collect::<Vec<_>>(), [7, 8]);
        let complete: Vec<_> = listing.checkpoints.iter().map(|(version, files)| (*version, files.len())).collect();
        assert_eq!(complete, [(7, 1), (9, 2)]);
    }
}
