//! Positions of a source that has no other place for them: one file per pipeline in the data folder.
//!
//! Replaced atomically and synced at each commit; locked, so that two processes cannot read the same source twice
//! under one name. The lock is the file system's and goes with the process, however it ends.
//!
//! Partitions come and go, as rotated files do. Positions of those that went are kept for a while, should one come back:
//! the file stands in the order in which they went, those that are still there last.

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use catchwater_sdk::files::{file_name, replace};
use catchwater_sdk::{Error, Partition, Positions, Result, ResultExt};
use serde::{Deserialize, Serialize};

/// So many partitions that went are remembered; the position of one that went before them is forgotten. (Invariant 9)
const GONE_MAX: usize = 1000;

/// Whether positions of `pipeline` are kept in this data folder.
pub fn are_kept(data_dir: &Path, pipeline: &str) -> bool {
    path_of(data_dir, pipeline).exists()
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
    _lock: File,
}

#[derive(Serialize, Deserialize)]
struct Entry<'a> {
    source: &'a str,
    stream: &'a str,
    incarnation: &'a str,
    partition: i32,
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
        let gone = entries.iter().map(|(partition, _)| Arc::clone(partition)).collect();
        Ok(PositionsFile { path, committed: entries.into_iter().collect(), gone, _lock: lock })
    }

    /// What was committed last.
    pub(crate) fn committed(&self) -> &Positions {
        &self.committed
    }

    /// These partitions are there.
    pub(crate) fn take(&mut self, partitions: &[Arc<Partition>]) {
        let taken: BTreeSet<_> = partitions.iter().collect();
        self.gone.retain(|partition| !taken.contains(partition));
    }

    /// These partitions went.
    pub(crate) fn give_up(&mut self, partitions: &[Arc<Partition>]) {
        self.take(partitions);
        self.gone.extend(partitions.iter().cloned());
    }

    /// Commits: on return the positions survive a crash of the machine.
    pub(crate) fn commit(&mut self, positions: &Positions) -> Result<()> {
        let mut next = self.committed.clone();
        next.advance_all(positions); // Invariant 2
        self.replace(next)
    }

    /// Sets positions as an operator wants them, and be it backward.
    pub(crate) fn reset(&mut self, positions: &Positions) -> Result<()> {
        let mut next = self.committed.clone();
        positions.iter().for_each(|(partition, position)| next.set(Arc::clone(partition), position));
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
        write(&self.path, &next, &self.gone).or_unavailable(|| format!("write {}", self.path.display()))?;
        // Only now: a write that failed is tried again, and has to leave out the same.
        self.gone.drain(..forgotten);
        self.committed = next;
        Ok(())
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

fn read(path: &Path) -> Result<Vec<(Arc<Partition>, i64)>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).or_refused(|| format!("read {}", path.display())),
    };
    let damaged = || {
        format!("read {}: it is damaged; restore it, or delete it to read the source from its start", path.display())
    };
    let entries: Vec<OwnedEntry> = serde_json::from_str(&text).or_refused(damaged)?;
    Ok(entries.into_iter().map(OwnedEntry::into_position).collect())
}

fn write(path: &Path, positions: &Positions, gone: &VecDeque<Arc<Partition>>) -> std::io::Result<()> {
    let entry = |(partition, position): (&'_ Arc<Partition>, i64)| {
        serde_json::to_value(Entry {
            source: &partition.source,
            stream: &partition.stream,
            incarnation: &partition.incarnation,
            partition: partition.number,
            position,
        })
    };
    let went: BTreeSet<_> = gone.iter().collect();
    let first = gone.iter().filter_map(|partition| Some((partition, positions.get(partition)?)));
    let last = positions.iter().filter(|(partition, _)| !went.contains(partition));
    let entries = first.chain(last).map(entry).collect::<Result<Vec<_>, _>>()?;
    replace(path, |file| {
        serde_json::to_writer_pretty(&mut *file, &entries)?;
        file.write_all(b"\n")
    })
}

