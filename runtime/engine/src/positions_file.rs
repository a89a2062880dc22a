//! Positions of a source that has no other place for them: one file per pipeline in the data folder.
//!
//! Replaced atomically and synced at each commit; locked, so that two processes cannot read the same source twice
//! under one name. The lock is the file system's and goes with the process, however it ends.
//!
//! Partitions come and go, as rotated files do. Positions of those that went are kept for a while, should one come back:
//! the file stands in the order in which they went, those that are still there last.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use catchwater_sdk::files::{file_name, replace};
use catchwater_sdk::source::Assignment;
use catchwater_sdk::{Error, Partition, Positions, Result, ResultExt};
use serde::{Deserialize, Serialize};

/// So many partitions that went are remembered; the position of one that went before them is forgotten. (Invariant 9)
const GONE_MAX: usize = 1000;

/// Whether positions of `pipeline` are kept in this data folder.
pub fn are_kept(data_dir: &Path, pipeline: &str) -> bool {
    path_of(data_dir, pipeline).exists()
}

/// What is committed of `pipeline`, whether or not it runs: partitions with their names, those last that are there.
pub(crate) fn kept(data_dir: &Path, pipeline: &str) -> Result<Vec<Kept>> {
    read(&path_of(data_dir, pipeline))
}

/// A partition's committed position.
pub(crate) struct Kept {
    pub(crate) partition: Arc<Partition>,
    pub(crate) position: i64,
    /// See [`Assignment::name`].
    pub(crate) name: Option<Arc<str>>,
}

/// Forgets the positions of `pipeline`, so that its source is read from its start. Refused while it runs.
pub fn forget(data_dir: &Path, pipeline: &str) -> Result<()> {
    let path = path_of(data_dir, pipeline);
    if !path.exists() {
        return Ok(());
    }
    let _lock = lock(&path.with_extension("lock"), pipeline)?;
    fs::remove_file(&path).or_refused(|| format!("delete {}", path.display()))
}

fn path_of(data_dir: &Path, pipeline: &str) -> PathBuf {
    data_dir.join("positions").join(format!("{}.json", file_name(pipeline)))
}

/// The committed positions of one pipeline.
#[derive(Debug)]
pub(crate) struct PositionsFile {
    path: PathBuf,
    committed: Positions,
    /// Partitions that nobody owns now, the one that went first in front.
    gone: VecDeque<Arc<Partition>>,
    /// What partitions are known by, as far as they were told.
    names: BTreeMap<Arc<Partition>, Arc<str>>,
    _lock: File,
}

#[derive(Serialize, Deserialize)]
struct Entry<'a> {
    source: &'a str,
    stream: &'a str,
    incarnation: &'a str,
    partition: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    position: i64,
}

impl PositionsFile {
    /// Opens and locks the file of `pipeline`; it may not exist yet.
    pub(crate) fn open(data_dir: &Path, pipeline: &str) -> Result<PositionsFile> {
        let path = path_of(data_dir, pipeline);
        let folder = path.parent().expect("the file is in a folder");
        fs::create_dir_all(folder).or_refused(|| format!("create {}", folder.display()))?;
        let lock = lock(&path.with_extension("lock"), pipeline)?;
        let entries = read(&path)?;
        let gone = entries.iter().map(|kept| Arc::clone(&kept.partition)).collect();
        let names = entries.iter().filter_map(|kept| Some((Arc::clone(&kept.partition), kept.name.clone()?))).collect();
        let committed = entries.into_iter().map(|kept| (kept.partition, kept.position)).collect();
        Ok(PositionsFile { path, committed, gone, names, _lock: lock })
    }

    /// What was committed last.
    pub(crate) fn committed(&self) -> &Positions {
        &self.committed
    }

    /// These partitions are there.
    pub(crate) fn take(&mut self, assignments: &[Assignment]) {
        let name = |assignment: &Assignment| Some((Arc::clone(&assignment.partition), assignment.name.clone()?));
        self.names.extend(assignments.iter().filter_map(name));
        self.are_there(&assignments.iter().map(|assignment| Arc::clone(&assignment.partition)).collect::<Vec<_>>());
    }

