//! The log entry by entry, for whoever wants to know what is wrong with it.

use std::collections::BTreeMap;

use catchwater_sdk::{ErrorKind, Result};
use catchwater_storage::Store;

use super::checkpoint;
use super::entry::Entry;
use super::files::{Added, FileChange, Files};
use super::log::{FOLDER, Log, entry_path};

/// What was found in a log.
#[derive(Debug, Default)]
pub(crate) struct Inspection {
    pub(crate) entries: usize,
    pub(crate) checkpoints: usize,
    /// Files of the log that are damaged or missing, with what is wrong.
    pub(crate) damage: Vec<(String, String)>,
}

/// What an entry says of files and positions.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) version: i64,
    pub(crate) added: Vec<Added>,
    pub(crate) removed: Vec<String>,
    /// Application ids with the position that they moved to.
    pub(crate) moves: Vec<(String, i64)>,
}

/// Reads every entry and every checkpoint that is there, and hands each entry on in order. One is held at a time.
pub(crate) async fn inspect(store: &Store, mut each: impl FnMut(Step)) -> Result<Inspection> {
    let log = Log::new(store.clone());
    let listing = log.list(0).await?;
    let mut inspection =
        Inspection { entries: listing.entries.len(), checkpoints: listing.checkpoints.len(), ..Inspection::default() };
    for (version, files) in &listing.checkpoints {
        if let Err(damage) = checkpoint::read(store, files, Files::Read).await? {
            inspection.damage.push((format!("checkpoint {version} ({})", files.join(", ")), damage.to_string()));
        }
    }
    inspection.damage.extend(missing_entries(&listing.entries, &listing.checkpoints));
    for version in listing.entries {
        match log.read_with(version, Files::Read).await {
            Ok(Some(entry)) => each(Step::new(version, entry)),
            Ok(None) => inspection.damage.push((entry_path(version), "it has just gone".to_owned())),
            Err(error) if error.kind() == ErrorKind::Refused => {
                inspection.damage.push((entry_path(version), error.chain()))
            }
            Err(error) => return Err(error),
        }
    }
    inspection.damage.extend(wrong_hint(&log, &listing.checkpoints).await?);
    Ok(inspection)
}

impl Step {
    fn new(version: i64, entry: Entry) -> Step {
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        for change in entry.files {
            match change {
                FileChange::Added(file) => added.push(*file),
                FileChange::Removed(path) => removed.push(path),
            }
        }
        let moves = entry.positions.into_iter().map(|position| (position.app_id, position.version)).collect();
        Step { version, added, removed, moves }
    }
}

/// Holes among the entries. Those before the oldest checkpoint may have been cleaned up.
fn missing_entries(
    entries: &std::collections::BTreeSet<i64>,
    checkpoints: &BTreeMap<i64, Vec<String>>,
) -> Vec<(String, String)> {
    const SHOWN_MAX: i64 = 10;
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Vec::new() };
    let start = if checkpoints.is_empty() { 0 } else { *first };
    let mut missing = Vec::new();
    let mut expected = start;
    for version in entries.range(..=last) {
        missing.extend((expected..*version).take(SHOWN_MAX as usize));
        expected = version + 1;
    }
    let missing = missing.into_iter().take(SHOWN_MAX as usize);
    missing.map(|version| (entry_path(version), "it is missing, and later entries are there".to_owned())).collect()
}

/// The hint of the newest checkpoint, if it names one that is not there.
async fn wrong_hint(log: &Log, checkpoints: &BTreeMap<i64, Vec<String>>) -> Result<Option<(String, String)>> {
    let hint = log.last_checkpoint().await?;
    let wrong = hint.filter(|version| !checkpoints.contains_key(version));
    Ok(wrong.map(|version| {
        (format!("{FOLDER}/_last_checkpoint"), format!("it names checkpoint {version}, which is not there"))
    }))
}
