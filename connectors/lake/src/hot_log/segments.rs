//! The files of a log: `00000000000000000007.hot`, numbered. The newest is written to; each begins with a frame without
//! records, which says where the numbers of records are at. So the newest must stay, also when all in it is stored.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use catchwater_sdk::Result;
use uuid::Uuid;

use super::frame::{self, Place};
use super::slot::failed;

/// A file that is written to.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) place: Place,
    pub(super) path: PathBuf,
    pub(super) file: File,
    /// How much of it is good: what a write that failed left behind it is written over.
    pub(super) bytes: u64,
}

// === impl Segment ===

impl Segment {
    /// Makes the next one, durably.
    pub(super) fn create(folder: &Path, place: Place, first: u64) -> Result<Segment> {
        let path = path(folder, place.segment);
        let frame = frame::encode(place, first, 0, &[]);
        let create = || {
            // One that an attempt before this left behind holds nothing.
            let mut file = File::create(&path)?;
            file.write_all(&frame)?;
            file.sync_all()?;
            sync_folder(folder)?;
            Ok(file)
        };
        let file = create().map_err(|error| failed("create", &path, error))?;
        Ok(Segment { place, path, file, bytes: frame.len() as u64 })
    }
}

/// The numbers of the segments in a folder, oldest first.
pub(super) fn list(folder: &Path) -> Result<Vec<u64>> {
    let read = || -> std::io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(folder)? {
            numbers.extend(number_of(&entry?.path()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    };
    read().map_err(|error| failed("list", folder, error))
}

pub(super) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:020}.hot"))
}

pub(super) fn read(folder: &Path, number: u64) -> Result<Vec<u8>> {
    let path = path(folder, number);
    fs::read(&path).map_err(|error| failed("read", &path, error))
}

/// Everything in it is stored.
pub(super) fn remove(folder: &Path, number: u64) -> Result<()> {
    let path = path(folder, number);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed("delete", &path, error)),
        _ => {}
    }
    fail::fail_point!("lake::in_hot_log_removal", |_| std::process::abort());
    Ok(())
}

/// Keeps a damaged one, for whoever wants to look into it.
pub(super) fn set_aside(folder: &Path, number: u64, log: Uuid) -> Result<PathBuf> {
    let (path, aside) = (path(folder, number), folder.join(format!("{log}-{number}.damaged")));
    fs::rename(&path, &aside).map_err(|error| failed("rename", &path, error))?;
    Ok(aside)
}

pub(super) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

fn number_of(path: &Path) -> Option<u64> {
    let is_segment = path.extension().is_some_and(|extension| extension == "hot");
    path.file_stem().filter(|_| is_segment)?.to_str()?.parse().ok()
}
