//! A folder for one hot log, held by a lock that goes with its process, however that ends.
//!
//! A sink's logs lie under `hot-log/PIPELINE/SINK/` of the data folder, numbered. Each copy of the sink takes the first that
//! is free; a killed process so gets its own back, and what others left behind is found by whoever comes next.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use catchwater_sdk::files::file_name;
use catchwater_sdk::{Context, Error, Result, ResultExt};

const SLOTS_MAX: usize = 1024;

/// A locked folder.
#[derive(Debug)]
pub(super) struct Slot {
    folder: PathBuf,
    _lock: File,
}

/// The folder of all logs of a sink.
pub(super) fn folder(context: &Context) -> PathBuf {
    let names = [&context.pipeline, &context.component].map(|name| file_name(name));
    all(&context.data_dir).join(&names[0]).join(&names[1])
}

/// The folder of all logs of a data folder.
pub(super) fn all(data_dir: &Path) -> PathBuf {
    data_dir.join("hot-log")
}

// === impl Slot ===

impl Slot {
    /// The first that is free, a new one if all are taken.
    pub(super) fn take_first(folder: &Path) -> Result<Slot> {
        for number in 0..SLOTS_MAX {
            let slot = folder.join(number.to_string());
            fs::create_dir_all(&slot).map_err(|error| failed("create", &slot, error))?;
            if let Some(slot) = Slot::try_take(slot)? {
                return Ok(slot);
            }
        }
        Err(Error::refused(format!("all {SLOTS_MAX} hot logs in {} are in use", folder.display())))
    }

    /// Those that are there and that nobody holds, one at a time.
    pub(super) fn take_others(folder: PathBuf) -> impl Iterator<Item = Result<Slot>> {
        let slots = (0..SLOTS_MAX).map(move |number| folder.join(number.to_string()));
        slots.take_while(|slot| slot.exists()).filter_map(|slot| Slot::try_take(slot).transpose())
    }

    fn try_take(folder: PathBuf) -> Result<Option<Slot>> {
        let path = folder.join("lock");
        let lock = File::create(&path).map_err(|error| failed("create", &path, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Slot { folder, _lock: lock })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).or_refused(|| format!("lock {}", path.display())),
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

/// What went wrong on the disk of the log, and what to do.
pub(super) fn failed(doing: &str, path: &Path, error: std::io::Error) -> Error {
    let what = format!("{doing} {} of the hot log", path.display());
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Error::unavailable(format!(
            "{what}: the disk is full; make room, or move the data folder (--data-dir) to a disk that has some"
        )),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::NotADirectory => Error::refused(what),
        _ => Error::unavailable(what),
    }
    .because(error)
}
