//! The data folder and this process's place in it.
//!
//! Several processes may share a data folder. Each takes the first slot whose lock is free: a process that was killed gets
//! its own slot back at once, and with it the instance id by which brokers know it.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use catchwater_sdk::{Error, Result, ResultExt};

const SLOTS_MAX: usize = 1024;

/// A slot of a data folder, held as long as this lives.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    instance: Arc<str>,
    _lock: File,
}

impl DataDir {
    /// Takes the first free slot of the folder, which is created where missing.
    pub fn take(path: &Path) -> Result<DataDir> {
        for number in 0..SLOTS_MAX {
            let slot = path.join(format!("slot-{number}"));
            fs::create_dir_all(&slot).or_refused(|| format!("create the data folder {}", slot.display()))?;
            if let Some(lock) = try_lock(&slot.join("lock"))? {
                let instance = instance(&slot.join("instance"))?;
                return Ok(DataDir { path: path.to_owned(), instance, _lock: lock });
            }
        }
        Err(Error::refused(format!("all {SLOTS_MAX} slots of the data folder {} are taken", path.display())))
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name under which brokers know this process; it survives a restart.
    pub fn instance(&self) -> &Arc<str> {
        &self.instance
    }
}

fn try_lock(path: &Path) -> Result<Option<File>> {
    let file = File::create(path).or_refused(|| format!("create {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error).or_refused(|| format!("lock {}", path.display())),
    }
}

fn instance(path: &Path) -> Result<Arc<str>> {
    let known = fs::read_to_string(path).unwrap_or_default();
    if !known.trim().is_empty() {
        return Ok(known.trim().into());
    }
    let new = format!("catchwater-{:016x}", fastrand::u64(..));
    fs::write(path, &new).or_refused(|| format!("write {}", path.display()))?;
    Ok(new.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_given_up_is_taken_again_with_its_instance_id() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = DataDir::take(folder.path()).expect("a slot");
        let second = DataDir::take(folder.path()).expect("a slot");
        assert_ne!(first.instance(), second.instance());
        let name = first.instance().clone();
        drop(first);
        assert_eq!(DataDir::take(folder.path()).expect("a slot").instance(), &name);
    }
}
