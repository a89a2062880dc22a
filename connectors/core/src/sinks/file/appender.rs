//! One file that lines are appended to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use catchwater_sdk::{Error, Result, ResultExt};

/// A file, open or not, with what waits to be written to it.
#[derive(Debug)]
pub(super) struct Appender {
    path: PathBuf,
    waiting: Vec<u8>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    /// A device or a pipe has nothing to sync.
    regular: bool,
    unsynced: bool,
}

impl Appender {
    /// Nothing is touched yet.
    pub(super) fn new(path: &str) -> Appender {
        Appender { path: path.into(), waiting: Vec::new(), open: None }
    }

    /// What waits; to be appended to.
    pub(super) fn waiting(&mut self) -> &mut Vec<u8> {
        &mut self.waiting
    }

    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Opens the file, or makes it with the folders above it.
    pub(super) fn open(&mut self) -> Result<()> {
        if self.open.is_some() {
            return Ok(());
        }
        let opened = open(&self.path).map_err(|error| failed(error, format!("open {}", self.path.display())))?;
        let (file, regular, torn) = opened;
        if torn {
            self.waiting.insert(0, b'\n');
        }
        self.open = Some(Open { file, regular, unsynced: true });
        Ok(())
    }

    /// Writes what waits. What was written before an error waits no longer: the next attempt goes on behind it.
    pub(super) fn flush(&mut self) -> Result<()> {
        self.open()?;
        let open = self.open.as_mut().expect("it was just opened");
        let (written, result) = write(&mut open.file, &self.waiting);
        open.unsynced |= written > 0;
        self.waiting.drain(..written);
        result.map_err(|error| failed(error, format!("write to {}", self.path.display())))
    }

    /// Makes what was written survive a crash of the machine.
    pub(super) fn sync(&mut self) -> Result<()> {
        let Some(open) = self.open.as_mut().filter(|open| open.unsynced) else { return Ok(()) };
        if open.regular {
            // After a failed sync nobody knows what is on disk; another sync would claim that all is.
            let synced = open.file.sync_data();
            synced.or_kind(catchwater_sdk::ErrorKind::Stale, || format!("sync {}", self.path.display()))?;
        }
        open.unsynced = false;
        Ok(())
    }

    /// Closes the file; what waits still waits.
    pub(super) fn close(&mut self) {
        self.open = None;
    }
}

/// How much was written, also before an error.
fn write(file: &mut File, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match file.write(&bytes[written..]) {
            Ok(0) => return (written, Err(ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

/// The file, whether it is a regular one, and whether its last line has no end.
fn open(path: &Path) -> io::Result<(File, bool, bool)> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_folder(folder)?;
    let is_new = !path.exists();
    let file = OpenOptions::new().append(true).create(true).open(path)?;
    if is_new {
        // Else a crash of the machine could lose the file's name with all that was synced into it.
        sync_folder(folder)?;
    }
    let metadata = file.metadata()?;
    let torn = metadata.is_file() && is_torn(path, metadata.len())?;
    Ok((file, metadata.is_file(), torn))
}

/// Makes the folder with those above it, each so that its name survives a crash of the machine.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_folder(above)?;
    match fs::create_dir(folder) {
        // Another task was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Ok(()) => sync_folder(above),
        failed => failed,
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn is_torn(path: &Path, len: u64) -> io::Result<bool> {
    if len == 0 {
        return Ok(false);
    }
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(len - 1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// What a person must change is refused; what may pass, such as a full disk, is tried again.
fn failed(error: io::Error, doing: String) -> Error {
    use ErrorKind::{
        AlreadyExists, InvalidFilename, InvalidInput, IsADirectory, NotADirectory, NotFound, PermissionDenied,
        ReadOnlyFilesystem,
    };
    match error.kind() {
        AlreadyExists | InvalidFilename | InvalidInput | IsADirectory | NotADirectory | NotFound | PermissionDenied
        | ReadOnlyFilesystem => Error::refused(doing).because(error),
        _ => Error::unavailable(doing).because(error),
    }
}