#[derive(Deserialize)]
struct OwnedEntry {
    source: String,
    stream: String,
    incarnation: String,
    partition: i32,
    position: i64,
}

impl OwnedEntry {
    fn into_position(self) -> (Arc<Partition>, i64) {
        let partition = Partition {
            source: self.source.into(),
            stream: self.stream.into(),
            incarnation: self.incarnation.into(),
            number: self.partition,
        };
        (Arc::new(partition), self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(position: i64) -> Positions {
        let partition = Partition { source: "h".into(), stream: "a b".into(), incarnation: "1".into(), number: 0 };
        [(Arc::new(partition), position)].into_iter().collect()
    }

    #[test]
    fn reads_back_what_was_committed_and_never_moves_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut file = PositionsFile::open(folder.path(), "a/b").expect("opens");
        assert!(file.committed().is_empty());
        file.commit(&at(7)).expect("commits");
        file.commit(&at(5)).expect("commits");
        drop(file);
        assert_eq!(PositionsFile::open(folder.path(), "a/b").expect("opens").committed(), &at(7));
    }

    #[test]
    fn what_is_forgotten_begins_anew_but_not_while_it_runs() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut file = PositionsFile::open(folder.path(), "p").expect("opens");
        assert!(!are_kept(folder.path(), "p"));
        file.commit(&at(7)).expect("commits");
        forget(folder.path(), "p").expect_err("it runs");
        drop(file);
        forget(folder.path(), "p").expect("it was stopped");
        assert!(!are_kept(folder.path(), "p"));
        forget(folder.path(), "p").expect("there is nothing left to forget");
    }

    fn file(number: i32) -> Arc<Partition> {
        let (source, stream, incarnation) = ("h".into(), "logs".into(), number.to_string().into());
        Arc::new(Partition { source, stream, incarnation, number: 0 })
    }

    #[test]
    fn forgets_what_went_long_ago_and_nothing_that_is_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut positions = PositionsFile::open(folder.path(), "p").expect("opens");
        let rotations = GONE_MAX as i32 + 2;
        positions.take(&[file(-1)]);
        positions.commit(&[(file(-1), 7)].into_iter().collect()).expect("commits");
        // Numbers descend, so that the order in which they went is not that of their names.
        for number in (0..rotations).rev() {
            positions.take(&[file(number)]);
            positions.give_up(&[file(number)]);
            positions.committed.set(file(number), 1);
        }
        positions.commit(&[(file(-1), 8)].into_iter().collect()).expect("commits");
        drop(positions);
        let mut positions = PositionsFile::open(folder.path(), "p").expect("opens");
        let kept = |positions: &PositionsFile, number: i32| positions.committed().get(&file(number)).is_some();
        let first_to_go = [rotations - 1, rotations - 2, rotations - 3];
        assert_eq!(first_to_go.map(|number| kept(&positions, number)), [false, false, true]);
        positions.take(&[file(-1), file(rotations - 3)]);
        positions.give_up(&[file(rotations)]);
        positions.commit(&[(file(-1), 9)].into_iter().collect()).expect("commits");
        let there = [-1, 0, rotations - 3, rotations - 4];
        assert_eq!(there.map(|number| kept(&positions, number)), [true; 4]);
        assert_eq!(positions.gone.len(), GONE_MAX);
    }

    #[test]
    fn a_second_process_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let _first = PositionsFile::open(folder.path(), "p").expect("opens");
        let error = PositionsFile::open(folder.path(), "p").expect_err("it is locked");
        assert!(error.to_string().contains("--data-dir"), "{error}");
    }

    #[test]
    fn a_damaged_file_is_refused_with_the_way_out() {
        let folder = tempfile::tempdir().expect("a folder");
        PositionsFile::open(folder.path(), "p").expect("opens").commit(&at(7)).expect("commits");
        fs::write(folder.path().join("positions/p.json"), "[{").expect("writes");
        let error = PositionsFile::open(folder.path(), "p").expect_err("it is damaged");
        assert!(error.to_string().contains("delete it"), "{error}");
    }
}
