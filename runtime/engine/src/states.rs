//! What transforms remember, in the data folder: as it was at the last barrier through which everything was durable.
//!
//! It is written before that barrier's positions are committed upstream. After a crash in between, records come again to a
//! step that knows them already; the other way round, it would never hear of them.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use catchwater_sdk::files::{file_name, replace};
use catchwater_sdk::{Result, ResultExt};

/// By step.
pub(crate) type Remembered = BTreeMap<Arc<str>, Vec<u8>>;

/// What the transforms of one task remember.
#[derive(Debug)]
pub(crate) struct States {
    folder: PathBuf,
    /// At barriers that are under way, the oldest in front; as few as there are barriers. (Invariant 9)
    under_way: VecDeque<(u64, Remembered)>,
    /// What stands in the files.
    kept: Remembered,
}

/// Where a task's are.
pub(crate) fn folder(data_dir: &Path, pipeline: &str, task: u16) -> PathBuf {
    data_dir.join("states").join(file_name(pipeline)).join(task.to_string())
}

/// What the step there remembered last.
pub(crate) fn read(folder: &Path, step: &str) -> Result<Option<Arc<[u8]>>> {
    let path = folder.join(file_name(step));
    match fs::read(&path) {
        Ok(state) => Ok(Some(state.into())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).or_refused(|| format!("read {}", path.display())),
    }
}

// === impl States ===

impl States {
    pub(crate) fn new(folder: PathBuf) -> States {
        States { folder, under_way: VecDeque::new(), kept: Remembered::new() }
    }

    /// What they remember as a barrier sets out.
    pub(crate) fn note(&mut self, barrier: u64, remembered: Remembered) {
        if !remembered.is_empty() {
            self.under_way.push_back((barrier, remembered));
        }
    }

    /// Forgets what is under way: it was abandoned.
    pub(crate) fn abandon(&mut self) {
        self.under_way.clear();
    }

    /// A barrier is complete: on return, what they remembered as it set out survives a crash of the machine.
    pub(crate) fn keep(&mut self, complete: u64) -> Result<()> {
        let Some(newest) = self.under_way.iter().rposition(|(barrier, _)| *barrier <= complete) else { return Ok(()) };
        self.under_way.drain(..newest);
        for (step, state) in &self.under_way[0].1 {
            if self.kept.get(step) != Some(state) {
                let path = self.folder.join(file_name(step));
                let doing = || format!("write {}", path.display());
                fs::create_dir_all(&self.folder).or_unavailable(doing)?;
                replace(&path, |file| file.write_all(state)).or_unavailable(doing)?;
                self.kept.insert(Arc::clone(step), state.clone());
            }
        }
        self.under_way.pop_front();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remembered(state: &[u8]) -> Remembered {
        [(Arc::from("a step"), state.to_vec())].into()
    }

    #[test]
    fn the_newest_of_the_complete_barriers_is_kept() {
        let data_dir = tempfile::tempdir().expect("a folder");
        let folder = folder(data_dir.path(), "a/pipeline", 1);
        let kept = || read(&folder, "a step").expect("it can be read").map(|state| state.to_vec());
        let mut states = States::new(folder.clone());
        states.note(1, Remembered::new());
        (2..5).for_each(|barrier| states.note(barrier, remembered(&[barrier as u8])));
        states.keep(1).expect("there is nothing to keep");
        assert_eq!(kept(), None);
        states.keep(3).expect("it can be written");
        assert_eq!(kept().as_deref(), Some(&[3][..]));
        states.abandon();
        states.keep(9).expect("there is nothing to keep");
        assert_eq!(kept().as_deref(), Some(&[3][..]));
        states.note(10, remembered(&[10]));
        states.keep(10).expect("it can be written");
        assert_eq!(kept().as_deref(), Some(&[10][..]));
    }

    #[test]
    fn what_could_not_be_kept_is_kept_at_the_next_and_does_not_pile_up() {
        let data_dir = tempfile::tempdir().expect("a folder");
        std::fs::write(data_dir.path().join("states"), "in the way").expect("writes");
        let folder = folder(data_dir.path(), "p", 0);
        let mut states = States::new(folder.clone());
        for barrier in 1..100 {
            states.note(barrier, remembered(&[barrier as u8]));
            states.keep(barrier).expect_err("a file is in the way");
        }
        assert_eq!(states.under_way.len(), 1);
        std::fs::remove_file(data_dir.path().join("states")).expect("it is there");
        states.note(100, remembered(&[100]));
        states.keep(100).expect("it can be written");
        assert_eq!(read(&folder, "a step").expect("it can be read").as_deref(), Some(&[100][..]));
    }
}
