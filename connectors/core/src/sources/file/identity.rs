//! What makes a file the same one, whatever its name is now.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::UNIX_EPOCH;

use twox_hash::XxHash3_64;

/// So much of a first line tells it from others.
const FIRST_BYTES: usize = 1024;

/// A file's place on disk, and how it begins.
///
/// The inode alone will not do: it is given again once a file is deleted. The birth tells the new one apart, where the
/// file system knows it. The first line tells a file apart that was truncated and written anew. The device is left out,
/// since its number may be another after a restart of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    inode: u64,
    born_nanos: u64,
    first_line: u64,
}

impl Identity {
    /// The identity of an open file, or `None` as long as its first line is not complete. A file that does not grow
    /// (`whole`) is what it is.
    pub(super) fn of(file: &File, metadata: &Metadata, whole: bool) -> io::Result<Option<Identity>> {
        let mut first = [0; FIRST_BYTES];
        let len = read_first(file, &mut first)?;
        let end = memchr::memchr(b'\n', &first[..len]).map(|newline| newline + 1);
        let complete = end.is_some() || len == FIRST_BYTES || (whole && len > 0);
        let first_line = XxHash3_64::oneshot(&first[..end.unwrap_or(len)]);
        let born = metadata.created().ok().and_then(|born| born.duration_since(UNIX_EPOCH).ok());
        let born_nanos = born.map_or(0, |born| born.as_nanos() as u64);
        Ok(complete.then_some(Identity { inode: metadata.ino(), born_nanos, first_line }))
    }

    /// The same file on disk; what is in it may have been replaced.
    pub(super) fn is_same_place(&self, other: &Identity) -> bool {
        (self.inode, self.born_nanos) == (other.inode, other.born_nanos)
    }

    /// The name of this life of the file. `life` counts up when it was truncated and began again with the same line.
    pub(super) fn incarnation(&self, life: u32) -> String {
        let parts = [self.inode, self.born_nanos, self.first_line].map(u64::to_le_bytes).concat();
        match life {
            0 => format!("{:016x}", XxHash3_64::oneshot(&parts)),
            life => format!("{:016x}-{life}", XxHash3_64::oneshot(&parts)),
        }
    }
}

fn read_first(file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < buffer.len() {
        match file.read_at(&mut buffer[len..], len as u64) {
            Ok(0) => break,
            Ok(count) => len += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}