    /// These partitions went.
    pub(crate) fn give_up(&mut self, partitions: &[Arc<Partition>]) {
        self.are_there(partitions);
        self.gone.extend(partitions.iter().cloned());
    }

    fn are_there(&mut self, partitions: &[Arc<Partition>]) {
        let taken: BTreeSet<_> = partitions.iter().collect();
        self.gone.retain(|partition| !taken.contains(partition));
    }

    /// Commits: on return the positions survive a crash of the machine.
    pub(crate) fn commit(&mut self, positions: &Positions) -> Result<()> {
        let mut next = self.committed.clone();
        next.advance_all(positions); // Invariant 2
        self.replace(next)
    }

    /// Sets positions as an operator wants them, and be it backward; forgets others.
    pub(crate) fn reset(&mut self, positions: &Positions, forgotten: &[Arc<Partition>]) -> Result<()> {
        let mut next = self.committed.clone();
        positions.iter().for_each(|(partition, position)| next.set(Arc::clone(partition), position));
        for partition in forgotten {
            next.remove(partition);
        }
        self.replace(next)
    }

    fn replace(&mut self, mut next: Positions) -> Result<()> {
        if next == self.committed {
            return Ok(());
        }
        let forgotten = self.gone.len().saturating_sub(GONE_MAX);
        for partition in self.gone.iter().take(forgotten) {
            next.remove(partition);
        }
        self.names.retain(|partition, _| next.get(partition).is_some());
        self.write(&next).or_unavailable(|| format!("write {}", self.path.display()))?;
        // Only now: a write that failed is tried again, and has to leave out the same.
        self.gone.drain(..forgotten);
        self.committed = next;
        Ok(())
    }

    fn write(&self, positions: &Positions) -> std::io::Result<()> {
        let went: BTreeSet<_> = self.gone.iter().collect();
        let first = self.gone.iter().filter_map(|partition| Some((partition, positions.get(partition)?)));
        let last = positions.iter().filter(|(partition, _)| !went.contains(partition));
        let entries = first.chain(last).map(|(partition, position)| self.entry(partition, position));
        let entries: Vec<_> = entries.collect();
        replace(&self.path, |file| {
            serde_json::to_writer_pretty(&mut *file, &entries)?;
            file.write_all(b"\n")
        })
    }

    fn entry<'a>(&'a self, partition: &'a Arc<Partition>, position: i64) -> Entry<'a> {
        Entry {
            source: &partition.source,
            stream: &partition.stream,
            incarnation: &partition.incarnation,
            partition: partition.number,
            name: self.names.get(partition).map(|name| &**name),
            position,
        }
    }
}

fn lock(path: &Path, pipeline: &str) -> Result<File> {
    let file = File::create(path).or_refused(|| format!("create {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::refused(format!(
            "another process runs pipeline `{pipeline}` with this data folder and holds {}; stop it, or give this one another --data-dir",
            path.display()
        ))),
        Err(TryLockError::Error(error)) => Err(error).or_refused(|| format!("lock {}", path.display())),
    }
}

fn read(path: &Path) -> Result<Vec<Kept>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).or_refused(|| format!("read {}", path.display())),
    };
    let damaged = || {
        format!("read {}: it is damaged; restore it, or delete it to read the source from its start", path.display())
    };
    let entries: Vec<OwnedEntry> = serde_json::from_str(&text).or_refused(damaged)?;
    Ok(entries.into_iter().map(OwnedEntry::into_kept).collect())
}

#[derive(Deserialize)]
struct OwnedEntry {
    source: String,
    stream: String,
    incarnation: String,
    partition: i32,
    #[serde(default)]
    name: Option<String>,
    position: i64,
}

impl OwnedEntry {
    fn into_kept(self) -> Kept {
        let partition = Partition {
            source: self.source.into(),
            stream: self.stream.into(),
            incarnation: self.incarnation.into(),
            number: self.partition,
        };
        Kept { partition: Arc::new(partition), position: self.position, name: self.name.map(Arc::from) }
    }
}

#[cfg(test)]
mod tests;
