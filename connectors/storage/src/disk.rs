//! Files that survive a power cut. Everything here blocks.
//!
//! A file is written under a name that readers ignore, synced, and then gets its own name in one step; then its folder is
//! synced, without which the name would not survive. Whoever finds the name taken syncs the folder too: what it concludes
//! from that must not be undone either.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use uuid::Uuid;

/// Whether a file may take the place of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// `AlreadyExists` if there is one.
    Create,
    Replace,
}

/// A file under construction; it is removed unless it got its name.
struct Staged<'a> {
    staged: PathBuf,
    target: &'a Path,
}

/// Writes a file durably, and creates the folders above it as durably.
pub(crate) fn write<'a>(path: &Path, parts: impl Iterator<Item = &'a Bytes>, mode: Mode) -> io::Result<()> {
    // Opened first: a folder that may not be opened is found out while there is nothing in it yet.
    let folder = match File::open(parent(path)) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            create_folders(parent(path))?;
            File::open(parent(path))?
        }
        opened => opened?,
    };
    let (file, staged) = Staged::create(path)?;
    fill(file, parts)?;
    match staged.give_name(mode) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => folder.sync_all().and(Err(error)),
        Err(error) => Err(error),
        Ok(()) => folder.sync_all(),
    }
}

/// Whether trying again is of no use. [`write()`] has then written nothing.
pub(crate) fn is_refusal(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotADirectory | ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}

/// Makes durable a file that is in its place already.
pub(crate) fn sync_file(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    sync_folder(parent(path))
}

/// Makes a folder's entries durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Creates a folder and those above it. A folder is durable once the folder above it is synced.
fn create_folders(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        // Who created it may not have synced it yet.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => {}
        Err(error) if error.kind() == ErrorKind::NotFound && folder.parent().is_some() => {
            create_folders(parent(folder))?;
            return create_folders(folder);
        }
        created => created?,
    }
    sync_folder(parent(folder))
}

fn fill<'a>(mut file: File, parts: impl Iterator<Item = &'a Bytes>) -> io::Result<()> {
    for part in parts {
        file.write_all(part)?;
    }
    file.sync_all()
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

// === impl Staged ===

impl<'a> Staged<'a> {
    /// `NAME#NUMBER`: object stores on local disk do not list it, and nobody takes it for Parquet.
    fn create(target: &'a Path) -> io::Result<(File, Staged<'a>)> {
        let mut staged = target.as_os_str().to_owned();
        staged.push(format!("#{}", Uuid::new_v4().as_u128()));
        let staged = PathBuf::from(staged);
        let file = OpenOptions::new().write(true).create_new(true).open(&staged)?;
        Ok((file, Staged { staged, target }))
    }

    fn give_name(self, mode: Mode) -> io::Result<()> {
        match mode {
            Mode::Create => fs::hard_link(&self.staged, self.target),
            Mode::Replace => fs::rename(&self.staged, self.target),
        }
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        // After a rename there is nothing left to remove. What a crash leaves is ignored by readers.
        let _ = fs::remove_file(&self.staged);
    }
}
