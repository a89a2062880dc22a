//! Logs of pipelines and sinks that nobody runs any more by that name: what is in them is in no table, and nobody would ask.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use catchwater_sdk::Result;
use catchwater_sdk::files::file_name;

use super::leftovers::Leftovers;
use super::slot::{self, Slot};

/// A log with records that nobody will bring in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// Its folder.
    pub path: PathBuf,
    /// The pipeline that wrote it, as its folder has the name.
    pub pipeline: String,
    /// The sink, as well.
    pub sink: String,
}

/// The logs in a data folder that hold records, that no process has open, and that belong to none of `known`: pipelines with the
/// names of their sinks. Called when the pipelines of a process are known; what cannot be read is none.
pub fn forgotten<'a>(data_dir: &Path, known: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<Forgotten> {
    let known: BTreeSet<_> = known.into_iter().map(|(pipeline, sink)| (file_name(pipeline), file_name(sink))).collect();
    let mut forgotten = Vec::new();
    for (pipeline, folder) in folders(&slot::all(data_dir)) {
        for (sink, folder) in folders(&folder) {
            if known.contains(&(pipeline.clone(), sink.clone())) {
                continue;
            }
            let logs = Slot::take_others(folder).filter_map(|slot| with_records(slot).ok().flatten());
            forgotten.extend(logs.map(|path| Forgotten { path, pipeline: pipeline.clone(), sink: sink.clone() }));
        }
    }
    forgotten
}

/// The log's folder, if there is a record in it.
fn with_records(slot: Result<Slot>) -> Result<Option<PathBuf>> {
    let slot = slot?;
    let path = slot.folder().to_owned();
    let mut leftovers = Leftovers::of(slot)?;
    while let Some(segment) = leftovers.read_segment()? {
        if !segment.is_empty() {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// The folders in a folder by name, in order.
fn folders(folder: &Path) -> Vec<(String, PathBuf)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let named = |entry: fs::DirEntry| Some((entry.file_name().into_string().ok()?, entry.path()));
    let mut folders: Vec<_> = entries.flatten().filter_map(named).filter(|(_, path)| path.is_dir()).collect();
    folders.sort();
    folders
}
